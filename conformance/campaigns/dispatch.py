"""Requests to a child process, and the reports where it gives no answer."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from msgspec.structs import replace as with_fields

from saveproof.conformance.campaigns.plan import Examiner
from saveproof.conformance.campaigns.process_failures import (
    CARRIER,
    END_VERDICTS,
    ended_in_order,
    on_carrier,
    process_failure,
)
from saveproof.conformance.campaigns.worker import Report, Reports, Request
from saveproof.conformance.checks import Judgement, Unrepeated
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import Ending, NoAnswer, asked_again
from saveproof.reports.records import Repetition, Verdict


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


def _limit(request: Request) -> float:
    """Return the seconds for an answer: those of the process and of a load in another."""
    return 2 * request.seconds


def _one_by_one(examiner: Examiner, request: Request, error: NoAnswer) -> Iterator[Report]:
    """Yield reports on each path alone; an end that none shows alone is looked for in its order.

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
    again = _ended(examiner, request)
    if again is None:
        yield from (_once(report, request, error) for report in alone)
        return
    paths, last = _shortest_that_ends(examiner, request, again)
    crash = ended_in_order(last, paths)
    for question, report in zip(request.questions, alone, strict=True):
        spoils = question.path == crash.defects[0].spoiler
        yield _with_carrier(report, crash) if spoils else report


def _ended(examiner: Examiner, request: Request) -> NoAnswer | None:
    """Return how the process ends that is asked this; None if it answers."""
    try:
        examiner.call(wire.encode(request), seconds=_limit(request))
    except NoAnswer as error:
        return error
    return None


def _shortest_that_ends(
    examiner: Examiner, request: Request, error: NoAnswer
) -> tuple[tuple[str, ...], NoAnswer]:
    """Return the shortest order of paths that ends the process, and how it ends."""
    for size in range(2, len(request.questions)):
        for questions in combinations(request.questions, size):
            ended = _ended(examiner, with_fields(request, questions=questions))
            if ended is not None:
                return _paths(questions), ended
    return _paths(request.questions), error


def _paths(questions: Sequence[Question]) -> tuple[str, ...]:
    return tuple(question.path for question in questions)


def _once(report: Report, request: Request, error: NoAnswer) -> Report:
    """Return the report with the end that the same questions did not give again."""
    names = ", then ".join(_paths(request.questions))
    answered = "an answer"
    repetitions = (
        Repetition("each path alone, with a new model", answered),
        Repetition(f"{names}, with a new model", answered),
    )
    (defect,) = process_failure(error).defects
    once = replace(
        on_carrier(Verdict.UNSTABLE, f"once, through {names}: {error}"),
        unrepeated=(Unrepeated(defect, repetitions),),
    )
    return report if _reported(report) else _with_carrier(report, once)


def _reported(report: Report) -> bool:
    return any(j.check == CARRIER and j.defects for j in report.judgements)


def _with_carrier(report: Report, judgement: Judgement) -> Report:
    """Return the report with that judgement of the entire case."""
    others = (one for one in report.judgements if one.check != CARRIER)
    return replace(report, judgements=(*others, judgement))


def _hung_without_a_path(examiner: Examiner, request: Request) -> Reports:
    """Return the time-out of a model that can't be built and trained in time, or nothing."""
    without = reports(examiner, with_fields(request, questions=()))
    return tuple(r for r in without for j in r.judgements if j.verdict is Verdict.TIMEOUT)
