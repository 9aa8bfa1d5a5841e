"""Generated cases sent to be examined, as a campaign sends them, without reducing what is found."""

from collections.abc import Mapping, Sequence

from hypothesis.strategies import SearchStrategy

from saveproof.conformance.campaigns.campaign import Campaign, run_together
from saveproof.conformance.campaigns.plan import Examiner, Plan
from saveproof.conformance.campaigns.progress import Progress
from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Case

SECONDS = 600.0


class NothingExamined(RuntimeError):
    """The subject could do none of the cases: a rate would mean nothing."""


def examine_many(
    subject: str,
    paths: Sequence[str],
    cases: SearchStrategy[Case],
    examiner: Examiner,
    *,
    examples: int,
    seed: int,
    checks: tuple[Check, ...] = ALL_CHECKS,
) -> Mapping[str, float]:
    """Run the paths' campaigns side by side; return the seconds that the subject took on each.

    Raises:
        NothingExamined: the subject could do none of the cases on some path.
    """
    campaigns = [
        Campaign(
            Plan(
                *(subject, path, "", cases, checks),
                examples=examples,
                seed=seed,
                timeout=SECONDS,
                shrink_seconds=0.0,
            ),
            examiner,
            lambda _: None,
        )
        for path in paths
    ]
    run_together(campaigns, Progress(subject, examples, lambda _: None))
    return {campaign.plan.path: _seconds(campaign) for campaign in campaigns}


def _seconds(campaign: Campaign) -> float:
    results = campaign.results()
    if all(set(result.tally) <= {Verdict.NOT_APPLICABLE} for result in results):
        plan = campaign.plan
        raise NothingExamined(
            f"{plan.subject} {plan.path}: expected to examine some of {plan.examples} cases"
        )
    return max(result.seconds for result in results)
