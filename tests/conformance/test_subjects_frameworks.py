"""The subjects of real frameworks, each in a process of its own: one backend a process."""

import json
import os
import subprocess
import sys

import pytest
from msgspec.structs import replace

from saveproof.strategies.case import Layer, to_json
from tests.conformance.keras_cases import ARCHITECTURE, CASE

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(600)]

LSTM = Layer("LSTM", {"name": "lstm", "units": 4, "dropout": 0.2})
STATELESS = replace(
    CASE,
    architecture=replace(
        ARCHITECTURE,
        layers=tuple(LSTM if one.name == "lstm" else one for one in ARCHITECTURE.layers),
    ),
)
"""Keras 3.15 on torch can't train a stateful recurrent layer: it overwrites what autograd needs."""

SUBJECTS = ("tf_keras", "keras:tensorflow", "keras:torch", "keras:jax")

ROUND_TRIPS = """
import json, sys, tempfile
from pathlib import Path
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.snapshot import differences
from saveproof.conformance.families.subjects import resolve
from saveproof.strategies import data
from saveproof.strategies.case import from_json

subject, case = resolve(sys.argv[1]), from_json(sys.argv[2])
seen = {}
for path in subject.paths():
    if path.name == "savedmodel":
        continue
    with tempfile.TemporaryDirectory() as folder:
        subject.seed(1)
        model = subject.build(case)
        subject.perform(model, case.history.before[0], data.rows(case, 0))
        before = subject.snapshot(model)
        try:
            loaded = path.load(path.save(model, Path(folder) / "model"), case)
        except Exception as error:
            seen[path.name] = [f"{type(error).__name__}: {error}"]
            continue
        after = subject.snapshot(loaded)
        seen[path.name] = [
            f"{facet}: {found.where} {found.change}"
            for facet, promise in path.contract.facets.items()
            if promise is Promise.MUST
            for found in differences(before[facet], after[facet])
        ]
        empty = [str(facet) for facet in before.facets if not before[facet]]
print(json.dumps({"environment": subject.environment(), "paths": seen, "empty": empty}))
"""

KNOWN = {
    ("keras:tensorflow", "h5"): "deserialize 'keras.metrics.mse'",
    ("keras:torch", "h5"): "deserialize 'keras.metrics.mse'",
    ("keras:jax", "h5"): "deserialize 'keras.metrics.mse'",
    ("keras:tensorflow", "keras"): "compile settings: loss/1/delta value",
    ("keras:torch", "keras"): "compile settings: loss/1/delta value",
    ("keras:jax", "keras"): "compile settings: loss/1/delta value",
    **{
        (f"keras:{backend}", path): lost
        for backend in ("tensorflow", "torch", "jax")
        for path, lost in (
            ("model_checkpoint", "compile settings: loss/1/delta value"),
            ("model_checkpoint_weights", "optimizer slots: 0 momentum missing"),
        )
    },
}
"""What the frameworks themselves get wrong with this case, by subject and path."""


RESUMED = """
import json, sys, tempfile
from pathlib import Path
from saveproof.conformance.families.keras.codegen.training import given
from saveproof.conformance.families.subjects import resolve
from saveproof.strategies import data
from saveproof.strategies.case import from_json

subject, case = resolve(sys.argv[1]), from_json(sys.argv[2])
path = next(path for path in subject.paths() if path.name == "backup_and_restore")
with tempfile.TemporaryDirectory() as folder:
    subject.seed(1)
    model, event, rows = subject.build(case), case.history.before[0], data.rows(case, 0)
    subject.perform(model, event, rows)
    callback = subject.keras.callbacks.BackupAndRestore(str(path.save(model, Path(folder) / "b")))
    batch = given(next(rows.batches(event.batch_size)))
    new = subject.build(case)
    resumed = new.fit(batch["x"], batch["y"], epochs=3, verbose=0, callbacks=[callback])
    print(json.dumps(resumed.epoch))
"""


def run(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=SUBJECTS)
def seen(request):
    case = STATELESS if request.param == "keras:torch" else CASE
    return request.param, run(ROUND_TRIPS, request.param, to_json(case).decode())


def test_every_path_brings_back_what_its_contract_says(seen):
    subject, told = seen
    unexpected = {
        name: defects
        for name, defects in told["paths"].items()
        if defects and KNOWN.get((subject, name), "\0") not in defects[0]
    }

    assert unexpected == {}


def test_every_facet_can_be_seen(seen):
    subject, told = seen

    assert told["empty"] == (["recurrent state"] if subject == "keras:torch" else [])


@pytest.mark.parametrize("subject", ["tf_keras", "keras:torch"])
def test_a_resumed_fit_begins_after_the_epoch_of_the_backup(subject):
    assert run(RESUMED, subject, to_json(STATELESS).decode()) == [1, 2]


def test_versions_are_told(seen):
    assert all(version[0].isdigit() for version in seen[1]["environment"].values())


def test_a_second_backend_in_one_process_is_refused():
    told = run(
        """
import json
from saveproof.conformance.families.subjects import resolve
resolve("keras:torch").seed(1)
try:
    resolve("keras:tensorflow").seed(1)
except RuntimeError as error:
    print(json.dumps(str(error)))
"""
    )

    assert "found Keras on torch in this process" in told
