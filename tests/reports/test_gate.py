"""The gate: what makes a run fail, and why."""

import msgspec
import pytest

from saveproof.reports.gate import gate
from saveproof.reports.junit import junit
from saveproof.reports.matrix import matrix
from saveproof.reports.policy import FailOn, Policy, Requirement, Shard
from saveproof.reports.records import Verdict, Witness, WitnessStatus
from saveproof.reports.renderers import RENDERERS
from saveproof.reports.summary import headline


@pytest.fixture
def passing(one_cell):
    """Return a function that gives the gate of a run of one result."""

    def passing(verdict, *fail_on, require=(), **fields):
        run = one_cell(verdict, **fields)
        policy = Policy(fail_on, require)
        header = msgspec.structs.replace(run.header, policy=policy)
        return gate(with_header(run, header))

    return passing


def with_header(run, header):
    return type(run)(header, run.results, run.footer, run.sources, run.witnesses)


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.CRASH, Verdict.TIMEOUT, Verdict.MEMORY])
def test_a_failure_fails_a_run_whatever_it_is_asked_to_fail_on(passing, verdict):
    assert passing(verdict).exit_code == 1
    assert passing(verdict, FailOn.GAP).exit_code == 1


@pytest.mark.parametrize(
    ("verdict", "choice"),
    [
        (Verdict.GAP, FailOn.GAP),
        (Verdict.KNOWN, FailOn.KNOWN),
        (Verdict.UNSTABLE, FailOn.UNSTABLE),
        (Verdict.NOT_SHOWN, FailOn.NOT_SHOWN),
    ],
)
def test_other_verdicts_fail_a_run_only_if_it_is_asked_to(passing, verdict, choice):
    assert passing(verdict).exit_code == 0
    assert passing(verdict, choice).exit_code == 1
    assert passing(verdict, *({*FailOn} - {choice})).exit_code == 0
    assert passing(verdict, choice).reasons == (f"the run fails on {verdict}: 1 result",)


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.VACUOUS, Verdict.REFUSED])
def test_no_choice_fails_a_run_of_other_verdicts(passing, verdict):
    assert passing(verdict, *FailOn).exit_code == 0


def test_one_gap_behind_a_known_issue_fails_a_run_that_fails_on_gaps(one_cell):
    run = one_cell(Verdict.GAP)
    known = msgspec.structs.replace(run.results[0], verdict=Verdict.KNOWN)
    header = msgspec.structs.replace(run.header, policy=Policy((FailOn.GAP,)))

    assert gate(type(run)(header, (known,), run.footer)).exit_code == 1


def test_an_incomplete_run_and_a_harness_error_end_with_2(one_cell, a_run):
    assert gate(one_cell(Verdict.HARNESS_ERROR)).exit_code == 2
    assert gate(a_run(cut=True)).exit_code == 2


REQUIRED = Requirement("weights_survive", "h5")


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - {Verdict.PASS, Verdict.HARNESS_ERROR}))
def test_a_required_check_that_does_not_pass_fails_the_run_with_the_reason(passing, verdict):
    judged = passing(verdict, require=(REQUIRED,))

    assert judged.exit_code == 1
    (why,) = judged.unmet
    assert why.startswith(
        f"required weights_survive:h5 is not met: tf_keras h5 sequential: {verdict}"
    )


def test_a_requirement_counts_the_examples_that_could_have_failed(passing):
    (why,) = passing(Verdict.GAP, require=(REQUIRED,), seen=4).unmet

    assert why.endswith("gap in 4 of 40 judged examples")


@pytest.mark.parametrize("path", ["h5", ""])
def test_a_required_check_that_passes_is_met(passing, path):
    required = Requirement("weights_survive", path, "tf_keras")

    assert passing(Verdict.PASS, require=(required,)).exit_code == 0


@pytest.mark.parametrize(
    "required",
    [
        Requirement("names_survive", "h5"),
        Requirement("names_survive"),
        Requirement("weights_survive", "keras"),
        Requirement("weights_survive", "h5", "keras:jax"),
    ],
)
def test_a_requirement_without_a_result_is_not_met(passing, required):
    judged = passing(Verdict.PASS, require=(required,))

    assert judged.exit_code == 1
    assert judged.unmet[0].endswith("no result")


def test_every_kind_that_was_run_must_pass(one_cell):
    run = one_cell()
    other = msgspec.structs.replace(
        run.results[0], kind="functional", verdict=Verdict.GAP, tally={Verdict.GAP: 2}
    )
    header = msgspec.structs.replace(run.header, policy=Policy((), (REQUIRED,)))

    (why,) = gate(type(run)(header, (*run.results, other), run.footer)).unmet

    assert "tf_keras h5 functional: gap in 2 of 2 judged examples" in why


def test_a_shard_leaves_what_others_run_to_them(one_cell):
    run = one_cell()
    elsewhere = Policy((), (Requirement("weights_survive", "keras"),))
    header = msgspec.structs.replace(run.header, policy=elsewhere, shard=Shard((1,), 2, "a"))

    assert gate(with_header(run, header)).exit_code == 0


@pytest.mark.parametrize("status", list(WitnessStatus))
def test_a_known_issue_that_no_longer_shows_as_listed_fails_the_run(one_cell, status):
    witness = Witness("lost-slots", "tf_keras", "h5", status, "No slots come back.", detail="mend")
    run = one_cell()

    judged = gate(type(run)(run.header, run.results, run.footer, witnesses=(witness,)))

    still = status is WitnessStatus.STILL_FAILS
    assert judged.exit_code == (0 if still else 1)
    assert judged.outdated == (() if still else (witness,))


@pytest.fixture
def unmet(one_cell):
    run = one_cell(Verdict.GAP)
    policy = Policy((FailOn.GAP,), (REQUIRED,))
    return matrix(with_header(run, msgspec.structs.replace(run.header, policy=policy)))


@pytest.mark.parametrize("name", sorted({*RENDERERS} - {"badge"}))
def test_every_report_says_which_requirement_is_not_met(name, unmet):
    text = RENDERERS[name](unmet).replace("\n", " ")

    assert "required weights_survive:h5 is not met" in text


def test_a_run_that_does_not_pass_is_never_shown_as_passing(unmet):
    assert not unmet.clean
    assert "1 requirement not met" in headline(unmet)
    assert "#b3261e" in RENDERERS["badge"](unmet)


def test_a_gap_that_fails_the_run_is_a_failure_for_junit(unmet, one_cell):
    assert '<failure type="gap"' in junit(unmet)
    assert '<skipped type="gap"' in junit(matrix(one_cell(Verdict.GAP)))
