"""Figures: a measurement, what it is compared with, and whether it meets its goal."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

Rate = Callable[[], float]
"""Measures once; returns examples a second."""


@dataclass(frozen=True)
class Figure:
    """One line of the table as text; `met` is None without a goal."""

    what: str
    ours: str
    theirs: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None


HEADINGS = ("what", "ours", "theirs", "ratio", "goal", "met?")


def in_turns(ours: Rate, theirs: Rate, rounds: int) -> list[tuple[float, float]]:
    """Measure both in turns, so that other load on the machine affects both; return the pairs."""
    return [(ours(), theirs()) for _ in range(rounds)]


def ratio(
    what: str, pairs: Sequence[tuple[float, float]], *, at_least: float | None = None
) -> Figure:
    """Return a figure with the median rate of both sides and the median of their ratios."""
    found = median(ours / theirs for ours, theirs in pairs)
    ours, theirs = (_rate(median(side)) for side in zip(*pairs, strict=True))
    if at_least is None:
        return Figure(what, ours, theirs, f"{found:.2f}")
    return Figure(what, ours, theirs, f"{found:.2f}", f">= {at_least:g}", found >= at_least)


def cost(what: str, seconds: Sequence[float], *, at_most: float | None = None) -> Figure:
    """Return a figure with the median of the costs, in seconds."""
    found = median(seconds)
    if at_most is None:
        return Figure(what, _milliseconds(found))
    return Figure(
        what, _milliseconds(found), goal=f"<= {_milliseconds(at_most)}", met=found <= at_most
    )


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned columns with headings."""
    lines = [HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(_aligned(line, widths)).rstrip() for line in lines)


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    yield line[0].ljust(widths[0])
    for cell, width in zip(line[1:], widths[1:], strict=True):
        yield cell.rjust(width)


def _cells(figure: Figure) -> tuple[str, ...]:
    met = {True: "yes", False: "NO", None: ""}[figure.met]
    return (figure.what, figure.ours, figure.theirs, figure.ratio, figure.goal, met)


def _rate(rate: float) -> str:
    return f"{rate:.0f}/s" if rate >= 100 else f"{rate:.3g}/s"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
