"""What a run tells GitHub Actions: annotations in its output, and the summary of its job."""

import os
from collections.abc import Iterator
from pathlib import Path

from saveproof.reports.annotations import annotations
from saveproof.reports.markdown import markdown
from saveproof.reports.matrix import Matrix


def told(figures: Matrix) -> Iterator[str]:
    """Yield lines to print, and append the Markdown report to the job's summary.

    Outside of GitHub Actions there is neither.
    """
    if not os.environ.get("GITHUB_ACTIONS"):
        return
    yield from annotations(figures)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(f"{markdown(figures)}\n")
        except OSError as error:
            yield f"saveproof: {summary}: the summary can't be written: {error.strerror or error}"
