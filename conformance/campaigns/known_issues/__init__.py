"""Known issues, by subject."""

from collections.abc import Sequence

from saveproof.conformance.campaigns.known_issues.keras3 import KERAS_3
from saveproof.conformance.campaigns.known_issues.known_issue import KnownIssue
from saveproof.conformance.campaigns.known_issues.tf_keras import TF_KERAS
from saveproof.reports.findings import Defect

__all__ = ["KNOWN_ISSUES", "KnownIssue", "known_issue"]

KNOWN_ISSUES: tuple[KnownIssue, ...] = (*TF_KERAS, *KERAS_3)


def known_issue(
    subject: str, path: str, check: str, defect: Defect, issues: Sequence[KnownIssue] = KNOWN_ISSUES
) -> KnownIssue | None:
    """Return the first listed issue that the finding matches."""
    return next((issue for issue in issues if issue.matches(subject, path, check, defect)), None)
