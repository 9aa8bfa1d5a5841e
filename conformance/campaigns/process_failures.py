"""The judgement of a case whose process ended or gave no answer."""

from dataclasses import replace

from saveproof.conformance.checks import Judgement
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.model_state.trace import Probe
from saveproof.conformance.processes.endings import Ending, NoAnswer
from saveproof.reports.findings import Defect, DefectKind, Difference
from saveproof.reports.records import Verdict

END_VERDICTS = {
    Ending.CRASHED: Verdict.CRASH,
    Ending.KILLED: Verdict.CRASH,
    Ending.OUT_OF_MEMORY: Verdict.MEMORY,
    Ending.TIMED_OUT: Verdict.TIMEOUT,
    Ending.RAISED: Verdict.HARNESS_ERROR,
}
"""Verdict by the reason for no answer; any check may meet any of them."""

CARRIER = "round_trip_completes"
"""The check that reports a crash, a time-out, a harness error or an unsupported case."""


def on_carrier(verdict: Verdict, reason: str) -> Judgement:
    """Return a judgement of the entire case, without a defect."""
    return Judgement(CARRIER, Promise.MUST, verdict, reason=reason)


def process_failure(error: NoAnswer) -> Judgement:
    """Return the judgement of a case whose own process ended."""
    return _ended(error, "process")


def other_process_failure(error: NoAnswer) -> Judgement:
    """Return the judgement of a case whose other process, which loads the source, ended."""
    return _ended(error, Probe.ANOTHER_PROCESS, f"{Probe.ANOTHER_PROCESS}: ")


def ended_in_order(error: NoAnswer, order: tuple[str, ...]) -> Judgement:
    """Return the judgement of a case whose process ends only if these paths save one model."""
    alone = process_failure(error)
    (origin,) = alone.defects
    spoiled = Defect(
        DefectKind.SPOILED,
        origin.difference,
        name=order[-1],
        origin=origin,
        order=order,
        check=alone.check,
        traceback=origin.traceback,
    )
    return replace(alone, defects=(spoiled,))


def _ended(error: NoAnswer, where: str, before: str = "") -> Judgement:
    verdict, words = END_VERDICTS[error.ending], before + error.summary
    defect = Defect(
        DefectKind.ENDED,
        Difference(where, "an answer", words),
        name=verdict,
        probe=where if before else "",
        words=words,
        traceback=str(error).partition("\n")[2],
    )
    return Judgement(CARRIER, Promise.MUST, verdict, (defect,))
