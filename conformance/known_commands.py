"""The commands `saveproof known …`, which list, replay and add known issues.

Each imports its own modules, which keeps `--help` fast.
"""

from pathlib import Path
from typing import Annotated

import typer

from saveproof.conformance.command_options import In, echo, latest_run, or_error, takes
from saveproof.conformance.runs.options import Limits
from saveproof.reports.exit_codes import FINDINGS

Known = Annotated[list[Path] | None, typer.Option(help="File of known issues of your own.")]

known = typer.Typer(help="List, check and add known issues.", no_args_is_help=True)


@known.command("list")
def known_list(known: Known = None) -> None:
    """List the known issues."""
    from saveproof.conformance import known as issues

    echo(or_error(lambda: issues.listed(known or ())))


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
    well = or_error(lambda: issues.checked(named, known or (), options, echo))
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
    echo(or_error(lambda: issues.added(case, run or [or_error(latest_run)], at, entry, file)))
