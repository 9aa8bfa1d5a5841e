"""Disasters: what is said of a case where a process ended or gave no answer."""

from saveproof.conformance.checks import Defect, Judgement
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.model_state.snapshot import Difference
from saveproof.conformance.model_state.trace import Stage
from saveproof.conformance.processes.endings import (
    Crashed,
    Failed,
    IsolationError,
    Killed,
    OutOfMemory,
    TimedOut,
)
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
    return _told(error, "process", "")


def other_process_failure(error: IsolationError) -> Judgement:
    """Return what the end of the other process, which loads the source, comes to."""
    return _told(error, Stage.ANOTHER_PROCESS, f"{Stage.ANOTHER_PROCESS}: ")


def _told(error: IsolationError, where: str, before: str) -> Judgement:
    verdict = DISASTERS[type(error)]
    first, _, words = str(error).partition("\n")
    last = str(error).rstrip().rsplit("\n", 1)[-1]
    normalized_message = before + (last if verdict is Verdict.HARNESS_ERROR else first)
    parted = Difference(where, str(verdict), "an answer", normalized_message)
    defect = Defect(f"{verdict}: {normalized_message[:80]}", normalized_message, parted, words)
    return Judgement(CARRIER, Promise.MUST, verdict, (defect,))
