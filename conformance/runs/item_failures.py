"""The failure message of a pytest item: its findings, and the commands that reproduce them."""

from collections.abc import Sequence
from pathlib import Path

from saveproof.reports.codes import code
from saveproof.reports.commands import commands
from saveproof.reports.records import Finding, Result
from saveproof.reports.wording import case_shown


def failure(result: Result, out: Path) -> str:
    """Return the text of a result's findings, without known issues."""
    unknown = [finding for finding in result.findings if not finding.known]
    texts = (_finding_text(f, commands(f, result.place, [str(out)])) for f in unknown)
    return "\n\n".join([result.check, *texts])


def _finding_text(finding: Finding, again: Sequence[str]) -> str:
    defect = finding.defect
    expected, found = defect.difference.expected, defect.difference.found
    difference = f"  expected {expected}\n  found    {found}\n"
    shown = f"{case_shown(finding)}:\n\n{finding.drawing}\n"
    title = f"{code(defect)}: {defect.title}"
    return "\n".join(
        [title, f"  at       {defect.where}", difference, shown, *again, defect.traceback]
    )
