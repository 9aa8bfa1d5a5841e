"""Runs generated cases as a campaign does, but without shrinking."""

from collections.abc import Mapping, Sequence

from hypothesis.strategies import SearchStrategy

from saveproof.conformance.campaigns.campaign import Campaign, run_together
from saveproof.conformance.campaigns.plan import Examiner, Plan
from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Case

SECONDS = 600.0


class NothingExamined(RuntimeError):
    """No case was applicable to the subject, so a rate would be meaningless."""


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
    """Run the campaigns of save paths that share cases; return the subject's seconds by path.

    Raises:
        NothingExamined: no case was applicable on some path.
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
    run_together(campaigns, lambda: None)
    return {campaign.plan.path: _seconds(campaign) for campaign in campaigns}


def _seconds(campaign: Campaign) -> float:
    results = campaign.results()
    if all(set(result.tally) <= {Verdict.NOT_APPLICABLE} for result in results):
        plan = campaign.plan
        raise NothingExamined(
            f"{plan.subject} {plan.path}: expected applicable cases, found none of {plan.examples}"
        )
    return max(result.seconds for result in results)
