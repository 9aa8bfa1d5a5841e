"""The commands that a report shows: replay a finding's case, print it as a script, shrink it."""

import re
import shlex
from collections.abc import Sequence

from saveproof.reports.records import ENDS, Finding, Place, Verdict

SCRIPTED = ("reference", "tf_keras", "keras", "keras:jax", "keras:tensorflow", "keras:torch")
"""Subjects for which `saveproof repro` can write scripts."""

CASE_ID = re.compile("[0-9a-f]+")
"""The form of a case id; other text could be read as an option of the command."""

UNSCRIPTED = frozenset({*ENDS, Verdict.HARNESS_ERROR})
"""Verdicts of a process that gave no answer, which no script can reproduce."""


def commands(finding: Finding, place: Place, sources: Sequence[str]) -> Sequence[str]:
    """Return the shell commands that replay the finding's case and print it as a script.

    A finding without a case id has no commands. The script is left out for subjects without
    scripts and for processes that gave no answer.
    """
    if not CASE_ID.fullmatch(finding.case_id):
        return ()
    again = ["saveproof", "replay", finding.case_id, *_at(place[:2]), *_runs(sources)]
    repro = ["saveproof", "repro", finding.case_id, *_at(place), *_runs(sources)]
    scripted = place[0] in SCRIPTED and finding.verdict not in UNSCRIPTED
    return tuple(map(shlex.join, (again, repro) if scripted else (again,)))


def reduction(finding: Finding, place: Place, sources: Sequence[str]) -> str:
    """Return the shell command that goes on shrinking; empty if the case is the smallest."""
    if finding.shrunk or not CASE_ID.fullmatch(finding.case_id):
        return ""
    return shlex.join(["saveproof", "reduce", finding.case_id, *_at(place), *_runs(sources)])


def _at(place: Sequence[str]) -> Sequence[str]:
    options = ("--subject", "--path", "--check")
    return [word for pair in zip(options, place, strict=False) for word in pair]


def _runs(sources: Sequence[str]) -> Sequence[str]:
    return [word for source in sources for word in ("--run", source)]
