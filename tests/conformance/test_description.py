"""Descriptions: what a subject says of itself, where it may end its process or hang."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import find
from typer.testing import CliRunner

from examples import linear_class
from saveproof.conformance.cli import app
from saveproof.conformance.families import description
from saveproof.conformance.families.description import answer, described, from_json
from saveproof.conformance.families.environment import NOT_INSTALLED
from saveproof.conformance.families.subjects import SUBJECTS, resolve
from saveproof.conformance.model_state.subject import Exchanged, UnusableSubject
from saveproof.conformance.processes.foreign.protocol import NotHere
from saveproof.strategies.case import to_json
from tests.conformance.conftest import LINEAR_CASES
from tests.conformance.test_admission import LINEAR, refusal, refusal_of_interchange

ENDING = {
    "importing": "import os; os._exit(0)",
    "exiting": "raise SystemExit(0)",
    "aborting": "import os; os.abort()",
    "environment": (
        "import os\nfrom examples.linear_class import Linear\n"
        "class Subject(Linear):\n    def environment(self): os._exit(0)"
    ),
    "paths": (
        "import os\nfrom examples.linear_class import Linear\n"
        "class Subject(Linear):\n    def paths(self): os._exit(0)"
    ),
}
HANGING = "import time; time.sleep(3600)"


@pytest.fixture
def subject(tmp_path, monkeypatch):
    """Return a function that writes a module and returns its subject's name."""
    monkeypatch.syspath_prepend(tmp_path)

    def written(name: str, program: str) -> str:
        (tmp_path / f"{name}.py").write_text(program)
        return f"{name}:Subject"

    return written


@pytest.mark.parametrize("name", [*SUBJECTS, LINEAR])
def test_a_description_says_what_the_subject_does(name):
    told = described(name)

    assert told.name == name
    assert told.environment() == resolve(name).environment()
    assert [path.contract for path in told.paths()] == [p.contract for p in resolve(name).paths()]
    assert all(isinstance(path, Exchanged) for path in told.paths())


@pytest.mark.parametrize("name", [*SUBJECTS, LINEAR])
def test_a_description_has_the_files_that_are_imported(name):
    if NOT_INSTALLED in resolve(name).environment().values():
        pytest.skip(f"{name} is not installed")

    files = described(name).files()

    assert files
    assert all(Path(file).is_file() for file in files.values())
    assert all(
        Path(sys.modules[module].__file__ or "") == Path(file)
        for module, file in files.items()
        if module in sys.modules
    )


def test_files_are_those_of_the_subject_s_process(tmp_path, monkeypatch):
    """The current folder hides nothing that is installed; this process may look there first."""
    hiding = tmp_path / "examples/linear_class.py"
    hiding.parent.mkdir()
    hiding.write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    answer.cache_clear()
    told = from_json(LINEAR, answer(LINEAR)).files()

    assert told == {"examples.linear_class": linear_class.__file__}


def test_a_server_tells_files_of_its_own_environment():
    told = described(f"reference@{sys.prefix}").files()

    assert told["numpy"] == np.__file__
    assert "saveproof-shelf-" in told["saveproof.reference_impl"]


def test_what_a_worker_is_told_is_the_description():
    assert from_json(LINEAR, answer(LINEAR)) == described(LINEAR)


def test_a_described_path_neither_saves_nor_loads(tmp_path):
    (path,) = described(LINEAR).paths()

    with pytest.raises(NotHere, match="'npz' is described here; it can't save"):
        path.save(None, tmp_path)
    with pytest.raises(NotHere, match="it can't load"):
        path.load(tmp_path, None)


@pytest.mark.parametrize("how", ENDING)
@pytest.mark.parametrize("refused", [refusal, refusal_of_interchange])
def test_a_subject_that_ends_its_process_makes_no_run(how, refused, subject):
    told = refused(subject=[subject(f"ends_{how}", ENDING[how])])

    assert "its import, or telling versions and save paths, went wrong: the process ended" in told


@pytest.mark.parametrize("refused", [refusal, refusal_of_interchange])
def test_a_subject_that_hangs_makes_no_run(refused, subject, monkeypatch):
    monkeypatch.setattr(description, "SECONDS", 0.7)

    assert "gave no answer in 0.7 s; mend it" in refused(subject=[subject("hangs", HANGING)])


def test_a_server_that_hangs_makes_no_run(monkeypatch):
    monkeypatch.setattr(description, "SECONDS", 1.5)

    with pytest.raises(UnusableSubject, match=r"gave no answer in 1\.5 s"):
        described("exec:sleep 3600")


@pytest.mark.parametrize(
    "command", [("paths",), ("formats",), ("doctor",), ("replay", "case.json", "--subject")]
)
def test_every_command_says_that_a_subject_ends_its_process(command, subject, tmp_path):
    (tmp_path / "case.json").write_bytes(to_json(find(LINEAR_CASES, lambda _: True)))
    arguments = [str(tmp_path / w) if w.endswith(".json") else w for w in command]

    done = CliRunner().invoke(app, [*arguments, subject("ends_here", ENDING["importing"])])

    assert done.exit_code == 2
    assert "saveproof: subject 'ends_here:Subject': its import" in done.output


def test_what_there_is_not_is_told_as_before():
    with pytest.raises(UnusableSubject, match="No module named 'nothing_such'"):
        described("nothing_such:Subject")


DIES = """
import os
from examples.linear_class import Linear


class Subject(Linear):
    capabilities = None  # it does not say what it has

    def build(self, case, *, built=True):
        if case.architecture.layers[0].class_name == "GRU":
            os._exit(7)
        return super().build(case, built=built)
"""


def test_the_doctor_goes_on_where_a_layer_ends_the_process(subject):
    done = CliRunner().invoke(app, ["doctor", subject("dies_of_gru", DIES)])

    ended = "the process ended with exit code 7"
    assert done.exit_code == 1
    assert [line for line in done.output.splitlines() if ended in line] == [
        f"NO  layer GRU  {ended}"
    ]


def test_keras_on_torch_declares_what_torch_can_not_have():
    """No name has a dot; a stateful LSTM or GRU does not train there."""
    had = described("keras:torch").capabilities

    assert had.not_in_names == "."
    assert not had.takes("LSTM", "stateful")
    assert had.takes("SimpleRNN", "stateful")
    assert described("keras:jax").capabilities.not_in_names == ""
