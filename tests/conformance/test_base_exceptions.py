"""What a subject raises is a finding that names it and its stage, be it an `Exception` or not."""

import pytest

from saveproof.conformance.doctor import TRY, asked, doctor
from saveproof.conformance.families.description import described
from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.conformance.processes.endings import ENDING, NoAnswer
from saveproof.conformance.processes.isolation import Child
from saveproof.reports.records import Verdict
from tests.conformance.conftest import Run

SUBJECTS = "tests.conformance.gives_up"
HERE = "tests.conformance.test_base_exceptions"


def end(message: bytes) -> bytes:
    """Raise what ends the process."""
    raise {kind.__name__: kind for kind in ENDING}[message.decode()](3)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("Builds", "building raised GaveUp: out of layers"),
        ("Trains", "training raised GaveUp: out of layers"),
        ("Tells", "telling of the model raised GaveUp: out of layers"),
        ("Predicts", f"resume raised {SUBJECTS}.GaveUp: out of layers"),
    ],
)
def test_what_the_subject_raises_by_itself_is_a_harness_error(subject, words, run: Run):
    result = run(f"{SUBJECTS}:{subject}", examples=3)["round_trip_completes"]

    assert result.tally == {Verdict.HARNESS_ERROR: 3}
    assert words in result.findings[0].defect.message


@pytest.mark.parametrize(
    ("subject", "stage"),
    [("Saves", "save"), ("Loads", "load"), ("LoadsElsewhere", "another process")],
)
def test_what_a_save_or_a_load_raises_fails_at_its_stage(subject, stage, run: Run):
    result = run(f"{SUBJECTS}:{subject}", examples=3)["round_trip_completes"]

    assert result.verdict is Verdict.FAIL
    assert [f.defect.message for f in result.findings] == [
        f"{stage} raised {SUBJECTS}.GaveUp: out of layers"
    ]


def test_what_a_description_raises_is_told():
    with pytest.raises(UnusableSubject, match="save paths raised GaveUp: out of layers"):
        described(f"{SUBJECTS}:Describes")


def test_what_an_import_raises_is_told(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "gives_up_at_once.py").write_text(
        "from tests.conformance.gives_up import GaveUp\n\nraise GaveUp('out of layers')\n"
    )

    with pytest.raises(UnusableSubject, match="importing 'gives_up_at_once' raised GaveUp: out of"):
        described("gives_up_at_once:Subject")


def test_the_doctor_tells_what_is_raised():
    name = f"{SUBJECTS}:Trains"

    with Child(TRY) as child:
        told = doctor(described(name), lambda what, case: asked(child, name, what, case))

    assert {one.detail for one in told[2:]} <= {
        "GaveUp: out of layers",
        "unsupported: expected a model of one Dense layer",
        "npz promises it, no snapshot shows it",
    }


@pytest.mark.parametrize("kind", [kind.__name__ for kind in ENDING])
def test_what_ends_a_process_ends_it(kind):
    with Child(f"{HERE}:end") as child, pytest.raises(NoAnswer, match=r"ended with|memory limit"):
        child.call(kind.encode(), seconds=30)
