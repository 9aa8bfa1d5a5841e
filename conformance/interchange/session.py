"""A run of exchanges: every pair, format and kind of model, written down as it goes."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.families.description import described
from saveproof.conformance.interchange.exchange import EXCHANGE
from saveproof.conformance.interchange.judging import CHECKS, COMPLETES
from saveproof.conformance.interchange.pairs import (
    Exchange,
    Pair,
    UnknownFormat,
    exchange_of,
    exchanges,
)
from saveproof.conformance.processes.endings import MEMORY
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.header import header, path_info
from saveproof.conformance.runs.preflight import (
    admitted,
    refuse_numbers,
    refuse_out,
    refuse_unknown,
)
from saveproof.conformance.runs.run_folder import RunFolder
from saveproof.reports import store
from saveproof.reports.records import Header, Result, SubjectInfo, Verdict
from saveproof.reports.store import Run
from saveproof.strategies.case import Kind
from saveproof.strategies.cases import cases

FILES = {"html": "report.html", "markdown": "report.md", "junit": "junit.xml"}


@dataclass(frozen=True)
class Wanted:
    """What was asked for; without formats or kinds, all of them.

    `across` leaves out what a subject reads of its own: a run of the subject holds that already.
    """

    subjects: Sequence[str]
    formats: Sequence[str] = ()
    kinds: Sequence[str] = ()
    across: bool = False
    examples: int = 30
    seed: int = 0
    timeout: float = 120.0
    shrink_seconds: float = 60.0
    workers: int = 1
    out: Path = Path("saveproof-interchange")
    command: str = ""
    memory: float = MEMORY


@dataclass(frozen=True)
class Task:
    """One format of one writer and one kind of model, with every reader in turn.

    The readers stand together because the writer's process keeps what it has written for them.
    """

    wanted: Wanted
    writer: str
    format: str
    kind: str
    readers: tuple[str, ...]


def run(wanted: Wanted, tell: Callable[[str], None]) -> Run:
    """Run every exchange; an interrupt ends the run, and what was found is kept.

    Raises:
        UnknownSubject, NoEnvironment, NotASubject, BrokenSubject: as `subjects.resolve` says.
        NotInstalled, SameName, NotDescribed: the subjects are none to run.
        UnknownFormat: no pair exchanges such a format, or no pair exchanges anything.
        Unknown, OutOfRange, NotAFolder: there is no such kind, number or folder to be had.
        Claimed, NotWritten: another run has the folder, or it can't be written into.
    """
    folder = RunFolder(wanted.out, FILES)
    _refuse(wanted)
    found = _exchanges(wanted)
    head = _header(wanted, found)
    tasks = list(_tasks(wanted, found))
    folder.begin(head)
    try:
        return folder.finish(head, interrupted=not _all_done(tasks, wanted.workers, tell))
    finally:
        folder.release()


def _all_done(tasks: Sequence[Task], workers: int, tell: Callable[[str], None]) -> bool:
    """Run the tasks, telling of each; return False where an interrupt came before the last."""
    try:
        for number, lines in enumerate(_performed(tasks, workers), 1):
            for line in lines:
                tell(f"[{number}/{len(tasks)}] {line}")
    except KeyboardInterrupt:
        return False
    return True


def exit_code(run: Run) -> int:
    """Return 0 for nothing unexpected, 1 for findings, 2 for a run that could not be finished."""
    verdicts = {verdict for result in run.results for verdict in result.tally}
    if not run.complete or Verdict.HARNESS_ERROR in verdicts:
        return 2
    return 1 if run.unexpected else 0


def perform(task: Task) -> list[str]:
    """Run a task's campaigns, append their results to this process's shard; tell of each."""
    child = _bench().child(task.writer, task.wanted.memory)
    return [_campaign(task, reader, child) for reader in task.readers]


class _Bench:
    """The writer's process that is at work in this one; the next writer takes its place."""

    def __init__(self) -> None:
        self._writer = ""
        self._child: Child | None = None

    def child(self, writer: str, memory: float) -> Child:
        """Return the writer's process: it keeps its readers' processes from task to task."""
        if self._child is None or self._writer != writer:
            self.clear()
            self._writer, self._child = writer, Child(EXCHANGE, memory=memory)
        return self._child

    def clear(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.close()
        self._child = None


@cache
def _bench() -> _Bench:
    return _Bench()


def _performed(tasks: Sequence[Task], workers: int) -> Iterator[list[str]]:
    if workers == 1:
        try:
            yield from map(perform, tasks)
        finally:
            _bench().clear()
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _join, (tasks[0].wanted.out,)) as pool:
        try:
            for done in as_completed([pool.submit(perform, task) for task in tasks]):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _join(out: Path) -> None:
    _folder(out).join()


@cache
def _folder(out: Path) -> RunFolder:
    """Return the folder that this process, a worker's, keeps for the run."""
    return RunFolder(out, FILES)


def _campaign(task: Task, reader: str, child: Child) -> str:
    at = exchange_of(Pair(task.writer, reader), task.format, described)
    wanted = task.wanted
    plan = Plan(
        *(at.pair.name, at.format, task.kind),
        cases(kinds=(Kind(task.kind),)),
        checks=tuple(check for check in CHECKS if at.contract.speaks_of(check.facets)),
        examples=wanted.examples,
        seed=wanted.seed,
        timeout=wanted.timeout,
        shrink_seconds=wanted.shrink_seconds,
        places=at.places,
    )

    def keep(results: Sequence[Result]) -> None:
        for result in results:
            store.append(store.shard(wanted.out, str(os.getpid())), result)

    running = Campaign(plan, child, keep)
    try:
        return _told(at, task.kind, running.run())
    finally:
        keep(running.results())


def _told(at: Exchange, kind: str, results: Sequence[Result]) -> str:
    cases_by_verdict = next((r.tally for r in results if r.check == COMPLETES), {})
    news = Counter(r.verdict for r in results for f in r.findings if not f.known)
    words = [f"{n} {verdict}" for verdict, n in cases_by_verdict.items()]
    words += [f"{n} found: {verdict}" for verdict, n in news.items()]
    return f"{at.pair.name} {at.format} {kind}: {', '.join(words)}"


def _refuse(wanted: Wanted) -> None:
    refuse_numbers(
        {"examples": wanted.examples, "timeout": wanted.timeout, "workers": wanted.workers},
        {"shrink": wanted.shrink_seconds, "memory": wanted.memory},
    )
    refuse_unknown("kind", wanted.kinds, set(map(str, Kind)))
    refuse_out(wanted.out)
    admitted(wanted.subjects)


def _exchanges(wanted: Wanted) -> list[Exchange]:
    pairs = [Pair(writer, reader) for writer in wanted.subjects for reader in wanted.subjects]
    every = [one for pair in pairs for one in exchanges(pair, described)]
    found = [one for one in every if one.across or not wanted.across]
    formats = {one.format for one in found}
    unknown = sorted(set(wanted.formats) - formats)
    if unknown or not found:
        raise UnknownFormat(
            f"expected formats of {sorted(formats)}, which these subjects exchange, found {unknown}"
        )
    return [one for one in found if not wanted.formats or one.format in wanted.formats]


def _tasks(wanted: Wanted, found: Sequence[Exchange]) -> Iterator[Task]:
    def place(one: Exchange) -> tuple[int, str]:
        return wanted.subjects.index(one.pair.writer), one.format

    for (writer, name), group in groupby(sorted(found, key=place), key=place):
        same = list(group)
        for kind in Kind:
            if wanted.kinds and kind not in wanted.kinds:
                continue
            readers = tuple(one.pair.reader for one in same if kind in one.kinds)
            if readers:
                yield Task(wanted, wanted.subjects[writer], name, str(kind), readers)


def _header(wanted: Wanted, found: Sequence[Exchange]) -> Header:
    pairs = list(dict.fromkeys(one.pair for one in found))
    return header(
        (_pair_info(pair, found) for pair in pairs),
        CHECKS,
        command=wanted.command,
        seed=wanted.seed,
        examples=wanted.examples,
    )


def _pair_info(pair: Pair, found: Sequence[Exchange]) -> SubjectInfo:
    sides = {"writer": pair.writer, "reader": pair.reader}
    versions = {
        f"{side}: {package}": version
        for side, name in sides.items()
        for package, version in described(name).environment().items()
    }
    formats = [one for one in found if one.pair == pair]
    infos = tuple(path_info(one.format, one.contract) for one in formats)
    return SubjectInfo(pair.name, versions, infos, pair.writer, pair.reader)
