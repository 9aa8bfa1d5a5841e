"""Progress: a line on the state of a run every few seconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

EVERY = 20.0
"""Seconds between two lines of one set of campaigns."""


@dataclass
class Progress:
    """Counts cases and reports them; `total` is their final number, if it is known."""

    what: str
    total: int | None
    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _count: int = 0
    _told: float = field(init=False)

    def __post_init__(self) -> None:
        self._told = self.clock()

    def reducing(self, defects: int, path: str) -> None:
        """Report that defects are being reduced."""
        self.tell(f"{self.what}: reducing {defects} of {path}")

    def case_done(self, findings: Callable[[], int]) -> None:
        """Count a case, and report the cases and findings if the last report is long ago."""
        self._count += 1
        now = self.clock()
        if now - self._told >= EVERY:
            self._told = now
            of = f" of {self.total}" if self.total is not None else ""
            self.tell(f"{self.what}: cases done: {self._count}{of}, {findings()} unexpected")
