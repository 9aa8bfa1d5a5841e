"""The folder of a running run: locks it, starts and finishes its event file, renders reports."""

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

FILES = {
    "html": "report.html",
    "markdown": "report.md",
    "junit": "junit.xml",
    "badge": "badge.svg",
}
"""Report files beside the event file, by the name of their renderer."""


def render(folder: Path, run: Run, files: Mapping[str, str] = FILES) -> None:
    """Write the reports of the run.

    Raises:
        NotWritten: a file can't be written.
    """
    figures = matrix(run)
    for name, file in files.items():
        write(folder / file, RENDERERS[name](figures).encode())


@dataclass(eq=False)
class RunFolder:
    """The folder of a run; `files` are its report files by the name of their renderer."""

    folder: Path
    files: Mapping[str, str]
    started: float = field(default_factory=time.monotonic)
    _claim: Claim | None = None

    def begin(self, header: Header) -> None:
        """Lock the folder and start the run's file, replacing an earlier run.

        Raises:
            Claimed: another run is using the folder.
            NotWritten: the folder can't be written.
        """
        self._claim = Claim(self.folder)
        try:
            store.begin(self.folder, header)
        except NotWritten:
            self.release()
            raise

    def join(self) -> None:
        """Share the run's lock in this worker process until the process ends.

        Raises:
            Claimed: another run is using the folder.
            NotWritten: the folder can't be written.
        """
        if self._claim is None:
            self._claim = Claim(self.folder, joins=True)

    def finish(self, header: Header, *, interrupted: bool) -> Run:
        """Merge the workers' results into the run's file, and render the reports.

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
        render(self.folder, run, self.files)
        return run

    def release(self) -> None:
        """Unlock the folder."""
        if self._claim is not None:
            self._claim.release()
        self._claim = None
