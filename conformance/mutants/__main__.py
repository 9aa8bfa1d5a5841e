"""`python -m saveproof.conformance.mutants [--examples N] [NAME...]` prints the kill matrix."""

from collections.abc import Sequence
from typing import Annotated

import typer

from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.mutants import MUTANTS, Mutant
from saveproof.conformance.mutants.killing import Kill, NotFinished, kill, killers
from saveproof.reports.exit_codes import NOT_FINISHED

TARGET, KILLED, SURVIVED, NOTHING = "#", "x", "!", "·"


def main(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...")] = None,
    examples: Annotated[
        int | None, typer.Option(min=1, help="Number of cases for each mutant.")
    ] = None,
) -> None:
    """Run the checks on all mutants, or on those named, and print which checks kill which.

    Exit codes: 1 if a mutant survives or a check kills none, 2 if the run did not finish.
    """
    mutants = _chosen(names or [])
    try:
        kills = kill(mutants, examples=examples)
    except NotFinished as error:
        typer.echo(error, err=True)
        raise typer.Exit(NOT_FINISHED) from error
    typer.echo(matrix(kills))
    complaints = [*_survivors(kills), *(() if names else _idle(kills))]
    typer.echo("\n".join(complaints) or f"all {len(kills)} mutants killed by their targets")
    raise typer.Exit(1 if complaints else 0)


def matrix(kills: Sequence[Kill]) -> str:
    """Return the kill matrix: a row for each mutant, and a numbered column for each check."""
    width = max(len(one.mutant.name) for one in kills)
    numbers = [f"{number:2}" for number in range(1, len(ALL_CHECKS) + 1)]
    heads = [f"{'':{width}}  {' '.join(number[row] for number in numbers)}" for row in (0, 1)]
    rows = [
        f"{one.mutant.name:{width}}  {' '.join(_mark(one, check.name) for check in ALL_CHECKS)}"
        for one in kills
    ]
    killed = killers(kills)
    legend = [
        f"{number} {check.name}: kills {len(killed[check.name])} mutants as required"
        for number, check in zip(numbers, ALL_CHECKS, strict=True)
    ]
    marks = (
        f"{TARGET} killed by a check that must kill it   {KILLED} killed by another check   "
        f"{SURVIVED} survived a check that must kill it"
    )
    return "\n".join([*heads, *rows, "", marks, "", *legend, ""])


def _mark(one: Kill, check: str) -> str:
    if check in one.mutant.targets:
        return SURVIVED if check in one.survived else TARGET
    return KILLED if check in one.checks else NOTHING


def _survivors(kills: Sequence[Kill]) -> list[str]:
    return [
        f"{one.mutant.name} survives {', '.join(one.survived)}: {one.mutant.fault}"
        for one in kills
        if one.survived
    ]


def _idle(kills: Sequence[Kill]) -> list[str]:
    return [f"{check} kills no mutant" for check, names in killers(kills).items() if not names]


def _chosen(names: Sequence[str]) -> list[Mutant]:
    unknown = sorted(set(names) - set(MUTANTS))
    if unknown:
        raise typer.BadParameter(f"expected names of {', '.join(MUTANTS)}; found {unknown}")
    return [MUTANTS[name] for name in names or MUTANTS]


if __name__ == "__main__":
    typer.run(main)
