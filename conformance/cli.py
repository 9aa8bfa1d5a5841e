"""The `saveproof` command. Each command imports its own modules, which keeps `--help` fast."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from saveproof.conformance.command_options import In, latest_run, takes
from saveproof.conformance.command_options import echo as _echo
from saveproof.conformance.command_options import or_error as _or_error
from saveproof.conformance.known_commands import known
from saveproof.conformance.report_commands import reports
from saveproof.conformance.runs.options import DEFAULTS, InterchangeOptions, Limits, SuiteOptions
from saveproof.reports.exit_codes import FINDINGS, NOT_FINISHED

app = typer.Typer(
    help="Property-based tests for saving, loading and resuming models.",
    epilog="Exit codes: 0: nothing unexpected; 1: findings; 2: not finished, or a usage error. "
    "Words: saveproof glossary.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Subjects = Annotated[list[str], typer.Argument(metavar="SUBJECT...")]
Paths = Annotated[list[str] | None, typer.Option("--path", help="Test only this save path.")]


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
    options: Limits,
    case: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID|FILE]", help="Id of a case, or a JSON file; default: all of the run."
        ),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Subject to test; default: the one of the finding.")
    ] = None,
    path: Paths = None,
    run: In = None,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Run it in this process: for pdb and print.")
    ] = False,
) -> None:
    """Run one case again, or the cases of all findings of a run."""
    from saveproof.conformance import replay as replaying
    from saveproof.reports.records import Verdict

    runs = run or [_or_error(latest_run)]
    if case is None:
        raise typer.Exit(_replay_run(runs, subject, path or (), options))
    outcome = _or_error(
        lambda: replaying.replay_reference(case, runs, subject, path or (), options, debug=debug)
    )
    _echo(outcome.text)
    if Verdict.HARNESS_ERROR in outcome.verdicts:
        raise typer.Exit(NOT_FINISHED)
    raise typer.Exit(FINDINGS if outcome.verdicts else 0)


def _replay_run(
    runs: Sequence[Path], subject: str | None, paths: Sequence[str], limits: Limits
) -> int:
    """Replay all findings of the runs; print a line for each, and return the exit code."""
    from saveproof.conformance import replays

    tally = replays.OutcomeCounts()
    groups = _or_error(lambda: replays.to_replay(runs, subject, paths))
    total = sum(len(group.findings) for group in groups)
    try:
        for group in groups:
            _echo(f"{group.subject}: {len(group.findings)} findings")
            for one in replays.replays(group, limits):
                tally.add(one)
                _echo(f"{tally.outcomes.total():4}/{total} {replays.line(one)}")
    except KeyboardInterrupt:
        _echo(f"interrupted: {total - tally.outcomes.total()} of {total} were not replayed")
        return NOT_FINISHED
    finally:
        _echo(tally.line)
    return tally.exit_code


@app.command()
@takes(Limits)
def check(
    model: Annotated[
        str,
        typer.Argument(metavar="FILE.py:FUNCTION", help="Function that returns a compiled model."),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="FILE.py:FUNCTION",
            help="Function that returns a batch (x, y) or (x, y, sample_weight); it may take the "
            "number of the step.",
        ),
    ],
    options: Limits,
    path: Paths = None,
    steps: Annotated[
        int, typer.Option(min=1, help="Training steps before the save, and again after it.")
    ] = 3,
) -> None:
    """Test whether a Keras model of yours resumes exactly."""
    from saveproof.conformance.families.keras.own_model import OwnModelSpec
    from saveproof.conformance.own_check import check_own_model

    spec = OwnModelSpec(model, data, steps)
    outcome = _or_error(lambda: check_own_model(spec, path or (), options))
    _echo(outcome.text)
    raise typer.Exit(FINDINGS if outcome.broken else 0)


@app.command()
@takes(Limits)
def reduce(
    case: Annotated[str, typer.Argument(metavar="ID", help="Id of a case, or its beginning.")],
    options: Limits,
    subject: Annotated[str | None, typer.Option(help="Subject of the finding.")] = None,
    path: Annotated[str | None, typer.Option(help="Save path of the finding.")] = None,
    check: Annotated[str | None, typer.Option(help="Check that made the finding.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="Time limit for the shrinking.")] = 300.0,
    out: Annotated[
        Path | None, typer.Option(help="File for the case; default: it is printed.")
    ] = None,
    run: In = None,
) -> None:
    """Shrink the case of a finding further."""
    from saveproof.conformance import reduction
    from saveproof.conformance.replay import At

    at = At(subject, path, check)
    _echo(
        _or_error(
            lambda: reduction.reduce_reference(
                case, run or [_or_error(latest_run)], at, options, seconds=seconds, out=out
            )
        )
    )


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
def cases(
    subject: Annotated[str | None, typer.Option(help="Subject that has what cases use.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind of model.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the cases.")] = DEFAULTS.seed,
    number: Annotated[int, typer.Option("-n", min=1, help="Cases to show of each kind.")] = 5,
    count: Annotated[
        int, typer.Option(min=0, help="Count what comes up in so many cases of each kind.")
    ] = 0,
) -> None:
    """Show generated cases, or how often things come up."""
    from saveproof.conformance import generated

    several = _or_error(
        lambda: generated.generated(subject, kind or (), seed=seed, count=count or number)
    )
    _echo(generated.table(several) if count else generated.shown(subject, several))


@app.command()
def checks(
    *,
    facets: Annotated[bool, typer.Option("--facets", help="List the facets that each needs.")] = (
        False
    ),
) -> None:
    """List the checks and the sentence that each one tests."""
    from saveproof.conformance import listing

    typer.echo(listing.checks(facets=facets))


@app.command()
def doctor(subject: Annotated[str, typer.Argument(metavar="SUBJECT")]) -> None:
    """Test a subject's adapter with each thing that it has."""
    from saveproof.conformance import listing

    text, well = _or_error(lambda: listing.doctor(subject))
    typer.echo(text)
    raise typer.Exit(0 if well else FINDINGS)


app.add_typer(known, name="known")
app.add_typer(reports)


def main() -> None:
    """Run the command."""
    app()
