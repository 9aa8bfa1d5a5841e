"""Shows the progress of a run: bars in a terminal, and one line a minute in a pipe."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from saveproof.conformance.runs import progress
from saveproof.conformance.runs.progress import Line
from saveproof.conformance.runs.work import CampaignSpec
from saveproof.reports.wording import printable

BARS_EVERY, LINES_EVERY = 0.5, 60.0
"""Seconds between two updates in a terminal, and in a pipe."""

STANDARD_ERROR = 2


@dataclass
class Monitor:
    """Shows how far the campaigns of a run have come, in a thread of its own, until it is stopped.

    It writes to a copy of standard error, since pytest captures the original while an item runs.
    `end` is when the time limit of the run is up.
    """

    folder: Path
    campaigns: Sequence[CampaignSpec]
    end: float | None
    stream: TextIO = field(
        default_factory=lambda: os.fdopen(os.dup(STANDARD_ERROR), "w", buffering=1)
    )
    every: float | None = None
    _started: float = field(default_factory=time.monotonic)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _bars: Progress | None = None

    def start(self) -> None:
        """Begin to show the progress."""
        progress.forget(self.folder)
        console = Console(file=self.stream, highlight=False, markup=False, emoji=False)
        if console.is_terminal and not console.is_dumb_terminal:
            self._bars = _bars(console)
            for line in self._lines():
                self._bars.add_task(printable(line.subject), total=line.total, told="")
            self._bars.start()
        every = self.every or (BARS_EVERY if self._bars else LINES_EVERY)
        self._thread = threading.Thread(target=self._watch, args=(every,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Remove the bars, and show nothing more."""
        self._stopped.set()
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        if self._bars is not None:
            self._bars.stop()
        self.stream.close()
        progress.forget(self.folder)

    def _watch(self, every: float) -> None:
        while not self._stopped.wait(every):
            if self._bars is None:
                self.stream.write(f"{self._line()}\n")
            else:
                self._update(self._bars)

    def _lines(self) -> list[Line]:
        return progress.lines(self.folder, self.campaigns)

    def _left(self, lines: Sequence[Line]) -> float | None:
        now = time.monotonic()
        limit = None if self.end is None else max(0.0, self.end - now)
        return progress.left(lines, now - self._started, limit)

    def _update(self, bars: Progress) -> None:
        for task, line in zip(bars.task_ids, self._lines(), strict=True):
            bars.update(task, completed=line.examples, told=line.told(self._left([line])))

    def _line(self) -> str:
        lines = self._lines()
        seconds = self._left(lines)
        told = "; ".join(f"{line.subject}: {line.told(None)}" for line in lines)
        ending = "" if seconds is None else f"; {progress.duration(seconds)} left"
        return printable(f"saveproof: {told}{ending}")


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.fields[told]}"),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
