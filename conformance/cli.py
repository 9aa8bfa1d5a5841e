"""The `saveproof` command. Each command imports its own modules, which keeps `--help` fast."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from saveproof.conformance.command_options import echo as _echo
from saveproof.conformance.command_options import latest_run, takes
from saveproof.conformance.command_options import or_error as _or_error
from saveproof.conformance.runs.options import InterchangeOptions, Limits, SuiteOptions
from saveproof.reports.exit_codes import FINDINGS, NOT_FINISHED

app = typer.Typer(
    help="Property-based tests for saving, loading and resuming models.",
    epilog="Exit codes: 0: nothing unexpected; 1: findings; 2: not finished, or a usage error. "
    "Words: saveproof glossary.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

OUT = SuiteOptions.folder

Subjects = Annotated[list[str], typer.Argument(metavar="SUBJECT...")]
Paths = Annotated[list[str] | None, typer.Option("--path", help="Test only this save path.")]
In = Annotated[
    list[Path] | None,
    typer.Option("--run", metavar="RUN", help=f"Run to search; default: the newest {OUT} here."),
]


def _version(wanted: bool | None) -> None:  # noqa: FBT001 - typer passes what was given
    """Print the version and exit."""
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
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Ignore [tool.saveproof] in pyproject.toml.")
    ] = False,
) -> None:
    """Accept the options of `saveproof` itself."""


@app.command()
@takes(SuiteOptions)
def run(options: SuiteOptions) -> None:
    """Test the save paths of subjects and write a report."""
    from saveproof.conformance.runs import runner
    from saveproof.conformance.runs.selection import suite_job

    job = _or_error(lambda: suite_job(options, runner.command()))
    raise typer.Exit(runner.run(job, options.workers))


@app.command()
@takes(InterchangeOptions)
def interchange(options: InterchangeOptions) -> None:
    """Test whether subjects can read each other's files."""
    from saveproof.conformance import listing
    from saveproof.conformance.interchange.selection import interchange_job
    from saveproof.conformance.runs import runner

    named = replace(options, subject=options.subject or tuple(listing.installed()))
    job = _or_error(lambda: interchange_job(named, runner.command()))
    raise typer.Exit(runner.run(job, options.workers))


@app.command()
@takes(Limits)
def replay(
    case: Annotated[str, typer.Argument(metavar="ID|FILE", help="Id of a case, or a JSON file.")],
    options: Limits,
    subject: Annotated[
        str | None, typer.Option(help="Subject to test; default: the one of the finding.")
    ] = None,
    path: Paths = None,
    run: In = None,
) -> None:
    """Run one case again, with every check."""
    from saveproof.conformance import replay as replaying
    from saveproof.reports.records import Verdict

    outcome = _or_error(
        lambda: replaying.replay_reference(
            case, run or [_or_error(latest_run)], subject, path or (), options
        )
    )
    _echo(outcome.text)
    if Verdict.HARNESS_ERROR in outcome.verdicts:
        raise typer.Exit(NOT_FINISHED)
    raise typer.Exit(FINDINGS if outcome.verdicts else 0)


@app.command()
def repro(
    case: Annotated[str, typer.Argument(metavar="ID", help="Id of a case, or its beginning.")],
    subject: Annotated[str | None, typer.Option(help="Subject of the finding.")] = None,
    path: Annotated[str | None, typer.Option(help="Save path of the finding.")] = None,
    check: Annotated[str | None, typer.Option(help="Check that made the finding.")] = None,
    format: Annotated[
        str, typer.Option(help="script, or issue: Markdown for an issue tracker.")
    ] = "script",
    run: In = None,
) -> None:
    """Print a stand-alone script that reproduces a finding."""
    from saveproof.conformance import repro as reproduction
    from saveproof.conformance.replay import At

    if format not in reproduction.FORMATS:
        raise typer.BadParameter(f"expected one of {reproduction.FORMATS}, found {format!r}")
    at = At(subject, path, check)
    typer.echo(
        _or_error(
            lambda: reproduction.confirmed(case, run or [_or_error(latest_run)], at, format=format)
        )
    )


@app.command()
def subjects() -> None:
    """List the built-in subjects and their installed versions."""
    from saveproof.conformance import listing

    typer.echo(listing.subjects())


@app.command()
def paths(subjects: Subjects) -> None:
    """List the save paths of subjects and what each one promises."""
    from saveproof.conformance import listing

    typer.echo(_or_error(lambda: "\n\n".join(map(listing.paths, subjects))))


@app.command()
def formats(subjects: Subjects) -> None:
    """List file formats with their writers and readers."""
    from saveproof.conformance import listing

    typer.echo(_or_error(lambda: listing.formats(subjects)))


@app.command()
def checks() -> None:
    """List the checks and the sentence that each one tests."""
    from saveproof.conformance import listing

    typer.echo(listing.checks())


@app.command()
def doctor(subject: Annotated[str, typer.Argument(metavar="SUBJECT")]) -> None:
    """Test a subject's adapter with each kind of model and layer."""
    from saveproof.conformance import listing

    text, well = _or_error(lambda: listing.doctor(subject))
    typer.echo(text)
    raise typer.Exit(0 if well else FINDINGS)


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folder or event file of a run.")
    ],
    format: Annotated[str, typer.Option(help="html, markdown, junit, terminal, badge or json.")] = (
        "terminal"
    ),
) -> None:
    """Print the report of a run, or of several runs merged."""
    from saveproof.reports.matrix import matrix
    from saveproof.reports.merging import merge
    from saveproof.reports.renderers import RENDERERS
    from saveproof.reports.store import read

    renderer = RENDERERS.get(format)
    if renderer is None:
        raise typer.BadParameter(f"expected one of {sorted(RENDERERS)}, found {format!r}")
    typer.echo(_or_error(lambda: renderer(matrix(merge([read(run) for run in runs])))))


@app.command()
def merge(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folder or event file of a run.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the merged run and its report.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the run that the folder has.")
    ] = False,
) -> None:
    """Merge the shards of a run, or several runs, into one run with its report."""
    from saveproof.conformance.runs import merging

    merged = _or_error(lambda: merging.merged(runs, out, force=force))
    typer.echo(merged.text, nl=False)
    raise typer.Exit(merged.exit_code)


@app.command()
def compare(old: Path, new: Path) -> None:
    """Print what changed from one run to another, as Markdown."""
    from saveproof.reports.compare import compare as compared
    from saveproof.reports.compare import comparison_markdown
    from saveproof.reports.store import read

    typer.echo(_or_error(lambda: comparison_markdown(compared(read(old), read(new)))))


@app.command()
def glossary() -> None:
    """Explain the ten words that commands and reports use."""
    from saveproof.reports import glossary as words

    typer.echo(words.glossary())


def main() -> None:
    """Run the command."""
    app()
