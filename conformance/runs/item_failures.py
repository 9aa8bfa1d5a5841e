"""What a failed item of the suite says: its findings, and how to run each again."""

from collections.abc import Sequence
from pathlib import Path

from saveproof.reports.commands import commands
from saveproof.reports.records import Finding, Result


def failure(result: Result, out: Path) -> str:
    """Return the findings of a result that are no known issues, in words."""
    news = [finding for finding in result.findings if not finding.known]
    told = (_finding_text(f, commands(f, result.place, [str(out)])) for f in news)
    return "\n\n".join([result.check, *told])


def _finding_text(finding: Finding, again: Sequence[str]) -> str:
    defect = finding.defect
    expected, found = defect.difference.expected, defect.difference.found
    difference = f"  expected {expected}\n  found    {found}\n\n{finding.drawing}\n"
    return "\n".join(
        [defect.message, f"  at       {defect.where}", difference, *again, defect.traceback]
    )
