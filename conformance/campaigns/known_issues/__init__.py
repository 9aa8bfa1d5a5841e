"""Known issues, by framework."""

import re
from collections.abc import Callable, Sequence

from saveproof.conformance.campaigns.known_issues.keras3 import KERAS_3
from saveproof.conformance.campaigns.known_issues.known_issue import KnownIssue
from saveproof.conformance.campaigns.known_issues.tf_keras import TF_KERAS
from saveproof.conformance.families.description import described
from saveproof.reports.findings import Defect

__all__ = ["KNOWN_ISSUES", "KnownIssue", "known_issue"]

KNOWN_ISSUES: tuple[KnownIssue, ...] = (*TF_KERAS, *KERAS_3)

_FRAMEWORK = re.compile("[^:=@]*")
"""The beginning of a subject's name; a backend, a release or an environment may follow."""


def release_of(subject: str, framework: str) -> str:
    """Return the release of the framework that the subject runs on."""
    return described(subject).environment()[framework]


def known_issue(
    subject: str,
    path: str,
    check: str,
    defect: Defect,
    *,
    issues: Sequence[KnownIssue] = KNOWN_ISSUES,
    release: Callable[[str, str], str] = release_of,
) -> KnownIssue | None:
    """Return the first listed issue that the finding matches; `release` gives a subject's."""
    framework = _FRAMEWORK.findall(subject)[0]
    for issue in issues:
        if issue.matches(framework, path, check, defect) and (
            not issue.releases or issue.is_of(release(subject, framework))
        ):
            return issue
    return None
