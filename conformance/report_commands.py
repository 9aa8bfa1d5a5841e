"""The commands that read what runs have recorded: reports, merges, comparisons, explanations.

Each imports its own modules, which keeps `--help` fast.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from saveproof.conformance.command_options import In, echo, latest_run, or_error
from saveproof.reports.exit_codes import FINDINGS, NOT_FINISHED

R = TypeVar("R")

reports = typer.Typer()


@reports.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folder or event file of a run.")
    ],
    format: Annotated[str, typer.Option(help="html, markdown, junit, terminal, badge or json.")] = (
        "terminal"
    ),
) -> None:
    """Print the report of a run; exit as the run did."""
    from saveproof.reports.matrix import matrix
    from saveproof.reports.merging import merge
    from saveproof.reports.renderers import RENDERERS
    from saveproof.reports.store import read
    from saveproof.reports.terminal import columns, terminal

    renderer = _chosen(RENDERERS, format)
    run = or_error(lambda: merge([read(run) for run in runs]))
    figures = matrix(run)
    text = terminal(figures, width=columns()) if format == "terminal" else renderer(figures)
    typer.echo(text)
    raise typer.Exit(figures.gate.exit_code)


@reports.command()
def merge(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folder or event file of a run.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the merged run and its report.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the run that the folder has.")
    ] = False,
) -> None:
    """Merge the shards of a run, or several runs."""
    from saveproof.conformance.runs import merging

    merged = or_error(lambda: merging.merged(runs, out, force=force))
    typer.echo(merged.text, nl=False)
    raise typer.Exit(merged.exit_code)


@reports.command()
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder or event file of a run.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A later run, or another release's.")],
    format: Annotated[
        str, typer.Option(help="terminal, or markdown: for a pull request.")
    ] = "terminal",
) -> None:
    """Print what changed between two runs."""
    from saveproof.reports.compare import compare as compared
    from saveproof.reports.comparison_text import COMPARISONS
    from saveproof.reports.store import read

    renderer = _chosen(COMPARISONS, format)
    comparison = or_error(lambda: compared(read(old), read(new)))
    echo(renderer(comparison))
    if not comparison.complete:
        raise typer.Exit(NOT_FINISHED)
    raise typer.Exit(FINDINGS if comparison.failures else 0)


@reports.command()
def trend(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folder or event file of a run.")
    ],
    format: Annotated[str, typer.Option(help="markdown or html.")] = "markdown",
) -> None:
    """Print how results changed over several runs."""
    from saveproof.reports.store import read
    from saveproof.reports.trend import TRENDS
    from saveproof.reports.trend import trend as over_time

    renderer = _chosen(TRENDS, format)
    typer.echo(renderer(or_error(lambda: over_time([read(run) for run in runs]))))


@reports.command()
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
    echo(or_error(lambda: listing.explain(code, run or [or_error(latest_run)], format=format)))


@reports.command()
def glossary() -> None:
    """Explain the words that commands and reports use."""
    from saveproof.reports import glossary as words

    typer.echo(words.glossary())


def _chosen(renderers: Mapping[str, R], format: str) -> R:
    """Return the renderer of that format."""
    if format not in renderers:
        raise typer.BadParameter(f"expected one of {sorted(renderers)}, found {format!r}")
    return renderers[format]
