import pytest

from saveproof.reports.records import SEVERITY, UNEXPECTED, Verdict, worst


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
