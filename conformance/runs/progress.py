"""How far a run has come: workers write it to files, which the controller reads."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.runs.work import CampaignSpec
from saveproof.reports.files import NotWritten, write
from saveproof.reports.store import SHARDS

EVERY = 0.5
"""Seconds between two writes of a worker."""

SUFFIX = ".progress"


class State(msgspec.Struct, frozen=True):
    """How far the campaigns of one subject have come in one worker.

    `examples` and `judged` count each case once on each save path; `defects` are the distinct ones
    that make a run fail.
    """

    subject: str
    examples: int
    judged: int
    defects: frozenset[str]


class Line(NamedTuple):
    """How far a subject has come in all workers; `total` is None where only time limits it."""

    subject: str
    examples: int
    total: int | None
    judged: int
    defects: int

    def told(self, seconds: float | None) -> str:
        """Return the line as text, with the time that is left."""
        of = f" of {self.total}" if self.total is not None else ""
        defects = f"{self.defects} defect{'s' * (self.defects != 1)}"
        left = f", {duration(seconds)} left" if seconds is not None else ""
        return f"{self.examples}{of} examples, {self.judged} judged, {defects}{left}"


@dataclass
class Reporter:
    """Writes the state of a worker's campaigns to its file, now and then."""

    folder: Path
    worker: str
    _campaigns: list[Campaign] = field(default_factory=list)
    _written: float = 0.0

    def add(self, campaigns: Iterable[Campaign]) -> None:
        """Report on these campaigns too."""
        self._campaigns += campaigns

    def examined(self, *, last: bool = False) -> None:
        """Write the state if the last write is long ago; a state that can't be written is lost."""
        now = time.monotonic()
        if not last and now - self._written < EVERY:
            return
        self._written = now
        subjects = dict.fromkeys(campaign.plan.subject for campaign in self._campaigns)
        states = [self._state(subject) for subject in subjects]
        with suppress(NotWritten):
            write(self.folder / SHARDS / f"{self.worker}{SUFFIX}", msgspec.json.encode(states))

    def _state(self, subject: str) -> State:
        own = [campaign for campaign in self._campaigns if campaign.plan.subject == subject]
        return State(
            subject,
            sum(campaign.examined for campaign in own),
            sum(campaign.judged for campaign in own),
            frozenset[str]().union(*(campaign.unexpected for campaign in own)),
        )


def lines(folder: Path, campaigns: Sequence[CampaignSpec]) -> list[Line]:
    """Return how far each subject of the campaigns has come."""
    states = list(_states(folder))
    found = []
    for subject in dict.fromkeys(campaign.subject for campaign in campaigns):
        own = [state for state in states if state.subject == subject]
        specs = [campaign for campaign in campaigns if campaign.subject == subject]
        timed = any(spec.seconds for spec in specs)
        found.append(
            Line(
                subject,
                sum(state.examples for state in own),
                None if timed else sum(spec.cases for spec in specs),
                sum(state.judged for state in own),
                len(frozenset[str]().union(*(state.defects for state in own))),
            )
        )
    return found


def forget(folder: Path) -> None:
    """Remove the files of a run that has ended."""
    for file in (folder / SHARDS).glob(f"*{SUFFIX}"):
        with suppress(OSError):
            file.unlink()


def left(lines: Iterable[Line], elapsed: float, limit: float | None) -> float | None:
    """Return the seconds that are left if the rest goes on as fast, at most `limit`; None unknown.

    Each line may be of a subject that has not begun.
    """
    known = [(line.examples, line.total) for line in lines if line.total is not None]
    done, total = (sum(numbers) for numbers in zip(*known, strict=True)) if known else (0, 0)
    if not done:
        return limit
    rest = elapsed * (total - done) / done
    return rest if limit is None else min(rest, limit)


def duration(seconds: float) -> str:
    """Return a time in hours, minutes or seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{rest} s"


def _states(folder: Path) -> Iterator[State]:
    for file in (folder / SHARDS).glob(f"*{SUFFIX}"):
        with suppress(OSError, msgspec.DecodeError):
            yield from msgspec.json.decode(file.read_bytes(), type=list[State])
