"""Messages between processes: a record comes out as it went in, arrays to the byte."""

import ml_dtypes
import numpy as np
import pytest

from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot, same
from saveproof.conformance.model_state.trace import OtherProcess, Step, Trajectory
from saveproof.conformance.processes import wire


def test_life_comes_back_to_the_byte():
    arrays = {
        "f": np.arange(6, dtype=np.float32).reshape(2, 3),
        "half": np.array([1, np.nan], ml_dtypes.bfloat16),
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 4)),
        "json": {"a": [1, 2.5, None, "é"]},
    }
    snapshot = Snapshot({Facet.WEIGHTS: arrays})
    trajectory = Trajectory((arrays["f"],), (Step("Fit", ({"loss": 0.1},), snapshot),))

    found = wire.decode(wire.encode(OtherProcess(snapshot, trajectory)), OtherProcess)

    assert same(found.loaded[Facet.WEIGHTS], arrays)
    assert same(found.trajectory.steps[0].snapshot[Facet.WEIGHTS], arrays)
    assert found.trajectory.steps[0].logs == ({"loss": 0.1},)


def test_what_is_neither_array_nor_json_is_refused():
    with pytest.raises(TypeError, match="not object"):
        wire.encode(Snapshot({Facet.WEIGHTS: {"x": object()}}))
