"""The event file of a run: written line by line, merged over workers, read whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from saveproof.reports.files import append_line, write, writing
from saveproof.reports.records import UNEXPECTED, Footer, Header, Line, Result
from saveproof.reports.upgrade import READABLE, upgraded

RUN_FILE = "run.jsonl"
SHARDS = "shards"


class RunError(ValueError):
    """An event file that can't be read as a run."""


class NotJsonLines(RunError):
    """A line is not a JSON object."""


class NoHeader(RunError):
    """The first line is not a header, or there is no line at all."""


class SecondHeader(RunError):
    """A header stands after the first line."""


class UnknownSchema(RunError):
    """The header is of a schema version that this version does not read."""


class UnknownRecord(RunError):
    """A line is neither a header nor a result nor a footer."""


class MalformedRecord(RunError):
    """A record lacks a field, has one of another type, or one that no such record has."""


class StrayResult(RunError):
    """A result is of a subject, a save path or a check that the header does not list."""


class LineAfterFooter(RunError):
    """A line stands after the footer."""


class CountDiffers(RunError):
    """There are not as many results as the footer says."""


@dataclass(frozen=True)
class Run:
    """A run as it was recorded; of several results of a slot, the last.

    `sources` are the folders and files that it was read from: what the commands of a report name.
    """

    header: Header
    results: tuple[Result, ...]
    footer: Footer | None
    sources: tuple[str, ...] = (".",)

    @property
    def complete(self) -> bool:
        """Whether the run came to its end: a run cut short is never a pass."""
        return self.footer is not None and not self.footer.interrupted

    @property
    def unexpected(self) -> tuple[Result, ...]:
        """The results with a verdict that fails a run, on one case at least."""
        return tuple(one for one in self.results if UNEXPECTED & one.tally.keys())


class _Peek(msgspec.Struct):
    record: str = ""
    schema: object = None


def append(file: Path, line: Line) -> None:
    """Append one line, whole or not at all, so that it outlives the process from here on.

    Raises:
        NotWritten: it can't be.
    """
    append_line(file, msgspec.json.encode(line))


def begin(folder: Path, header: Header) -> None:
    """Start a run in the folder: the header alone, and no shard of an earlier run."""
    with writing(folder):
        (folder / SHARDS).mkdir(parents=True, exist_ok=True)
        for old in (folder / SHARDS).glob("*.jsonl"):
            old.unlink()
    _write(folder / RUN_FILE, [header])


def shard(folder: Path, worker: str) -> Path:
    """Return the file to which a worker appends its results (no header, no footer)."""
    return folder / SHARDS / f"{worker}.jsonl"


def write_run(
    folder: Path, *, header: Header, finished: str, seconds: float, interrupted: bool = False
) -> Run:
    """Write the header, the results of all shards and the footer as one file, and return the run.

    A shard with a line that was cut short makes the run an interrupted one.
    """
    results, torn = _shards(folder)
    footer = Footer(
        finished=finished, seconds=seconds, results=len(results), interrupted=interrupted or torn
    )
    _write(folder / RUN_FILE, [header, *results, footer])
    return read(folder)


def read(source: Path) -> Run:
    """Read a run from its file or its folder.

    A file without a footer is a run cut short: it takes what the shards beside it hold.

    Raises:
        RunError: the class says which defect, the message in which file and line.
    """
    file = source / RUN_FILE if source.is_dir() else source
    lines, torn = _lines(file)
    if not lines or not isinstance(lines[0], Header):
        raise NoHeader(f"{file}: line 1 should be a header; found {_named(lines)}")
    header, results, footer = lines[0], _results(file, lines[1:]), _footer(file, lines)
    if footer is None:
        results += _shards(file.parent)[0]
    elif torn:
        raise LineAfterFooter(f"{file}: expected nothing after the footer, found half a line")
    named = file.parent if file.name == RUN_FILE else file
    run = Run(header, latest(results), footer, (str(named),))
    _check(file, run)
    return run


def latest(results: Iterable[Result]) -> tuple[Result, ...]:
    """Return one result a slot: the later replaces the earlier."""
    return tuple({result.slot: result for result in results}.values())


def _write(file: Path, lines: Sequence[Line]) -> None:
    write(file, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def _lines(file: Path) -> tuple[list[Line], bool]:
    """Return the file's lines, and whether half a line stands at its end."""
    *whole, tail = file.read_bytes().split(b"\n")
    return [_line(f"{file}: line {n}", text) for n, text in enumerate(whole, 1)], tail != b""


def _line(where: str, text: bytes) -> Line:
    try:
        peek = msgspec.json.decode(text, type=_Peek)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJsonLines(f"{where}: expected a JSON object a line: {error}") from error
    if peek.record not in {"header", "result", "footer"}:
        raise UnknownRecord(
            f"{where}: expected the record 'footer', 'header' or 'result', found {peek.record!r}"
        )
    if peek.record == "header" and peek.schema not in READABLE:
        known = " or ".join(map(str, READABLE))
        raise UnknownSchema(
            f"{where}: expected schema version {known}, found {peek.schema!r}; read it with the "
            "version of saveproof that wrote it, or a newer one"
        )
    try:
        line: Line = msgspec.convert(upgraded(msgspec.json.decode(text)), type=Line)
    except msgspec.DecodeError as error:
        raise MalformedRecord(
            f"{where}: not a {peek.record} as the schema has it: {error}"
        ) from error
    return line


def _results(file: Path, lines: Sequence[Line]) -> list[Result]:
    for line in lines:
        if isinstance(line, Header):
            raise SecondHeader(f"{file}: expected one header, found another of run {line.run!r}")
    return [line for line in lines if isinstance(line, Result)]


def _footer(file: Path, lines: Sequence[Line]) -> Footer | None:
    for number, line in enumerate(lines, 1):
        if isinstance(line, Footer):
            if number < len(lines):
                raise LineAfterFooter(f"{file}: expected nothing after the footer in line {number}")
            return line
    return None


def _shards(folder: Path) -> tuple[list[Result], bool]:
    """Return the results of the workers, and whether a line of theirs was cut short."""
    results: list[Result] = []
    torn = False
    for file in sorted((folder / SHARDS).glob("*.jsonl")):
        for number, text in enumerate(file.read_bytes().splitlines(), 1):
            try:
                line = _line(f"{file}: line {number}", text)
            except NotJsonLines:
                torn = True
                continue
            if not isinstance(line, Result):
                raise UnknownRecord(f"{file}: expected results only, found {_named([line])}")
            results.append(line)
    return list(latest(results)), torn


def _check(file: Path, run: Run) -> None:
    paths = {(s.name, path.name) for s in run.header.subjects for path in s.paths}
    checks = {check.name for check in run.header.checks}
    for result in run.results:
        if (result.subject, result.path) not in paths or result.check not in checks:
            raise StrayResult(f"{file}: the header does not list what {result.slot!r} is of")
    if run.footer is not None and run.footer.results != len(run.results):
        raise CountDiffers(
            f"{file}: expected {run.footer.results} results as the footer says, "
            f"found {len(run.results)}"
        )


def _named(lines: Sequence[Line]) -> str:
    return f"a {type(lines[0]).__name__.lower()}" if lines else "nothing"
