"""Campaigns side by side: a model is brought up once, and no path answers for another."""

from dataclasses import replace

import pytest
from hypothesis import strategies as st

from saveproof.conformance.campaigns.campaign import Campaign, run_together
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.worker import EXAMINE, Reports, Request, examine
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import Ending, NoAnswer
from saveproof.conformance.processes.isolation import Child
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Hop, Kind
from saveproof.strategies.cases import cases
from saveproof.strategies.generation import Generator
from tests.conformance import faulty
from tests.conformance.conftest import LINEAR_CASES

FAULTY = "tests.conformance.faulty"


class InThisProcess:
    """Examines here, where what a subject has counted can be seen."""

    def call(self, request, *, seconds):  # noqa: ARG002 (a child has limits)
        return examine(request)


class Nervous(InThisProcess):
    """Ends whenever it is asked about several paths."""

    def call(self, request, *, seconds):
        if len(wire.decode(request, Request).questions) > 1:
            raise NoAnswer(Ending.CRASHED, "the process ended with SIGSEGV")
        return super().call(request, seconds=seconds)


class Unhurried(InThisProcess):
    """Notes how many paths it is asked about, and for how long it may go on."""

    def __init__(self):
        self.allowed = set()

    def call(self, request, *, seconds):
        self.allowed.add((len(wire.decode(request, Request).questions), seconds))
        return super().call(request, seconds=seconds)


class Slow(InThisProcess):
    """Has no time for several paths, and says of one by itself that it took `each` seconds."""

    def __init__(self, *, each):
        self.each = each
        self.asked = []

    def call(self, request, *, seconds):
        self.asked.append(len(wire.decode(request, Request).questions))
        if self.asked[-1] > 1:
            raise NoAnswer(Ending.TIMED_OUT, "no answer in time: the process was ended")
        reports = wire.decode(super().call(request, seconds=seconds), Reports)
        return wire.encode(tuple(replace(report, seconds=self.each) for report in reports))


class Hasty:
    """Has a child answer at once or not at all; notes about how many paths it was asked."""

    def __init__(self, child):
        self.child = child
        self.asked = []

    def call(self, request, *, seconds):  # noqa: ARG002 (it is in more of a hurry)
        self.asked.append(len(wire.decode(request, Request).questions))
        return self.child.call(request, seconds=0.5)


def results_of(
    subject, *paths, examiner, generated=LINEAR_CASES, examples=12, hops=False, shrink_seconds=0.0
):
    """Run the paths' campaigns side by side; return the results by path and check."""
    campaigns = [
        Campaign(
            Plan(
                *(subject, path, "sequential", generated),
                examples=examples,
                shrink_seconds=shrink_seconds,
                hops=hops,
            ),
            examiner,
            lambda _: None,
        )
        for path in paths
    ]
    run_together(campaigns, lambda: None)
    return {(r.path, r.check): r for campaign in campaigns for r in campaign.results()}


def told(results):
    """Return what results say, without their times."""
    return {at: (r.verdict, r.tally, r.findings) for at, r in results.items()}


def found(results, path):
    """Return the verdicts that a path's findings count as, by check."""
    return {check: r.verdict for (at, check), r in results.items() if at == path and r.findings}


def of_any(results, check):
    """Return the findings of a check on any path; the order of the paths is drawn."""
    return [finding for (_, name), r in results.items() if name == check for finding in r.findings]


def test_a_model_is_brought_up_once_for_all_paths():
    faulty.Counting.built = 0
    results_of(f"{FAULTY}:Counting", "one", "two", "three", examiner=InThisProcess(), examples=7)

    assert faulty.Counting.built == 7


@pytest.mark.parametrize("seed", range(6))
def test_paths_side_by_side_have_the_results_that_each_has_alone(seed):
    """On the same case: each of its examples is the one case of that seed."""
    paths = ("h5", "config", "weights_in_memory", "keras")
    generated = Generator(cases(kinds=(Kind.SEQUENTIAL, Kind.SUBCLASSED), hops=True))
    given = {
        "examiner": InThisProcess(),
        "generated": st.just(generated.case(str(seed))),
        "examples": 2,
        "hops": True,
    }
    together = results_of("reference", *paths, **given)
    alone = {}
    for path in paths:
        alone |= results_of("reference", path, **given)

    assert told(together) == told(alone)


def test_paths_side_by_side_have_the_time_of_one():
    """A hang is not waited for as often as there are paths."""
    examiner = Unhurried()
    results_of(f"{FAULTY}:Counting", "one", "two", examiner=examiner, examples=1)

    assert examiner.allowed == {(2, 240.0)}


def test_paths_that_are_slow_together_are_not_unstable():
    """Alone they take more than half of the time that they had together."""
    examiner = Slow(each=70.0)
    results = results_of(f"{FAULTY}:Counting", "one", "two", examiner=examiner, examples=1)

    assert results["one", "round_trip_completes"].tally == {Verdict.PASS: 1}
    assert examiner.asked == [2, 0, 1, 1]


def test_a_hang_that_needs_two_paths_is_a_time_out_of_the_one_that_spoils():
    results = results_of(f"{FAULTY}:Counting", "one", "two", examiner=Slow(each=1.0), examples=1)

    (finding,) = of_any(results, "round_trip_completes")
    spoils, suffers = finding.defect.order
    assert {spoils, suffers} == {"one", "two"}
    assert finding.verdict is Verdict.TIMEOUT
    assert finding in results[spoils, "round_trip_completes"].findings
    assert results[suffers, "round_trip_completes"].tally == {Verdict.PASS: 1}
    assert results[suffers, "weights_survive"].tally == {Verdict.PASS: 1}


def test_a_hang_while_the_model_is_brought_up_is_not_asked_for_on_each_path():
    paths = ("one", "two", "three")
    with Child(EXAMINE) as child:
        examiner = Hasty(child)
        results = results_of(f"{FAULTY}:HangsWhileBuilding", *paths, examiner=examiner, examples=1)

    assert examiner.asked == [3, 0]
    for path in paths:
        assert results[path, "round_trip_completes"].tally == {Verdict.TIMEOUT: 1}


def test_what_a_path_does_to_the_live_model_is_not_the_next_ones_fault():
    results = results_of(f"{FAULTY}:ChangesBeside", "faulty", "sound", examiner=InThisProcess())

    assert found(results, "faulty")["saving_changes_nothing"] is Verdict.FAIL
    assert not found(results, "sound")
    assert results["sound", "optimizer_slots_survive"].tally[Verdict.PASS] > 0


def test_a_path_that_raises_is_not_the_end_for_the_next():
    results = results_of(f"{FAULTY}:RaisesBeside", "faulty", "sound", examiner=InThisProcess())

    assert found(results, "faulty") == {"round_trip_completes": Verdict.FAIL}
    assert not found(results, "sound")
    assert results["sound", "optimizer_slots_survive"].tally[Verdict.PASS] > 0


def test_a_crash_is_booked_on_the_path_that_crashes():
    with Child(EXAMINE) as child:
        results = results_of(f"{FAULTY}:DiesBeside", "faulty", "sound", examiner=child, examples=6)

    assert found(results, "faulty") == {"round_trip_completes": Verdict.CRASH}
    assert not found(results, "sound")
    assert results["sound", "round_trip_completes"].tally[Verdict.PASS] > 0


def test_a_crash_that_needs_two_paths_is_a_crash_of_the_one_that_spoils():
    results = results_of(f"{FAULTY}:Counting", "one", "two", examiner=Nervous(), examples=2)

    (finding,) = results["one", "round_trip_completes"].findings
    assert finding.verdict is Verdict.CRASH
    assert finding.defect.title.startswith("one, then two: the process ended with SIGSEGV")
    assert results["one", "weights_survive"].tally[Verdict.PASS] > 0


def test_a_crash_in_a_group_is_reduced_to_the_shortest_order():
    class Allergic(InThisProcess):
        def call(self, request, *, seconds):
            paths = [question.path for question in wire.decode(request, Request).questions]
            if {"one", "three"} <= set(paths):
                raise NoAnswer(Ending.CRASHED, "the process ended with SIGSEGV")
            return super().call(request, seconds=seconds)

    paths = ("one", "two", "three")
    results = results_of(f"{FAULTY}:Counting", *paths, examiner=Allergic(), examples=1)

    (finding,) = of_any(results, "round_trip_completes")
    assert set(finding.defect.order) == {"one", "three"}
    assert finding in results[finding.defect.order[0], "round_trip_completes"].findings


def test_a_crash_that_the_same_order_does_not_repeat_is_unstable_with_its_evidence():
    class CrashesOnce(InThisProcess):
        crashed = False

        def call(self, request, *, seconds):
            if not self.crashed:
                self.crashed = True
                raise NoAnswer(Ending.CRASHED, "the process ended with SIGSEGV")
            return super().call(request, seconds=seconds)

    results = results_of(f"{FAULTY}:Counting", "one", "two", examiner=CrashesOnce(), examples=1)

    for path in ("one", "two"):
        (finding,) = results[path, "round_trip_completes"].findings
        assert results[path, "round_trip_completes"].tally == {Verdict.UNSTABLE: 1}
        assert finding.verdict is Verdict.UNSTABLE
        assert finding.defect.message == "the process ended with SIGSEGV"
        assert [one.found for one in finding.again] == ["an answer", "an answer"]
        assert ", then " in finding.again[1].how


def test_a_hop_goes_through_the_path_that_the_case_is_examined_through():
    requests = []

    class Noting(InThisProcess):
        def call(self, request, *, seconds):
            requests.append(wire.decode(request, Request))
            return super().call(request, seconds=seconds)

    generated = cases(kinds=(Kind.SEQUENTIAL,), hops=True)
    results_of(
        *("reference", "h5", "keras"),
        examiner=Noting(),
        generated=generated,
        examples=40,
        hops=True,
    )

    hopping = [r for r in requests if any(isinstance(e, Hop) for e in r.case.history.before)]
    assert hopping
    for request in hopping:
        (question,) = request.questions
        assert {e.path for e in request.case.history.before if isinstance(e, Hop)} == {
            question.path
        }


def test_a_subject_that_does_not_repeat_itself_fails_on_no_path():
    results = results_of(f"{FAULTY}:RestlessTwice", "one", "two", examiner=InThisProcess())

    for path in ("one", "two"):
        tally = results[path, "resume_trajectory_is_identical"].tally
        assert Verdict.UNSTABLE in tally
        assert Verdict.FAIL not in tally
        assert results[path, "weights_survive"].verdict is Verdict.PASS


def test_a_crash_in_the_order_does_not_hide_what_a_path_shows_alone():
    results = results_of(f"{FAULTY}:RaisesBeside", "sound", "faulty", examiner=Nervous())

    assert results["faulty", "round_trip_completes"].verdict is Verdict.FAIL
    assert Verdict.CRASH in results["sound", "round_trip_completes"].tally


def test_a_model_that_a_failed_save_has_broken_is_that_paths_fault_alone():
    results = results_of(f"{FAULTY}:BreaksBeside", "faulty", "sound", examiner=InThisProcess())

    assert found(results, "faulty") == {"round_trip_completes": Verdict.FAIL}
    assert results["sound", "optimizer_slots_survive"].tally == {Verdict.PASS: 12}


def test_what_a_subject_cannot_do_on_one_path_hides_nothing_of_another():
    results = results_of(f"{FAULTY}:RefusesToPredict", "faulty", "sound", examiner=InThisProcess())

    assert found(results, "faulty") == {"round_trip_completes": Verdict.FAIL}
    assert results["sound", "round_trip_completes"].tally == {Verdict.PASS: 12}
    assert results["sound", "outputs_survive"].tally == {Verdict.NOT_APPLICABLE: 12}


def test_each_path_is_the_first_to_save_at_times():
    results = results_of(f"{FAULTY}:Rescued", "marks", "needs", examiner=InThisProcess())

    assert found(results, "needs")["optimizer_slots_survive"] is Verdict.FAIL
    assert set(found(results, "marks")) <= {"saving_changes_nothing"}
