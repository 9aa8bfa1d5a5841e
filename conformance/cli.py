"""The `saveproof` command; each command imports what it needs, so that help comes at once."""

import os
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Try to prove that what a framework saves does not come back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

EXIT_FINDINGS, EXIT_ERROR = 1, 2
OUT = Path("saveproof-report")

Subjects = Annotated[list[str], typer.Argument(metavar="SUBJECT...")]
Paths = Annotated[list[str] | None, typer.Option("--path", help="Only this save path.")]
Timeout = Annotated[
    float,
    typer.Option(
        help="Seconds that one case may take on a save path, and as many again in another process."
    ),
]
Memory = Annotated[
    float,
    typer.Option(help="GiB of memory that a process of a subject may use; 0 for no limit."),
]
In = Annotated[
    list[Path] | None,
    typer.Option("--run", metavar="RUN", help=f"A run to look in: {OUT}, if none is given."),
]


def _version(wanted: bool | None) -> None:  # noqa: FBT001 - typer passes what was given
    """Print the version and end."""
    if wanted:
        from importlib import metadata

        typer.echo(f"saveproof {metadata.version('saveproof')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = None,
) -> None:
    """Take the options that are no command's."""


@app.command()
def run(
    subjects: Subjects,
    path: Paths = None,
    check: Annotated[list[str] | None, typer.Option(help="Only this check.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind of model.")] = None,
    examples: Annotated[int, typer.Option(help="Cases a save path and kind.")] = 30,
    seconds: Annotated[
        float | None, typer.Option(help="Run each save path and kind this long instead.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the cases.")] = 0,
    workers: Annotated[
        str, typer.Option("-n", metavar="WORKERS", help="Worker processes: a number, or auto.")
    ] = "auto",
    timeout: Timeout = 120.0,
    memory: Memory = 8.0,
    out: Annotated[Path, typer.Option(help="Where the run and its report go.")] = OUT,
) -> None:
    """Run the suite. Exit 0: nothing unexpected; 1: findings; 2: it could not be finished."""
    import pytest

    from saveproof.conformance.runs import suite

    options: list[tuple[str, object]] = [
        *(("subject", name) for name in subjects),
        *(("path", name) for name in path or ()),
        *(("check", name) for name in check or ()),
        *(("kind", name) for name in kind or ()),
        *((("seconds", seconds),) if seconds is not None else ()),
        ("examples", examples),
        ("timeout", timeout),
        ("memory", memory),
        ("seed", seed),
        ("out", out),
        ("command", shlex.join(["saveproof", *sys.argv[1:]])),
    ]
    folder = Path(suite.__path__[0])  # by name, pytest would load the conftest.py of where it runs
    arguments = ["-c", str(folder / "pytest.ini"), str(folder), "-n", workers, "-q"]
    os.environ.pop("PYTEST_ADDOPTS", None)  # it is meant for the caller's own tests
    code: int = EXIT_ERROR
    with suppress(KeyboardInterrupt):  # a second one, in the middle of ending
        code = pytest.main(
            [*arguments, *(f"--saveproof-{name}={value}" for name, value in options)]
        )
    raise typer.Exit(code if code in (0, EXIT_FINDINGS) else EXIT_ERROR)


@app.command()
def interchange(
    subjects: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUBJECT]...", help="All installed ones, if none."),
    ] = None,
    format: Annotated[list[str] | None, typer.Option(help="Only this format.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind of model.")] = None,
    across: Annotated[
        bool, typer.Option("--across", help="Only what another subject has written.")
    ] = False,
    examples: Annotated[int, typer.Option(help="Cases a pair, format and kind.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the cases.")] = 0,
    workers: Annotated[int, typer.Option("-n", metavar="WORKERS", help="Worker processes.")] = 1,
    timeout: Timeout = 120.0,
    memory: Memory = 8.0,
    shrink: Annotated[float, typer.Option(help="Seconds to reduce what a pair loses.")] = 60.0,
    out: Annotated[Path, typer.Option(help="Where the run and its report go.")] = Path(
        "saveproof-interchange"
    ),
) -> None:
    """Have each read what each has written. Exit codes are those of `run`."""
    from saveproof.conformance import listing
    from saveproof.conformance.interchange import session
    from saveproof.reports.matrix import matrix
    from saveproof.reports.terminal import terminal

    wanted = session.Wanted(
        subjects or listing.installed(),
        format or (),
        kind or (),
        *(across, examples, seed, timeout, shrink, workers, out),
        command=shlex.join(["saveproof", *sys.argv[1:]]),
        memory=memory,
    )
    run = _or_error(lambda: session.run(wanted, lambda line: typer.echo(line, err=True)))
    figures = matrix(run)
    typer.echo(terminal(figures, color=sys.stdout.isatty()))
    typer.echo(f"report: {out / session.FILES['html']}")
    raise typer.Exit(session.exit_code(run))


@app.command()
def replay(
    case: Annotated[str, typer.Argument(metavar="ID|FILE", help="A case's id, or its JSON file.")],
    subject: Annotated[str | None, typer.Option(help="Replay on this subject.")] = None,
    path: Paths = None,
    run: In = None,
    timeout: Timeout = 120.0,
    memory: Memory = 8.0,
) -> None:
    """Run one case again, with every check and probe. Exit codes are those of `run`."""
    from saveproof.conformance import replay as replaying
    from saveproof.conformance.runs.preflight import refuse_numbers
    from saveproof.reports.records import Verdict

    _or_error(lambda: refuse_numbers({"timeout": timeout}, {"memory": memory}))
    told = _or_error(
        lambda: replaying.told(
            case, run or [OUT], subject, path or (), seconds=timeout, memory=memory
        )
    )
    _echo(told.text)
    if Verdict.HARNESS_ERROR in told.verdicts:
        raise typer.Exit(EXIT_ERROR)
    raise typer.Exit(EXIT_FINDINGS if told.verdicts else 0)


@app.command()
def repro(
    case: Annotated[str, typer.Argument(metavar="ID", help="A case's id, or the start of it.")],
    subject: Annotated[str | None, typer.Option(help="The subject that is meant.")] = None,
    path: Annotated[str | None, typer.Option(help="The save path that is meant.")] = None,
    check: Annotated[str | None, typer.Option(help="The check whose finding is meant.")] = None,
    format: Annotated[
        str, typer.Option(help="script, or issue: Markdown to paste into an issue tracker.")
    ] = "script",
    run: In = None,
) -> None:
    """Print a script that shows the finding. It stands alone, and was run and shows it."""
    from saveproof.conformance import repro as reproduction
    from saveproof.conformance.replay import At

    if format not in reproduction.FORMATS:
        raise typer.BadParameter(f"expected one of {reproduction.FORMATS}, found {format!r}")
    at = At(subject, path, check)
    typer.echo(_or_error(lambda: reproduction.confirmed(case, run or [OUT], at, format=format)))


@app.command()
def subjects() -> None:
    """List the built-in subjects. Told is whether what they need is installed."""
    from saveproof.conformance import listing

    typer.echo(listing.subjects())


@app.command()
def paths(subjects: Subjects) -> None:
    """List save paths and what each promises."""
    from saveproof.conformance import listing

    typer.echo(_or_error(lambda: "\n\n".join(map(listing.paths, subjects))))


@app.command()
def formats(subjects: Subjects) -> None:
    """List formats, who writes and reads them."""
    from saveproof.conformance import listing

    typer.echo(_or_error(lambda: listing.formats(subjects)))


@app.command()
def checks() -> None:
    """List the checks and what each says."""
    from saveproof.conformance import listing

    typer.echo(listing.checks())


@app.command()
def doctor(subject: Annotated[str, typer.Argument(metavar="SUBJECT")]) -> None:
    """Say whether an adapter works. Each layer and optimizer is tried."""
    from saveproof.conformance import listing

    text, well = _or_error(lambda: listing.doctor(subject))
    typer.echo(text)
    raise typer.Exit(0 if well else EXIT_FINDINGS)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders or event files.")],
    format: Annotated[str, typer.Option(help="html, markdown, junit, terminal, badge or json.")] = (
        "terminal"
    ),
) -> None:
    """Render a run, or several merged. It goes to standard output."""
    from saveproof.reports.matrix import matrix
    from saveproof.reports.merging import merge
    from saveproof.reports.renderers import RENDERERS
    from saveproof.reports.store import read

    renderer = RENDERERS.get(format)
    if renderer is None:
        raise typer.BadParameter(f"expected one of {sorted(RENDERERS)}, found {format!r}")
    typer.echo(_or_error(lambda: renderer(matrix(merge([read(run) for run in runs])))))


@app.command()
def compare(old: Path, new: Path) -> None:
    """Say what is new, gone and changed. The answer is Markdown."""
    from saveproof.reports.compare import compare as compared
    from saveproof.reports.compare import comparison_markdown
    from saveproof.reports.store import read

    typer.echo(_or_error(lambda: comparison_markdown(compared(read(old), read(new)))))


def main() -> None:
    """Run the command."""
    app()


def _or_error(ask: Callable[[], Any]) -> Any:
    """Return the answer; a user's mistake becomes its message and exit code 2."""
    try:
        return ask()
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        _echo(f"saveproof: {error}", err=True)
        raise typer.Exit(EXIT_ERROR) from error


def _echo(text: str, *, err: bool = False) -> None:
    """Print what a file or a subject has said; a terminal obeys none of it."""
    from saveproof.reports.wording import printable

    typer.echo(printable(text), err=err)
