"""What is reported of a case where a process ended or gave no answer."""

from saveproof.conformance.checks import Judgement
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.model_state.trace import Probe
from saveproof.conformance.processes.endings import (
    Crashed,
    Failed,
    IsolationError,
    Killed,
    OutOfMemory,
    TimedOut,
)
from saveproof.reports.findings import Defect, DefectKind, Difference
from saveproof.reports.records import Verdict

END_VERDICTS = {
    Crashed: Verdict.CRASH,
    Killed: Verdict.CRASH,
    OutOfMemory: Verdict.MEMORY,
    TimedOut: Verdict.TIMEOUT,
    Failed: Verdict.HARNESS_ERROR,
}
"""Verdict by how a process ended; any check may meet any of them."""

CARRIER = "round_trip_completes"
"""The check that reports a crash, a time-out, a harness error or an unsupported case."""


def on_carrier(verdict: Verdict, reason: str) -> Judgement:
    """Return a judgement of the case as a whole, without a defect."""
    return Judgement(CARRIER, Promise.MUST, verdict, reason=reason)


def process_failure(error: IsolationError) -> Judgement:
    """Return the judgement of a case whose own process ended."""
    return _ended(error, "process")


def other_process_failure(error: IsolationError) -> Judgement:
    """Return the judgement of a case whose other process, which loads the source, ended."""
    return _ended(error, Probe.ANOTHER_PROCESS, f"{Probe.ANOTHER_PROCESS}: ")


def _ended(error: IsolationError, where: str, before: str = "") -> Judgement:
    verdict = END_VERDICTS[type(error)]
    first, _, output = str(error).partition("\n")
    last = str(error).rstrip().rsplit("\n", 1)[-1]
    words = before + (last if verdict is Verdict.HARNESS_ERROR else first)
    defect = Defect(
        DefectKind.ENDED,
        Difference(where, "an answer", words),
        name=verdict,
        probe=where if before else "",
        words=words,
        traceback=output,
    )
    return Judgement(CARRIER, Promise.MUST, verdict, (defect,))
