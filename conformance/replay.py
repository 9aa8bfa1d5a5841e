"""Replay: runs one recorded or hand-written case again, with every check and every probe."""

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.in_process import InThisProcess
from saveproof.conformance.campaigns.plan import Examiner
from saveproof.conformance.campaigns.process_failures import END_VERDICTS
from saveproof.conformance.campaigns.spoiling import asked
from saveproof.conformance.campaigns.worker import EXAMINE, Report, Reports, Request
from saveproof.conformance.checks import EVERY_CHECK
from saveproof.conformance.execution.runner import Question, path_of
from saveproof.conformance.families import subjects
from saveproof.conformance.families.description import described
from saveproof.conformance.interchange.exchange import procedure_of
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
    """A run names a subject that is not built in; only the command line may have it started."""


class NotHereToDebug(LookupError):
    """A debugger can't reach the subject, since it runs in other processes."""


class NoSuchCase(LookupError):
    """No finding of the run has this case id, and no file has this name."""


@dataclass(frozen=True)
class Recorded:
    """A case, with the place of its finding where it comes from a run and not from a file."""

    case: Case
    subject: str | None = None
    path: str | None = None
    check: str | None = None


@dataclass(frozen=True)
class At:
    """The place of a finding; None stands for any."""

    subject: str | None = None
    path: str | None = None
    check: str | None = None

    def __str__(self) -> str:
        return " · ".join(name for name in (self.subject, self.path, self.check) if name)

    def includes(self, result: Result) -> bool:
        """Return whether the result belongs to this place."""
        return (
            self.subject in (None, result.subject)
            and self.path in (None, result.path)
            and self.check in (None, result.check)
        )


ANYWHERE = At()


def recorded(reference: str, runs: Sequence[Path]) -> Recorded:
    """Return a case from a JSON file, or from runs by its id or the beginning of its id.

    Raises:
        NoSuchCase: neither exists; the message lists the ids in the runs.
        InvalidCase: the file holds no case, or a case that can't be built.
        RunError: the file of a run can't be read, or the runs contradict each other.
    """
    file = Path(reference)
    if file.is_file():
        case = from_json(file.read_bytes())
        validate(case)
        return Recorded(case)
    result, finding = found(reference, runs)
    return Recorded(case_of(finding), result.subject, result.path, result.check)


def found(reference: str, runs: Sequence[Path], at: At = ANYWHERE) -> tuple[Result, Finding]:
    """Return the result and the finding whose case has this id, or an id that begins so.

    `at` chooses among findings that share a case; the first match is returned.

    Raises:
        NoSuchCase: the runs have no such finding; the message lists the ids in the runs, or the
            places where the case was found.
        RunError: the file of a run can't be read, or the runs contradict each other.
    """
    findings = list(_findings(runs))
    of_case = [(r, f) for r, f in findings if f.case_id.startswith(reference)]
    for result, finding in of_case:
        if at.includes(result):
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
        InvalidCase: the run recorded no case, or a case that can't be built.
    """
    case = from_json(msgspec.json.encode(finding.case))
    validate(case)
    return case


def replay(
    case: Case, subject: str, paths: Sequence[str], limits: Limits, *, debug: bool = False
) -> Iterator[tuple[str, Report]]:
    """Run the case on each save path with every check and probe; yield the path's name and report.

    The paths of a pair of subjects are formats. A process that crashes or hangs is reported as a
    defect. With `debug`, it is this process, and nothing limits it.

    Raises:
        NotHereToDebug: the subject is a pair.
    """
    names = _names(subject, paths)
    with _examiner(subject, limits, debug=debug) as examiner:
        for name in names:
            question = Question(name, EVERY_CHECK, frozenset(Probe))
            request = Request(subject, case.through(name, hops=True), (question,), limits.timeout)
            (report,) = reports(examiner, request)
            yield name, report


@contextmanager
def _examiner(subject: str, limits: Limits, *, debug: bool) -> Iterator[Examiner]:
    if debug and is_pair(subject):
        raise NotHereToDebug(
            f"subject {subject!r}: a pair runs in processes of its own; debug one of its subjects"
        )
    if debug:
        yield InThisProcess(subjects.resolve(subject))
        return
    with Child(procedure_of(subject), memory=limits.memory) as child:
        yield child


def replay_in_order(
    case: Case, subject: str, path: str, finding: Finding, limits: Limits
) -> tuple[str, Report]:
    """Ask the paths of a finding in their order, on one model; return the order and the report.

    The report is of the path of the finding, with every check and probe.
    """
    question = Question(path, EVERY_CHECK, frozenset(Probe))

    def ask(*questions: Question) -> Reports:
        return reports(child, Request(subject, case, questions, limits.timeout))

    with Child(EXAMINE, memory=limits.memory) as child:
        if finding.defect.order:
            return finding.defect.sequence, asked(ask, question, finding.defect)
        before = [Question(name, frozenset()) for name in finding.after]
        return ", then ".join((*finding.after, path)), ask(*before, question)[-1]


def _names(subject: str, wanted: Sequence[str]) -> Sequence[str]:
    """Return the wanted save paths or formats, or all of them if none is named."""
    if is_pair(subject):
        pair = Pair.of(subject)
        every = [one.format for one in exchanges(pair, described)]
        return [exchange_of(pair, name, described).format for name in wanted] or every
    one = described(subject)
    return [path_of(one, name).name for name in wanted] or [path.name for path in one.paths()]


@dataclass(frozen=True)
class ReplayOutcome:
    """The printed text of a replay, and the verdicts of the defects that it found."""

    text: str
    verdicts: frozenset[Verdict]


def replay_reference(
    reference: str,
    runs: Sequence[Path],
    subject: str | None,
    paths: Sequence[str],
    limits: Limits,
    *,
    debug: bool = False,
) -> ReplayOutcome:
    """Replay the case of an id or a file, on the given subject and paths or where it was found.

    Raises:
        NotBuiltIn: it was found on a subject that is not built in, and no subject is given.
        NotHereToDebug: see `replay`.
    """
    known = recorded(reference, runs)
    name = subject or built_in(known.subject or "reference", reference)
    seen_on = [known.path] if known.path is not None and subject is None else []
    chosen = list(paths) or seen_on
    replayed = list(replay(known.case, name, chosen, limits, debug=debug))
    if known.path is not None:
        replayed += _ordered(known.case, name, chosen, runs, limits)
    lines = [drawing(known.case), ""]
    for path, report in replayed:
        lines += [f"{name} {path}", *_lines(report, tracebacks=debug), ""]
    verdicts = (verdict for _, report in replayed for verdict in _verdicts(report))
    return ReplayOutcome("\n".join(lines), frozenset(verdicts))


def _ordered(
    case: Case, subject: str, paths: Sequence[str], runs: Sequence[Path], limits: Limits
) -> Iterator[tuple[str, Report]]:
    """Replay the findings of the case on these paths, or on any, that need several paths' saves."""
    found = {
        (result.path, finding.defect.order or finding.after): finding
        for result, finding in _findings(runs)
        if finding.case_id == case.id and _is_ordered(finding)
        if not paths or result.path in paths
    }
    for (path, _), finding in found.items():
        yield replay_in_order(case, subject, path, finding, limits)


def _is_ordered(finding: Finding) -> bool:
    """Return whether several paths must save the model for the finding to show."""
    return bool(finding.defect.order or finding.after)


def _verdicts(report: Report) -> Iterator[Verdict]:
    """Yield the verdicts of defects; a harness error if the subject raised before the save."""
    yield from (judgement.verdict for judgement in report.judgements if judgement.defects)
    if report.unsupported and report.fault:
        yield Verdict.HARNESS_ERROR


def built_in(name: str, reference: str) -> str:
    """Return the name if it is built in: a run may come from anyone, and a subject is code.

    Raises:
        NotBuiltIn: it is not.
    """
    pair = Pair.of(name)
    if not {pair.writer, pair.reader or pair.writer} <= subjects.SUBJECTS.keys():
        raise NotBuiltIn(
            f"case {reference!r} was found on {name!r}, which is not built in; to run its code, "
            f"pass --subject {shlex.quote(name)}"
        )
    return name


def _lines(report: Report, *, tracebacks: bool) -> Iterator[str]:
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
            if tracebacks or judgement.verdict in END_VERDICTS.values():
                yield from textwrap.indent(defect.traceback, " " * 6).splitlines()


def _findings(runs: Sequence[Path]) -> Iterator[tuple[Result, Finding]]:
    for result in merge([store.read(run) for run in runs]).results:
        for finding in result.findings:
            yield result, finding
