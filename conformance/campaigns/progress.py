"""Progress: a line now and then on how far a run has come, from whichever process is at it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

EVERY = 20.0
"""Seconds between two lines of one set of campaigns: fewer for a log, enough for a person."""


@dataclass
class Progress:
    """Counts cases, and tells of them: `total` is how many there will be, if that is known."""

    what: str
    total: int | None
    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _count: int = 0
    _told: float = field(init=False)

    def __post_init__(self) -> None:
        self._told = self.clock()

    def reducing(self, defects: int, path: str) -> None:
        """Tell that defects are being reduced, which takes as long as it may."""
        self.tell(f"{self.what}: reducing {defects} of {path}")

    def case_done(self, findings: Callable[[], int]) -> None:
        """Note that a case is done; tell of it and of the findings if nothing was told for long."""
        self._count += 1
        now = self.clock()
        if now - self._told >= EVERY:
            self._told = now
            of = f" of {self.total}" if self.total is not None else ""
            self.tell(f"{self.what}: cases done: {self._count}{of}, {findings()} unexpected")
