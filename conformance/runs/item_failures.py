"""The failure message of a pytest item: its findings, and the commands that reproduce them."""

from collections.abc import Sequence
from pathlib import Path

from saveproof.reports.codes import code
from saveproof.reports.commands import commands
from saveproof.reports.gate import failing
from saveproof.reports.policy import Policy
from saveproof.reports.records import Finding, Result, Verdict
from saveproof.reports.wording import case_shown


def failure(result: Result, out: Path, policy: Policy) -> str:
    """Return the text of a result's findings, without known issues unless they fail the run."""
    shown = [f for f in result.findings if not f.known or Verdict.KNOWN in failing(policy)]
    texts = (_finding_text(f, commands(f, result.place, [str(out)])) for f in shown)
    return "\n\n".join([result.check, *texts] if shown else [f"{result.check}: {result.verdict}"])


def _finding_text(finding: Finding, again: Sequence[str]) -> str:
    defect = finding.defect
    expected, found = defect.difference.expected, defect.difference.found
    difference = f"  expected {expected}\n  found    {found}\n"
    shown = f"{case_shown(finding)}:\n\n{finding.drawing}\n"
    title = f"{code(defect)}: {defect.title}"
    return "\n".join(
        [
            *([title, f"  {finding.note}"] if finding.note else [title]),
            f"  at       {defect.where}",
            *(difference, shown, *again, defect.traceback),
        ]
    )
