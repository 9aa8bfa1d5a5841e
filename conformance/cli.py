"""The `saveproof` command; each command imports what it needs, so that help comes at once."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec.structs import replace

from saveproof.conformance.runs import options as declared
from saveproof.conformance.runs.exit_codes import FINDINGS, NOT_FINISHED
from saveproof.conformance.runs.options import InterchangeOptions, Limits, SuiteOptions

SHORT = {"workers": "-n"}
"""Options that a command line has under another name."""

app = typer.Typer(
    help="Property-based tests for saving, loading and resuming models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

OUT = declared.DEFAULTS.out

Subjects = Annotated[list[str], typer.Argument(metavar="SUBJECT...")]
Paths = Annotated[list[str] | None, typer.Option("--path", help="Only this save path.")]
In = Annotated[
    list[Path] | None,
    typer.Option("--run", metavar="RUN", help=f"A run to look in: {OUT}, if none is given."),
]
Command = Callable[..., None]


def takes(record: type[msgspec.Struct]) -> Callable[[Command], Command]:
    """Have a command take the options of a record, which it gets validated as `options`."""

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters.values()
        named = {option.name: option for option in declared.options(record)}

        @functools.wraps(command)
        def parsed(**given: Any) -> None:
            chosen = {name: given.pop(name) for name in named}
            command(**given, options=_or_error(lambda: declared.validated(record, chosen)))

        parameters = [*(p for p in own if p.name != "options"), *map(_parameter, named.values())]
        parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return parsed

    return decorate


def _parameter(option: declared.Option) -> inspect.Parameter:
    """Return an option as a parameter that Typer reads."""
    kind: Any = list[option.type] if option.many else option.type  # type: ignore[name-defined]
    shown: Any = typer.Option(SHORT.get(option.name, f"--{option.name}"), help=option.help)
    if option.name == "subject":
        shown = typer.Argument(metavar="SUBJECT", help=option.help)
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=... if option.required else option.default,
        annotation=Annotated[kind, shown],
    )


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
@takes(SuiteOptions)
def run(options: SuiteOptions) -> None:
    """Run the suite. Exit 0: nothing unexpected; 1: findings; 2: it could not be finished."""
    from saveproof.conformance.runs import runner
    from saveproof.conformance.runs.selection import suite_job

    job = _or_error(lambda: suite_job(options, runner.command()))
    raise typer.Exit(runner.run(job, options.workers))


@app.command()
@takes(InterchangeOptions)
def interchange(options: InterchangeOptions) -> None:
    """Have each read what each has written; all installed, if none is named. Exits as `run`."""
    from saveproof.conformance import listing
    from saveproof.conformance.interchange.selection import interchange_job
    from saveproof.conformance.runs import runner

    named = replace(options, subject=options.subject or tuple(listing.installed()))
    job = _or_error(lambda: interchange_job(named, runner.command()))
    raise typer.Exit(runner.run(job, options.workers))


@app.command()
@takes(Limits)
def replay(
    case: Annotated[str, typer.Argument(metavar="ID|FILE", help="A case's id, or its JSON file.")],
    options: Limits,
    subject: Annotated[str | None, typer.Option(help="Replay on this subject.")] = None,
    path: Paths = None,
    run: In = None,
) -> None:
    """Run one case again, with every check and probe. Exit codes are those of `run`."""
    from saveproof.conformance import replay as replaying
    from saveproof.reports.records import Verdict

    told = _or_error(lambda: replaying.told(case, run or [OUT], subject, path or (), options))
    _echo(told.text)
    if Verdict.HARNESS_ERROR in told.verdicts:
        raise typer.Exit(NOT_FINISHED)
    raise typer.Exit(FINDINGS if told.verdicts else 0)


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
    raise typer.Exit(0 if well else FINDINGS)


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
        raise typer.Exit(NOT_FINISHED) from error


def _echo(text: str, *, err: bool = False) -> None:
    """Print what a file or a subject has said; a terminal obeys none of it."""
    from saveproof.reports.wording import printable

    typer.echo(printable(text), err=err)
