import pytest

from saveproof.reports.records import SEVERITY, UNEXPECTED, SubjectInfo, Verdict, family, worst


def test_every_verdict_has_its_severity():
    assert sorted(SEVERITY) == sorted(Verdict)


def test_what_is_unexpected_is_worse_than_what_is_not():
    assert set(SEVERITY[: len(UNEXPECTED)]) == UNEXPECTED


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([Verdict.PASS, Verdict.FAIL, Verdict.CRASH], Verdict.FAIL),
        ([Verdict.PASS, Verdict.GAP], Verdict.GAP),
        ([Verdict.REFUSED, Verdict.PASS, Verdict.VACUOUS], Verdict.PASS),
        ([Verdict.NOT_APPLICABLE], Verdict.NOT_APPLICABLE),
    ],
)
def test_worst_is_what_a_reader_must_know_first(verdicts, expected):
    assert worst(verdicts) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("keras", "keras"),
        ("keras:jax", "keras"),
        ("keras==3.8.0", "keras"),
        ("keras:torch==3.8.0", "keras"),
        ("tf_keras@/a/venv", "tf_keras"),
        ("my_package.my_module:MySubject", "my_package.my_module:MySubject"),
    ],
)
def test_a_framework_is_the_same_on_every_backend_and_in_every_release(subject, expected):
    assert family(subject) == expected


def test_a_pair_of_subjects_has_two_frameworks():
    pair = SubjectInfo("w → r", {}, (), writer="keras:jax", reader="tf_keras==2.18.0")

    assert pair.family == "keras and tf_keras"
