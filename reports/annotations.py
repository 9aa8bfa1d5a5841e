"""GitHub annotations: workflow commands that show the defects of a run beside a commit.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterator

from saveproof.reports.causes import Cause
from saveproof.reports.commands import commands
from saveproof.reports.gate import failing
from saveproof.reports.matrix import Matrix
from saveproof.reports.records import Verdict
from saveproof.reports.wording import INCOMPLETE, places, printable, shown

MOST = 10
"""GitHub shows no more annotations of one level and step."""


def annotations(matrix: Matrix) -> list[str]:
    """Return a command for each reason why the run does not pass, then for each distinct defect.

    A defect is an error if it makes the run fail, and otherwise a warning. There are at most `MOST`
    commands.
    """
    return [*_reasons(matrix), *_defects(matrix)][:MOST]


def _reasons(matrix: Matrix) -> Iterator[str]:
    if not matrix.complete:
        yield _command("error", "saveproof: incomplete", INCOMPLETE)
    for reason in matrix.gate.reasons:
        yield _command("error", "saveproof", reason)


def _defects(matrix: Matrix) -> Iterator[str]:
    errors = failing(matrix.header.policy) | {Verdict.HARNESS_ERROR}
    for cause in sorted(matrix.causes, key=lambda cause: cause.verdict not in errors):
        level = "error" if cause.verdict in errors else "warning"
        title = f"saveproof: {shown(cause.verdict)}: {cause.code}: {cause.title}"
        yield _command(level, title, "\n".join(_lines(cause, matrix)))


def _lines(cause: Cause, matrix: Matrix) -> Iterator[str]:
    lead = cause.lead
    difference = lead.finding.defect.difference
    yield places(cause)
    if difference.expected or difference.found:
        yield f"expected {difference.expected}, found {difference.found}"
    yield from commands(lead.finding, lead.place, matrix.sources)[:1]


def _command(level: str, title: str, message: str) -> str:
    name = _escaped(printable(title)).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{_escaped(printable(message))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
