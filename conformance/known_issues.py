"""Known issues: findings on real subjects that were reduced, confirmed and listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class KnownIssue:
    """A finding that is expected: patterns of subject, path, check and defect key; and why.

    `statement` says what is lost, with the versions; it leads the reader to docs/findings.md.
    """

    subject: str
    path: str
    check: str
    key: str
    statement: str


KNOWN_ISSUES: tuple[KnownIssue, ...] = ()


def known_issue(
    subject: str, path: str, check: str, key: str, issues: Sequence[KnownIssue] = KNOWN_ISSUES
) -> KnownIssue | None:
    """Return the first listed issue that the finding matches."""
    for issue in issues:
        patterns = (issue.subject, issue.path, issue.check, issue.key)
        if all(map(fnmatchcase, (subject, path, check, key), patterns)):
            return issue
    return None
