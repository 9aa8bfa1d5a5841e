"""The failure message of a pytest item: its findings, and the commands that reproduce them."""

from collections.abc import Sequence
from pathlib import Path

from saveproof.reports.commands import commands
from saveproof.reports.records import Finding, Result


def failure(result: Result, out: Path) -> str:
    """Return the text of a result's findings, without known issues."""
    unknown = [finding for finding in result.findings if not finding.known]
    texts = (_finding_text(f, commands(f, result.place, [str(out)])) for f in unknown)
    return "\n\n".join([result.check, *texts])


def _finding_text(finding: Finding, again: Sequence[str]) -> str:
    defect = finding.defect
    expected, found = defect.difference.expected, defect.difference.found
    difference = f"  expected {expected}\n  found    {found}\n\n{finding.drawing}\n"
    return "\n".join(
        [
            *([defect.message, f"  {finding.note}"] if finding.note else [defect.message]),
            f"  at       {defect.where}",
            *(difference, *again, defect.traceback),
        ]
    )
