"""Writes the event file of a run line by line, merges those of workers, and reads it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

import msgspec

from saveproof.reports.files import append_line, write, writing
from saveproof.reports.lines import Line
from saveproof.reports.records import UNEXPECTED, Footer, Header, Result, Witness
from saveproof.reports.strata import Exported, Strata
from saveproof.reports.upgrade import READABLE, upgraded

L = TypeVar("L", Result, Witness, Exported, Strata)

OF_WORKERS = (Result, Witness, Exported, Strata)
"""The records that workers write; the others are the controller's."""

RECORDS = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Line))
"""The names of the records in an event file."""

RUN_FILE = "run.jsonl"
SHARDS = "shards"


class RunError(ValueError):
    """An event file that can't be read as a run."""


class NotJsonLines(RunError):
    """A line is not a JSON object."""


class NoHeader(RunError):
    """The first line is not a header, or there is no line at all."""


class SecondHeader(RunError):
    """Another header follows the first line."""


class UnknownSchema(RunError):
    """The header is of a schema version that this version does not read."""


class UnknownRecord(RunError):
    """A line is of no known record, or of one that a worker does not write."""


class MalformedRecord(RunError):
    """A record lacks a field, or has an unknown field or a value of the wrong type."""


class StrayResult(RunError):
    """A result names a subject, save path or check that the header does not list."""


class LineAfterFooter(RunError):
    """A line follows the footer."""


class CountDiffers(RunError):
    """The number of results differs from the footer's."""


@dataclass(frozen=True)
class Run:
    """A recorded run, with the last result of each slot.

    `sources` are the folders or files that it was read from; the commands of a report name them.
    `witnesses` are those of known issues, with the last result of each. `exported` are the classes
    of each subject whose objects were tested, and `strata` the figures of each campaign.
    """

    header: Header
    results: tuple[Result, ...]
    footer: Footer | None
    sources: tuple[str, ...] = (".",)
    witnesses: tuple[Witness, ...] = ()
    exported: tuple[Exported, ...] = ()
    strata: tuple[Strata, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the run finished; an incomplete run is never a pass."""
        return self.footer is not None and not self.footer.interrupted

    @property
    def unexpected(self) -> tuple[Result, ...]:
        """The results with at least one case whose verdict fails the run."""
        return tuple(one for one in self.results if UNEXPECTED & one.tally.keys())

    @property
    def examined(self) -> dict[tuple[str, str, str], int]:
        """The number of examples by subject, save path and kind of model."""
        cases: dict[tuple[str, str, str], int] = {}
        for one in self.results:
            cases[one.group] = max(cases.get(one.group, 0), sum(one.tally.values()))
        return cases


class _Peek(msgspec.Struct):
    record: str = ""
    schema: object = None


def append(file: Path, line: Line) -> None:
    """Append one line, completely or not at all.

    Raises:
        NotWritten: the line can't be written.
    """
    append_line(file, msgspec.json.encode(line))


def begin(folder: Path, header: Header) -> None:
    """Start a run in the folder: write the header, and remove the shards of an earlier run."""
    with writing(folder):
        (folder / SHARDS).mkdir(parents=True, exist_ok=True)
        for old in (folder / SHARDS).glob("*.jsonl"):
            old.unlink()
    _write(folder / RUN_FILE, [header])


def shard(folder: Path, worker: str) -> Path:
    """Return the file to which a worker appends its results, without header and footer."""
    return folder / SHARDS / f"{worker}.jsonl"


def write_run(
    folder: Path, *, header: Header, finished: str, seconds: float, interrupted: bool = False
) -> Run:
    """Write the header, the results of all shards and the footer to one file; return the run.

    An unfinished line in a shard marks the run as interrupted.
    """
    lines, torn = _shards(folder)
    run = _run(header, lines, None, ())
    footer = Footer(
        finished=finished,
        seconds=seconds,
        results=len(run.results),
        interrupted=interrupted or torn,
    )
    _write(folder / RUN_FILE, _lines_of(replace(run, footer=footer)))
    return read(folder)


def save(folder: Path, run: Run) -> Run:
    """Write a run that is in memory to the folder; return it as read from there.

    Raises:
        NotWritten: the file can't be written.
    """
    begin(folder, run.header)
    _write(folder / RUN_FILE, _lines_of(run))
    return read(folder)


def _lines_of(run: Run) -> list[Line]:
    footer = [] if run.footer is None else [run.footer]
    return [run.header, *run.witnesses, *run.exported, *run.results, *run.strata, *footer]


def read(source: Path) -> Run:
    """Read a run from its file or its folder.

    A file without a footer belongs to an incomplete run: the results in its shards are added.

    Raises:
        RunError: the subclass names the problem, and the message the file and the line.
    """
    file = source / RUN_FILE if source.is_dir() else source
    lines, torn = _lines(file)
    if not lines or not isinstance(lines[0], Header):
        raise NoHeader(f"{file}: expected a header in line 1, found {_named(lines)}")
    header, rest, footer = lines[0], _rest(file, lines[1:]), _footer(file, lines)
    if footer is None:
        rest += _shards(file.parent)[0]
    elif torn:
        raise LineAfterFooter(f"{file}: expected nothing after the footer, found text")
    named = file.parent if file.name == RUN_FILE else file
    run = _run(header, rest, footer, (str(named),))
    _check(file, run)
    return run


def _run(
    header: Header, lines: Sequence[Line], footer: Footer | None, sources: tuple[str, ...]
) -> Run:
    return Run(
        header,
        latest(_only(Result, lines)),
        footer,
        sources,
        last_witnesses(_only(Witness, lines)),
        last_exported(_only(Exported, lines)),
        last_strata(_only(Strata, lines)),
    )


def latest(results: Iterable[Result]) -> tuple[Result, ...]:
    """Return the last result of each slot."""
    return tuple({result.slot: result for result in results}.values())


def last_witnesses(witnesses: Iterable[Witness]) -> tuple[Witness, ...]:
    """Return the last result of each known issue's witness on each subject and save path."""
    return tuple({(one.issue, one.subject, one.path): one for one in witnesses}.values())


def last_exported(exported: Iterable[Exported]) -> tuple[Exported, ...]:
    """Return the last record of each subject."""
    return tuple({one.subject: one for one in exported}.values())


def last_strata(strata: Iterable[Strata]) -> tuple[Strata, ...]:
    """Return the last figures of each subject, save path and kind of model."""
    return tuple({one.slot: one for one in strata}.values())


def _write(file: Path, lines: Sequence[Line]) -> None:
    write(file, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def _lines(file: Path) -> tuple[list[Line], bool]:
    """Return the file's complete lines, and whether it ends with an unfinished one."""
    *complete, tail = file.read_bytes().split(b"\n")
    return [_line(f"{file}: line {n}", text) for n, text in enumerate(complete, 1)], tail != b""


def _line(where: str, text: bytes) -> Line:
    try:
        peek = msgspec.json.decode(text, type=_Peek)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJsonLines(f"{where}: expected a JSON object: {error}") from error
    if peek.record not in RECORDS:
        raise UnknownRecord(
            f"{where}: expected a record of {sorted(RECORDS)}, found {peek.record!r}"
        )
    if peek.record == "header" and peek.schema not in READABLE:
        known = " or ".join(map(str, READABLE))
        raise UnknownSchema(
            f"{where}: expected schema version {known}, found {peek.schema!r}; use the version of "
            "saveproof that wrote the file, or a newer one"
        )
    try:
        line: Line = msgspec.convert(upgraded(msgspec.json.decode(text)), type=Line)
    except msgspec.DecodeError as error:
        raise MalformedRecord(f"{where}: not a valid {peek.record}: {error}") from error
    return line


def _rest(file: Path, lines: Sequence[Line]) -> list[Line]:
    for line in lines:
        if isinstance(line, Header):
            raise SecondHeader(f"{file}: expected one header, found another of run {line.run!r}")
    return list(lines)


def _only(kind: type[L], lines: Iterable[Line]) -> list[L]:
    return [line for line in lines if isinstance(line, kind)]


def _footer(file: Path, lines: Sequence[Line]) -> Footer | None:
    for number, line in enumerate(lines, 1):
        if isinstance(line, Footer):
            if number < len(lines):
                raise LineAfterFooter(f"{file}: expected nothing after the footer in line {number}")
            return line
    return None


def _shards(folder: Path) -> tuple[list[Line], bool]:
    """Return the lines in the shards, and whether a shard has an unfinished line."""
    lines: list[Line] = []
    torn = False
    for file in sorted((folder / SHARDS).glob("*.jsonl")):
        for number, text in enumerate(file.read_bytes().splitlines(), 1):
            try:
                line = _line(f"{file}: line {number}", text)
            except NotJsonLines:
                torn = True
                continue
            if not isinstance(line, OF_WORKERS):
                raise UnknownRecord(
                    f"{file}: expected no header and no footer, found {_named([line])}"
                )
            lines.append(line)
    return lines, torn


def _check(file: Path, run: Run) -> None:
    paths = {(s.name, path.name) for s in run.header.subjects for path in s.paths}
    checks = {check.name for check in run.header.checks}
    for result in run.results:
        if (result.subject, result.path) not in paths or result.check not in checks:
            raise StrayResult(f"{file}: the header does not list the place of {result.slot!r}")
    if run.footer is not None and run.footer.results != len(run.results):
        raise CountDiffers(
            f"{file}: the footer counts {run.footer.results} results, found {len(run.results)}"
        )


def _named(lines: Sequence[Line]) -> str:
    return f"a {type(lines[0]).__name__.lower()}" if lines else "nothing"
