"""What a known issue is: a finding on a real subject that was reduced, confirmed and listed."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class KnownIssue:
    """A finding that is expected: patterns of subject, path, check and defect key; and why.

    `statement` says what is lost, with the versions; it leads the reader to docs/findings.md.
    `*` and `?` in a pattern stand for what they do in file names.
    """

    subject: str
    path: str
    check: str
    key: str
    statement: str

    def matches(self, subject: str, path: str, check: str, key: str) -> bool:
        """Say whether the finding is this one."""
        patterns = (self.subject, self.path, self.check, self.key)
        return all(map(fnmatchcase, (subject, path, check, key), patterns))
