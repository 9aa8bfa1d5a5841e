"""What makes a run fail, and the part of a run that was run: fields of a run's header."""

from enum import StrEnum

import msgspec


class FailOn(StrEnum):
    """What makes a run end with exit code 1."""

    FAIL = "fail"
    GAP = "gap"
    KNOWN = "known"
    UNSTABLE = "unstable"
    NOT_SHOWN = "not-shown"


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check that a run must judge and pass; an empty path or subject stands for each one."""

    check: str
    path: str = ""
    subject: str = ""

    @property
    def text(self) -> str:
        """The requirement as the command line takes it."""
        path = f":{self.path}" if self.path else ""
        return f"{self.check}{path}{f'@{self.subject}' if self.subject else ''}"


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a run end with exit code 1: verdicts, besides failures, and unmet requirements."""

    fail_on: tuple[FailOn, ...] = ()
    require: tuple[Requirement, ...] = ()


class Shard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parts of a run that were run, by number, and the number of parts.

    `plan` is equal for the parts of one run: the hash of all its campaigns.
    """

    numbers: tuple[int, ...]
    of: int
    plan: str

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers of the other parts."""
        return tuple(sorted({*range(1, self.of + 1)} - {*self.numbers}))
