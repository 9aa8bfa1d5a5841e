"""Generated cases sent to be examined, as a campaign sends them, without reducing what is found."""

from hypothesis.strategies import SearchStrategy

from conformance.campaign import Campaign
from conformance.checks import ALL_CHECKS, Check
from conformance.plan import Examiner, Plan
from reports.records import Verdict
from strategies.case import Case

SECONDS = 600.0


class NothingExamined(RuntimeError):
    """The subject could do none of the cases: a rate would mean nothing."""


def examine_many(
    subject: str,
    path: str,
    cases: SearchStrategy[Case],
    examiner: Examiner,
    *,
    examples: int,
    seed: int,
    checks: tuple[Check, ...] = ALL_CHECKS,
) -> None:
    """Run a campaign that does all but reduce what it finds.

    Raises:
        NothingExamined: the subject could do none of the cases.
    """
    plan = Plan(
        *(subject, path, "", cases, checks),
        examples=examples,
        seed=seed,
        timeout=SECONDS,
        shrink_seconds=0.0,
    )
    results = Campaign(plan, examiner, lambda _: None).run()
    if all(set(result.tally) <= {Verdict.NOT_APPLICABLE} for result in results):
        raise NothingExamined(f"{subject} {path}: expected to examine some of {examples} cases")
