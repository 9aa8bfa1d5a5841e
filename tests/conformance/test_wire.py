"""Messages between processes: a record comes out as it went in, arrays to the byte."""

import math

import ml_dtypes
import numpy as np
import pytest

from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot, same
from saveproof.conformance.model_state.trace import OtherProcess, Step, Trajectory
from saveproof.conformance.processes import wire
from saveproof.strategies.data import Rows

ENCODINGS = pytest.mark.parametrize("encoding", [wire.MESSAGEPACK, wire.JSON])


@ENCODINGS
def test_life_comes_back_to_the_byte(encoding):
    arrays = {
        "f": np.arange(6, dtype=np.float32).reshape(2, 3),
        "half": np.array([1, np.nan], ml_dtypes.bfloat16),
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 4)),
        "json": {"a": [1, 2.5, None, "é"]},
    }
    snapshot = Snapshot({Facet.WEIGHTS: arrays})
    trajectory = Trajectory((arrays["f"],), (Step("Fit", ({"loss": 0.1},), snapshot),))

    found = encoding.decode(encoding.encode(OtherProcess(snapshot, trajectory)), OtherProcess)

    assert same(found.loaded[Facet.WEIGHTS], arrays)
    assert same(found.trajectory.steps[0].snapshot[Facet.WEIGHTS], arrays)
    assert found.trajectory.steps[0].logs == ({"loss": 0.1},)


@ENCODINGS
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array(7, np.int64),
        np.zeros((0, 3)),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([1.5, -2.0], ml_dtypes.bfloat16),
    ],
)
def test_an_array_comes_back_with_its_dtype_shape_and_bytes(array, encoding):
    back = encoding.decode(encoding.encode(array), np.ndarray)

    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable


@ENCODINGS
@pytest.mark.parametrize("value", [math.inf, -math.inf, 0.1, 3, True, None, "é", [1, [2.0]]])
def test_a_json_value_comes_back_as_it_was(value, encoding):
    assert encoding.decode(encoding.encode({"key": value}), object) == {"key": value}


@ENCODINGS
def test_what_is_no_number_comes_back_as_none(encoding):
    (back,) = encoding.decode(encoding.encode([{"loss": math.nan}]), list[dict[str, float]])

    assert math.isnan(back["loss"])


@ENCODINGS
def test_rows_come_back_with_their_weights(encoding):
    rows = Rows((np.ones((2, 3)),), (np.zeros(2),), (np.ones(2),))

    back = encoding.decode(encoding.encode(rows), Rows)

    assert back.sample_weight is not None
    assert back.inputs[0].tolist() == rows.inputs[0].tolist()


def test_json_has_an_array_as_the_protocol_says():
    text = b'{"__array__":{"dtype":"float32","shape":[1,2],"data":"AACAPwAAAMA="}}'

    assert wire.JSON.encode(np.array([[1, -2]], np.float32)) == text
    assert wire.JSON.encode(math.nan) == b'{"__float__":"nan"}'


@pytest.mark.parametrize(
    "told", [b'{"dtype": "float64", "shape": [4], "data": "AACAPw=="}', b"[]", b'{"shape": [1]}']
)
def test_an_array_of_too_few_bytes_is_refused(told):
    with pytest.raises(wire.ProtocolError, match=r"expected dtype, shape and as many bytes"):
        wire.JSON.decode(b'{"__array__": %s}' % told, np.ndarray)


@ENCODINGS
def test_what_is_neither_array_nor_json_is_refused(encoding):
    with pytest.raises(TypeError, match="not object"):
        encoding.encode(Snapshot({Facet.WEIGHTS: {"x": object()}}))
