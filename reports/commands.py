"""The commands that a report shows: replay a finding's case, and print it as a script."""

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
    subject, path, check = place
    at = ["--subject", subject, "--path", path]
    runs = [word for source in sources for word in ("--run", source)]
    replay = ["saveproof", "replay", finding.case_id, *at, *runs]
    repro = ["saveproof", "repro", finding.case_id, *at, "--check", check, *runs]
    scripted = subject in SCRIPTED and finding.verdict not in UNSCRIPTED
    again = (replay, repro) if scripted else (replay,)
    return tuple(map(shlex.join, again))
