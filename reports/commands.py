"""The commands that a report names: a finding's case again, and as a script."""

import re
import shlex
from collections.abc import Sequence

from saveproof.reports.records import ENDS, Finding, Place, Verdict

SCRIPTED = ("reference", "tf_keras", "keras", "keras:jax", "keras:tensorflow", "keras:torch")
"""Subjects that `saveproof repro` writes scripts for: their API is known."""

CASE_ID = re.compile("[0-9a-f]+")
"""What a case is called: anything else might be an option of the command."""

UNSCRIPTED = frozenset({*ENDS, Verdict.HARNESS_ERROR})
"""Verdicts of a process that gave no answer: no script shows one."""


def commands(finding: Finding, place: Place, sources: Sequence[str]) -> Sequence[str]:
    """Return the shell commands that run the finding's case again and print it as a script.

    There are none without a case's hash, and no script of a subject whose API is not known or of a
    process that gave no answer.
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
