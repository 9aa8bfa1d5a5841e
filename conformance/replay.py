"""Replay: one recorded or hand-written case again, with every check and every probe."""

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.process_failures import END_VERDICTS
from saveproof.conformance.campaigns.worker import EXAMINE, Report, Request
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.execution.runner import Question, path_of
from saveproof.conformance.families import subjects
from saveproof.conformance.families.description import described
from saveproof.conformance.interchange.exchange import EXCHANGE
from saveproof.conformance.interchange.pairs import Pair, exchange_of, exchanges, is_pair
from saveproof.conformance.model_state.trace import Probe
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.options import Limits
from saveproof.reports import store
from saveproof.reports.merging import merge
from saveproof.reports.records import Finding, Result, Verdict
from saveproof.strategies.case import Case, from_json
from saveproof.strategies.drawing import drawing
from saveproof.strategies.validation import validate


class NotBuiltIn(LookupError):
    """A run names a subject that is not built in: to run it is for the command line to say."""


class NoSuchCase(LookupError):
    """No finding of the run has that case id, and there is no such file."""


@dataclass(frozen=True)
class Recorded:
    """A case of a run, and where it was seen; of a file, the case alone."""

    case: Case
    subject: str | None = None
    path: str | None = None
    check: str | None = None


@dataclass(frozen=True)
class At:
    """Where a finding was made, as far as it matters."""

    subject: str | None = None
    path: str | None = None
    check: str | None = None

    def __str__(self) -> str:
        return " · ".join(name for name in (self.subject, self.path, self.check) if name)

    def takes_in(self, result: Result) -> bool:
        """Say whether the result is of this place."""
        return (
            self.subject in (None, result.subject)
            and self.path in (None, result.path)
            and self.check in (None, result.check)
        )


ANYWHERE = At()


def recorded(reference: str, runs: Sequence[Path]) -> Recorded:
    """Return the case by its id (or the start of it) in runs, or from a JSON file.

    Raises:
        NoSuchCase: neither is there; the message lists the ids that the runs have.
        InvalidCase: the file is no case, or one that can't be built.
        RunError: a run's file can't be read, or the runs contradict each other.
    """
    file = Path(reference)
    if file.is_file():
        case = from_json(file.read_bytes())
        validate(case)
        return Recorded(case)
    result, finding = found(reference, runs)
    return Recorded(case_of(finding), result.subject, result.path, result.check)


def found(reference: str, runs: Sequence[Path], at: At = ANYWHERE) -> tuple[Result, Finding]:
    """Return a finding of runs by its case's id (or the start of it), with the result that has it.

    `at` chooses among findings that share a case; of several the first is taken.

    Raises:
        NoSuchCase: the runs have no such finding; the message lists the ids that they have, or
            where the case was found.
        RunError: a run's file can't be read, or the runs contradict each other.
    """
    findings = list(_findings(runs))
    of_case = [(r, f) for r, f in findings if f.case_id.startswith(reference)]
    for result, finding in of_case:
        if at.takes_in(result):
            return result, finding
    if of_case:
        places = sorted({f"{r.subject} · {r.path} · {r.check}" for r, _ in of_case})
        raise NoSuchCase(f"case {reference!r}: expected one of {places}, found {at}")
    ids = sorted({finding.case_id for _, finding in findings})
    raise NoSuchCase(
        f"{reference!r} is neither a file nor the case of a finding of "
        f"{', '.join(map(str, runs))}: expected one of {ids}"
    )


def case_of(finding: Finding) -> Case:
    """Return the finding's case.

    Raises:
        InvalidCase: what was recorded is no case, or one that can't be built.
    """
    case = from_json(msgspec.json.encode(finding.case))
    validate(case)
    return case


def replay(
    case: Case, subject: str, paths: Sequence[str], limits: Limits
) -> Iterator[tuple[str, Report]]:
    """Yield the name of each save path and what every check, every probe made, says of the case.

    Of a pair of subjects, the paths are formats. A process that gives no answer is reported as
    the defect that it is.
    """
    names = _names(subject, paths)
    checks = frozenset(check.name for check in ALL_CHECKS)
    with Child(EXCHANGE if is_pair(subject) else EXAMINE, memory=limits.memory) as child:
        for name in names:
            question = Question(name, checks, frozenset(Probe))
            request = Request(subject, case.through(name, hops=True), (question,), limits.timeout)
            (report,) = reports(child, request)
            yield name, report


def _names(subject: str, wanted: Sequence[str]) -> Sequence[str]:
    """Return the save paths or formats to replay, those that were asked for or all of them."""
    if is_pair(subject):
        pair = Pair.of(subject)
        every = [one.format for one in exchanges(pair, described)]
        return [exchange_of(pair, name, described).format for name in wanted] or every
    one = described(subject)
    return [path_of(one, name).name for name in wanted] or [path.name for path in one.paths()]


@dataclass(frozen=True)
class Told:
    """A replay in words, and the verdicts of the defects that it showed."""

    text: str
    verdicts: frozenset[Verdict]


def told(
    reference: str,
    runs: Sequence[Path],
    subject: str | None,
    paths: Sequence[str],
    limits: Limits,
) -> Told:
    """Replay a case where it was seen, or on the subject and paths given, and tell of it.

    Raises:
        NotBuiltIn: it was seen on a subject that is not built in, and none is given.
    """
    known = recorded(reference, runs)
    name = subject or _built_in(known.subject or "reference", reference)
    seen_on = [known.path] if known.path is not None and subject is None else []
    chosen = list(paths) or seen_on
    replayed = list(replay(known.case, name, chosen, limits))
    lines = [drawing(known.case), ""]
    for path, report in replayed:
        lines += [f"{name} {path}", *_lines(report), ""]
    verdicts = (verdict for _, report in replayed for verdict in _verdicts(report))
    return Told("\n".join(lines), frozenset(verdicts))


def _verdicts(report: Report) -> Iterator[Verdict]:
    """Yield those of defects; where the subject raised before a save, that nothing was shown."""
    yield from (judgement.verdict for judgement in report.judgements if judgement.defects)
    if report.unsupported and report.fault:
        yield Verdict.HARNESS_ERROR


def _built_in(name: str, reference: str) -> str:
    """Return the subject's name; a run may come from anyone, and others' subjects are code."""
    pair = Pair.of(name)
    if not {pair.writer, pair.reader or pair.writer} <= subjects.SUBJECTS.keys():
        raise NotBuiltIn(
            f"case {reference!r} was seen on {name!r}, which is not built in; to run its code, say "
            f"so: --subject {shlex.quote(name)}"
        )
    return name


def _lines(report: Report) -> Iterator[str]:
    if report.unsupported:
        yield f"  not applicable: {report.unsupported}"
    for judgement in report.judgements:
        if judgement.verdict is Verdict.NOT_APPLICABLE:
            continue
        yield f"  {judgement.verdict:14} {judgement.check}  {judgement.reason}".rstrip()
        for defect in judgement.defects:
            yield f"      {defect.title}"
            yield f"      at       {defect.where}"
            yield f"      expected {defect.difference.expected}"
            yield f"      found    {defect.difference.found}"
            if judgement.verdict in END_VERDICTS.values():
                yield from textwrap.indent(defect.traceback, " " * 6).splitlines()


def _findings(runs: Sequence[Path]) -> Iterator[tuple[Result, Finding]]:
    for result in merge([store.read(run) for run in runs]).results:
        for finding in result.findings:
            yield result, finding
