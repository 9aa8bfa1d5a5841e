"""Merges runs into a folder of their own, with its reports."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from saveproof.conformance.runs import github
from saveproof.conformance.runs.preflight import refuse_out, refuse_run
from saveproof.conformance.runs.run_folder import FILES, render
from saveproof.reports import store
from saveproof.reports.files import Claim
from saveproof.reports.matrix import matrix
from saveproof.reports.merging import joined
from saveproof.reports.terminal import terminal


class Merged(NamedTuple):
    """The terminal report of a merged run, and its exit code."""

    text: str
    exit_code: int


def merged(sources: Sequence[Path], out: Path, *, force: bool) -> Merged:
    """Merge the runs, and write the merged run and its reports into the folder.

    Raises:
        RunError: a run can't be read, or the runs can't be merged.
        HasRun, NotAFolder, Claimed, NotWritten: the folder can't be used.
    """
    refuse_run(out, force=force)
    refuse_out(out)
    together = joined([store.read(source) for source in sources])
    claim = Claim(out)
    try:
        run = store.save(out, together)
        render(out, run)
    finally:
        claim.release()
    figures = matrix(run)
    lines = [f"report: {out.absolute() / FILES['html']}", *github.told(figures)]
    text = terminal(figures) + "".join(f"{line}\n" for line in lines)
    return Merged(text, figures.gate.exit_code)
