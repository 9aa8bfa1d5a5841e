"""What a check's result says of examples that could not fail it."""

from saveproof.conformance.campaigns.tallies import MOST_REASONS, OTHER_REASONS, Tally
from saveproof.conformance.checks import Judgement
from saveproof.conformance.model_state.contract import Promise
from saveproof.reports.records import Verdict

NA, VACUOUS = Verdict.NOT_APPLICABLE, Verdict.VACUOUS


def tally(*verdicts, promised=True):
    counted = Tally()
    for verdict in verdicts:
        counted.count(verdict, "a reason")
    if promised:
        counted.note(Judgement("weights_survive", Promise.MUST, NA))
    return counted


def test_what_is_promised_and_never_judged_is_not_shown():
    assert tally(NA, VACUOUS).verdict is Verdict.NOT_SHOWN
    assert tally(VACUOUS).verdict is Verdict.NOT_SHOWN


def test_what_is_promised_on_no_example_is_not_applicable():
    assert tally(NA, promised=False).verdict is NA


def test_one_judged_example_is_enough():
    assert tally(NA, VACUOUS, Verdict.PASS).verdict is Verdict.PASS
    assert tally(NA, Verdict.REFUSED).verdict is Verdict.REFUSED


def test_reasons_are_counted_by_verdict_and_by_what_they_have_in_common():
    counted = Tally()
    for number in range(3):
        counted.count(NA, f"training raised ValueError: shape {number}")
    counted.count(VACUOUS, "no layer is shared")
    counted.count(Verdict.PASS)

    assert counted.reasons == {
        NA: {"training raised ValueError: shape …": 3},
        VACUOUS: {"no layer is shared": 1},
    }


def test_many_reasons_are_a_few_and_the_number_of_the_others():
    counted = Tally()
    for number, letter in enumerate("abcdefgh"):
        counted.count(NA, f"reason {letter}", examples=10 - number)

    reasons = counted.reasons[NA]
    assert list(reasons) == [*(f"reason {letter}" for letter in "abcde"), OTHER_REASONS]
    assert len(reasons) == MOST_REASONS + 1
    assert reasons[OTHER_REASONS] == 5 + 4 + 3
