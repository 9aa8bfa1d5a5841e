"""`saveproof check`: a model of the user's own, held to the contracts of save paths."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from saveproof.conformance.cli import app

FOLDER = Path(__file__).parent / "own"
MODEL, DATA = FOLDER / "own_model.py", FOLDER / "own_data.py"


def checked(model, data="batch", *options):
    """The outcome of the command on functions of the example files."""
    order = ["check", f"{MODEL}:{model}", "--data", f"{DATA}:{data}", *options]
    return CliRunner().invoke(app, order, env={"KERAS_BACKEND": "torch"})


@pytest.mark.frameworks
def test_a_model_with_a_layer_of_its_own_a_schedule_and_dropout_comes_back():
    done = checked("right", "batch", "--path", "keras", "--path", "weights_h5")

    assert done.exit_code == 0
    assert "✗" not in done.stdout
    assert "after the load lost RNG state" in done.stdout


@pytest.mark.frameworks
def test_an_argument_that_get_config_forgets_is_found_and_named():
    done = checked("lossy", "batch", "--path", "keras")

    assert done.exit_code == 1
    assert "✗ arguments_survive: arguments (ForgetsFactor/factor)" in done.stdout
    assert "✗ outputs_survive" in done.stdout


@pytest.mark.frameworks
def test_a_subclassed_model_with_a_config_of_its_own_resumes_exactly():
    done = checked("written", "batch", "--path", "keras")

    assert done.stderr == ""
    assert "keras: training resumes exactly" in done.stdout
    assert done.exit_code == 0


REFUSED = {
    ("uncompiled", "batch"): "expected a compiled model",
    ("nothing", "batch"): "expected a model of keras, found builtins.NoneType",
    ("absent", "batch"): "own_model.py has no function 'absent'",
    ("written", "other_each_time"): "expected the same batches in every process",
    ("written", "no_batch"): "expected (x, y) or (x, y, sample_weight), found ndarray",
}
"""Functions that return something else, and what the error says of them."""

REFUSALS = """
import json, sys
from saveproof.conformance.families.keras.own_model import OwnModelSpec, own_model
from saveproof.conformance.model_state.subject import UnusableSubject

errors = []
for model, data in json.load(sys.stdin):
    try:
        subject = own_model(OwnModelSpec(model, data).subject)
        subject.case, subject.batches
        errors.append("")
    except UnusableSubject as error:
        errors.append(str(error))
print(json.dumps(errors))
"""


@pytest.mark.frameworks
def test_a_function_that_returns_something_else_is_refused():
    asked = [(f"{MODEL}:{model}", f"{DATA}:{data}") for model, data in REFUSED]
    done = subprocess.run(
        [sys.executable, "-c", REFUSALS],
        input=json.dumps(asked),
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=True,
    )

    errors = json.loads(done.stdout.splitlines()[-1])
    assert [
        words for words, error in zip(REFUSED.values(), errors, strict=True) if words not in error
    ] == []


def test_a_file_that_is_not_there_is_refused(tmp_path):
    order = ["check", f"{tmp_path}/model.py:build", "--data", f"{DATA}:batch"]
    done = CliRunner().invoke(app, order)

    assert done.exit_code == 2
    assert "expected FILE.py:FUNCTION, found no file" in done.stderr


def test_files_that_import_no_framework_are_refused():
    order = ["check", f"{DATA}:batch", "--data", f"{DATA}:batch"]
    done = CliRunner().invoke(app, order)

    assert done.exit_code == 2
    assert "expected a file that imports keras, tf_keras or tensorflow" in done.stderr
