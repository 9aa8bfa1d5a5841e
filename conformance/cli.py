"""The `saveproof` command. Each command imports its own modules, which keeps `--help` fast."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from msgspec.structs import replace

from saveproof.conformance.command_options import echo as _echo
from saveproof.conformance.command_options import latest_run, takes
from saveproof.conformance.command_options import or_error as _or_error
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

OUT = SuiteOptions.folder

Subjects = Annotated[list[str], typer.Argument(metavar="SUBJECT...")]
Paths = Annotated[list[str] | None, typer.Option("--path", help="Test only this save path.")]
In = Annotated[
    list[Path] | None,
    typer.Option("--run", metavar="RUN", help=f"Run to search; default: the newest {OUT} here."),
]
Known = Annotated[list[Path] | None, typer.Option(help="File of known issues of your own.")]
R = TypeVar("R")


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
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Run it in this process: for pdb and print.")
    ] = False,
) -> None:
    """Run one case again, with every check."""
    from saveproof.conformance import replay as replaying
    from saveproof.reports.records import Verdict

    outcome = _or_error(
        lambda: replaying.replay_reference(
            case, run or [_or_error(latest_run)], subject, path or (), options, debug=debug
        )
    )
    _echo(outcome.text)
    if Verdict.HARNESS_ERROR in outcome.verdicts:
        raise typer.Exit(NOT_FINISHED)
    raise typer.Exit(FINDINGS if outcome.verdicts else 0)


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
    """Test whether a Keras model of your own comes back and resumes exactly."""
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


known = typer.Typer(help="List, check and add known issues.", no_args_is_help=True)
app.add_typer(known, name="known")


@known.command("list")
def known_list(known: Known = None) -> None:
    """List the known issues."""
    from saveproof.conformance import known as issues

    _echo(_or_error(lambda: issues.listed(known or ())))


@known.command("check")
@takes(Limits)
def known_check(
    options: Limits,
    subjects: Annotated[list[str] | None, typer.Argument(metavar="[SUBJECT...]")] = None,
    known: Known = None,
) -> None:
    """Replay the witness of each known issue; by default on all installed subjects."""
    from saveproof.conformance import known as issues
    from saveproof.conformance import listing

    named = subjects or listing.installed()
    well = _or_error(lambda: issues.checked(named, known or (), options, _echo))
    raise typer.Exit(0 if well else FINDINGS)


@known.command("add")
def known_add(
    case: Annotated[str, typer.Argument(metavar="ID", help="Id of a case, or its beginning.")],
    reason: Annotated[str, typer.Option(help="What is lost, in a sentence.")],
    link: Annotated[str, typer.Option(help="Page that has more.")] = "",
    releases: Annotated[str, typer.Option(help="Such as '>=3.4,<3.16'; default: from now.")] = "",
    file: Annotated[Path, typer.Option(help="File to add to.")] = Path("saveproof-known.toml"),
    subject: Annotated[str | None, typer.Option(help="Subject of the finding.")] = None,
    path: Annotated[str | None, typer.Option(help="Save path of the finding.")] = None,
    check: Annotated[str | None, typer.Option(help="Add only what this check found.")] = None,
    run: In = None,
) -> None:
    """Add the findings of a case to a file of known issues."""
    from saveproof.conformance import known as issues
    from saveproof.conformance.replay import At

    at, entry = At(subject, path, check), issues.Words(reason, link, releases)
    _echo(_or_error(lambda: issues.added(case, run or [_or_error(latest_run)], at, entry, file)))


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
    """Show generated cases, or how often each class, argument and event comes up."""
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
    """Test a subject's adapter with each kind of model, layer, optimizer, loss and event."""
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
    """Print the report of a run, or of several runs merged; exit as the run did."""
    from saveproof.reports.matrix import matrix
    from saveproof.reports.merging import merge
    from saveproof.reports.renderers import RENDERERS
    from saveproof.reports.store import read
    from saveproof.reports.terminal import columns, terminal

    renderer = _chosen(RENDERERS, format)
    run = _or_error(lambda: merge([read(run) for run in runs]))
    figures = matrix(run)
    text = terminal(figures, width=columns()) if format == "terminal" else renderer(figures)
    typer.echo(text)
    raise typer.Exit(figures.gate.exit_code)


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
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder or event file of a run.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A later run, or another release's.")],
    format: Annotated[
        str, typer.Option(help="terminal, or markdown: for a pull request.")
    ] = "terminal",
) -> None:
    """Print what changed from one run to another; exit with 1 on new failures."""
    from saveproof.reports.compare import compare as compared
    from saveproof.reports.comparison_text import COMPARISONS
    from saveproof.reports.store import read

    renderer = _chosen(COMPARISONS, format)
    comparison = _or_error(lambda: compared(read(old), read(new)))
    _echo(renderer(comparison))
    if not comparison.complete:
        raise typer.Exit(NOT_FINISHED)
    raise typer.Exit(FINDINGS if comparison.failures else 0)


@app.command()
def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE|ID]", help="Code, or id of a distinct defect.")
    ] = None,
    run: In = None,
    format: Annotated[str, typer.Option(help="text, or markdown: all codes as a page.")] = "text",
) -> None:
    """Explain a code of a report, or list all codes."""
    from saveproof.conformance import listing

    if format not in listing.EXPLAINED:
        raise typer.BadParameter(f"expected one of {listing.EXPLAINED}, found {format!r}")
    _echo(_or_error(lambda: listing.explain(code, run or [_or_error(latest_run)], format=format)))


@app.command()
def glossary() -> None:
    """Explain the words that commands and reports use."""
    from saveproof.reports import glossary as words

    typer.echo(words.glossary())


def main() -> None:
    """Run the command."""
    app()


def _chosen(renderers: Mapping[str, R], format: str) -> R:
    """Return the renderer of that format."""
    if format not in renderers:
        raise typer.BadParameter(f"expected one of {sorted(renderers)}, found {format!r}")
    return renderers[format]
