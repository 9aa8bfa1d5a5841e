"""The policy of a run from its options: what makes it end with exit code 1."""

from collections.abc import Iterable, Sequence

from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.runs.options import RunOptions
from saveproof.conformance.runs.preflight import Unknown, refuse_unknown
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec
from saveproof.reports.policy import Policy, Requirement


def policy(options: RunOptions, sets: Iterable[CampaignSet]) -> Policy:
    """Return the policy of a run of these sets.

    Raises:
        Unknown: a requirement names a check, save path or subject that is not known, or a check
            that the run does not make there.
    """
    campaigns = [campaign for each in sets for campaign in each.campaigns]
    required = tuple(map(_parsed, options.require))
    for one in required:
        _refuse(one, campaigns)
    return Policy(options.fail_on, required)


def _parsed(text: str) -> Requirement:
    """Return the requirement of `CHECK`, `CHECK:PATH`, `CHECK@SUBJECT` or `CHECK:PATH@SUBJECT`."""
    place, _, subject = text.partition("@")
    check, _, path = place.partition(":")
    return Requirement(check, path, subject)


def _refuse(required: Requirement, campaigns: Sequence[CampaignSpec]) -> None:
    refuse_unknown("required check", [required.check], {check.name for check in ALL_CHECKS})
    for what, name, known in (
        ("required save path", required.path, {campaign.path for campaign in campaigns}),
        ("required subject", required.subject, {campaign.subject for campaign in campaigns}),
    ):
        refuse_unknown(what, [name] if name else [], known)
    there = [
        campaign
        for campaign in campaigns
        if required.path in ("", campaign.path) and required.subject in ("", campaign.subject)
    ]
    if not any(required.check in campaign.checks for campaign in there):
        judged = sorted({check for campaign in there for check in campaign.checks})
        raise Unknown(
            f"required {required.text}: this run does not make the check there, since the contract "
            f"promises nothing of it or --check leaves it out; it makes {judged}"
        )
