"""Saves that spoil what comes after them, and what differs between equal runs."""

from saveproof.conformance.campaigns.worker import Request
from saveproof.conformance.processes import wire
from saveproof.reports.records import Verdict
from tests.conformance import faulty
from tests.conformance.test_together import FAULTY, InThisProcess, found, results_of


def test_a_save_that_spoils_a_later_one_is_a_finding_of_the_path_that_spoils():
    """The sufferer, which shows nothing alone, has no finding, and nothing is unstable."""
    results = results_of(f"{FAULTY}:Entangled", "marks", "minds", examiner=InThisProcess())

    (finding,) = results["marks", "saving_changes_nothing"].findings
    assert finding.verdict is Verdict.FAIL
    assert finding.defect.title.startswith("marks, then minds: optimizer slots (momentum) ")
    assert finding.defect.order == ("marks", "minds")
    assert finding.defect.check == "optimizer_slots_survive"
    assert not found(results, "minds")
    assert Verdict.UNSTABLE not in results["minds", "optimizer_slots_survive"].tally


def test_a_spoiling_save_is_reduced_to_the_shortest_order():
    paths = ("idle", "marks", "other", "minds")
    results = results_of(f"{FAULTY}:EntangledAmongOthers", *paths, examiner=InThisProcess())

    (finding,) = results["marks", "saving_changes_nothing"].findings
    assert finding.defect.order == ("marks", "minds")
    assert not found(results, "idle")
    assert not found(results, "other")


def test_a_spoiling_save_is_shrunk_in_its_order():
    results = results_of(
        *(f"{FAULTY}:Entangled", "marks", "minds"), examiner=InThisProcess(), shrink_seconds=20.0
    )

    (finding,) = results["marks", "saving_changes_nothing"].findings
    assert len(finding.case["history"]["before"]) == 1


def test_a_confirmed_order_is_not_looked_for_again():
    class Counted(InThisProcess):
        orders = 0

        def call(self, request, *, seconds):
            self.orders += len(wire.decode(request, Request).questions) > 1
            return super().call(request, seconds=seconds)

    examiner = Counted()
    results_of(f"{FAULTY}:Entangled", "marks", "minds", examiner=examiner, examples=20)

    assert examiner.orders <= 22


def test_what_truly_differs_between_equal_runs_is_unstable_with_its_evidence():
    """Both values, the case, and what the repetitions gave are in the finding."""
    faulty.Flickering.saves = 0
    results = results_of(f"{FAULTY}:Flickering", "one", "two", examiner=InThisProcess(), examples=3)

    (finding,) = results["two", "weights_survive"].findings
    assert finding.verdict is Verdict.UNSTABLE
    assert set(finding.after) <= {"one"}  # the order of the paths is drawn
    assert finding.defect.difference.expected != finding.defect.difference.found
    assert finding.case["architecture"]["layers"]
    assert [one.found for one in finding.again] == ["pass", "pass"]
    assert finding.again[0].how.startswith("two alone")
    assert ", then " in finding.again[1].how
    assert results["two", "weights_survive"].tally == {Verdict.UNSTABLE: 1, Verdict.PASS: 2}
