"""The folder of a run that goes on: that run's alone, its file begun, finished and rendered."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from saveproof.conformance.runs.header import now
from saveproof.reports import store
from saveproof.reports.files import Claim, NotWritten, write
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Header
from saveproof.reports.renderers import RENDERERS
from saveproof.reports.store import Run


@dataclass(eq=False)
class RunFolder:
    """Where a run goes; `files` is what it is rendered as at its end, by the renderer's name."""

    folder: Path
    files: Mapping[str, str]
    started: float = field(default_factory=time.monotonic)
    _claim: Claim | None = None

    def begin(self, header: Header) -> None:
        """Take the folder and begin the run's file; an earlier run in it is gone then.

        Raises:
            Claimed: another run has the folder.
            NotWritten: it can't be written into.
        """
        self._claim = Claim(self.folder)
        try:
            store.begin(self.folder, header)
        except NotWritten:
            self.release()
            raise

    def join(self) -> None:
        """Have this process, a worker's, keep the folder for the run as long as it lives.

        Raises:
            Claimed: another run has the folder.
            NotWritten: it can't be written into.
        """
        if self._claim is None:
            self._claim = Claim(self.folder, joins=True)

    def finish(self, header: Header, *, interrupted: bool) -> Run:
        """Merge what the workers have found into the run's file, and render it.

        Raises:
            NotWritten: a file can't be written.
        """
        run = store.write_run(
            self.folder,
            header=header,
            finished=now(),
            seconds=round(time.monotonic() - self.started, 1),
            interrupted=interrupted,
        )
        figures = matrix(run)
        for name, file in self.files.items():
            write(self.folder / file, RENDERERS[name](figures).encode())
        return run

    def release(self) -> None:
        """Let go of the folder."""
        if self._claim is not None:
            self._claim.release()
        self._claim = None
