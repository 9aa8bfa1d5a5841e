"""Requests to a child process, and the reports where it gives no answer."""

import time
from collections.abc import Iterator
from dataclasses import replace

from msgspec.structs import replace as with_fields

from saveproof.conformance.campaigns.plan import Examiner
from saveproof.conformance.campaigns.process_failures import (
    CARRIER,
    END_VERDICTS,
    on_carrier,
    process_failure,
)
from saveproof.conformance.campaigns.worker import Report, Reports, Request
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import Ending, NoAnswer, asked_again
from saveproof.reports.records import Verdict


def reports(examiner: Examiner, request: Request) -> Reports:
    """Return a report for each path.

    A process that was ended from outside is asked once more. After no answer on several paths, it
    is asked about each path by itself.
    """
    start = time.monotonic()
    try:
        message, seconds = wire.encode(request), _limit(request)
        answer = asked_again(lambda: examiner.call(message, seconds=seconds))
    except NoAnswer as error:
        if len(request.questions) > 1:
            return tuple(_one_by_one(examiner, request, error))
        return (Report((process_failure(error),), seconds=time.monotonic() - start),)
    return wire.decode(answer, Reports)


def confirmed(seen: Report, alone: Report) -> Report:
    """Return the report on the path by itself; a defect that does not show again is unstable."""
    shown = {j.check for j in seen.judgements if j.defects or j.verdict is Verdict.UNSTABLE}
    reason = "the subject does not repeat itself: a defect was seen once, and not again"
    judgements = tuple(
        replace(judgement, verdict=Verdict.UNSTABLE, reason=reason)
        if judgement.check in shown and judgement.verdict is Verdict.PASS
        else judgement
        for judgement in alone.judgements
    )
    return replace(alone, judgements=judgements)


def _limit(request: Request) -> float:
    """Return the seconds for an answer: those of the process and of a load in another."""
    return 2 * request.seconds


def _one_by_one(examiner: Examiner, request: Request, error: NoAnswer) -> Iterator[Report]:
    """Yield reports on each path alone; an end that shows on none of them is unstable on all.

    A model that hangs again in its building and training, without a path, is not tried on each.
    If the paths one by one take half of the time, all together may need all of it without a hang.
    """
    hung = error.ending is Ending.TIMED_OUT and _hung_without_a_path(examiner, request)
    if hung:
        yield from hung * len(request.questions)
        return
    alone = [
        report
        for question in request.questions
        for report in reports(examiner, with_fields(request, questions=(question,)))
    ]
    ended = {judgement.verdict for report in alone for judgement in report.judgements}
    slow = error.ending is Ending.TIMED_OUT and sum(r.seconds for r in alone) >= _limit(request) / 2
    if slow or ended.intersection(END_VERDICTS.values()):
        yield from alone
        return
    names = ", ".join(question.path for question in request.questions)
    once = on_carrier(Verdict.UNSTABLE, f"once, through {names} in turn: {error}")
    for report in alone:
        kept = [j for j in report.judgements if j.check != CARRIER or j.defects]
        reported = any(judgement.check == CARRIER for judgement in kept)
        yield replace(report, judgements=tuple(kept) if reported else (*kept, once))


def _hung_without_a_path(examiner: Examiner, request: Request) -> Reports:
    """Return the time-out of a model that can't be built and trained in time, or nothing."""
    without = reports(examiner, with_fields(request, questions=()))
    return tuple(r for r in without for j in r.judgements if j.verdict is Verdict.TIMEOUT)
