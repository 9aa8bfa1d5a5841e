"""The commands that a report names: a finding's case again, and as a script."""

import shlex
from collections.abc import Sequence

from reports.records import Finding, Place


def commands(finding: Finding, place: Place, sources: Sequence[str]) -> Sequence[str]:
    """Return the shell commands that run the finding's case again and print it as a script.

    There are none without a case.
    """
    if not finding.case_id:
        return ()
    subject, path, check = place
    at = ["--subject", subject, "--path", path]
    runs = [word for source in sources for word in ("--run", source)]
    replay = ["saveproof", "replay", finding.case_id, *at, *runs]
    repro = ["saveproof", "repro", finding.case_id, *at, "--check", check, *runs]
    return (shlex.join(replay), shlex.join(repro))
