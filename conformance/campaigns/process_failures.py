"""Disasters: what is said of a case where a process ended or gave no answer."""

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

DISASTERS = {
    Crashed: Verdict.CRASH,
    Killed: Verdict.CRASH,
    OutOfMemory: Verdict.MEMORY,
    TimedOut: Verdict.TIMEOUT,
    Failed: Verdict.HARNESS_ERROR,
}
"""What may come of anything that is done to the model, whichever check it is for."""

CARRIER = "round_trip_completes"
"""The check that speaks of a crash, a time-out, a harness error or an unsupported case."""


def on_carrier(verdict: Verdict, reason: str) -> Judgement:
    """Return what is said of a whole case, without a defect."""
    return Judgement(CARRIER, Promise.MUST, verdict, reason=reason)


def process_failure(error: IsolationError) -> Judgement:
    """Return what the end of the process that runs the case comes to."""
    return _ended(error, "process")


def other_process_failure(error: IsolationError) -> Judgement:
    """Return what the end of the other process, which loads the source, comes to."""
    return _ended(error, Probe.ANOTHER_PROCESS, f"{Probe.ANOTHER_PROCESS}: ")


def _ended(error: IsolationError, where: str, before: str = "") -> Judgement:
    verdict = DISASTERS[type(error)]
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
