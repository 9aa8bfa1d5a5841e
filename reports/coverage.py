"""What a run reached of what a subject exports, and why it did not reach the rest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low

from saveproof.reports.store import Run
from saveproof.reports.strata import Exported, OfClass, Stratum

CONFIDENCE = 0.95
"""The probability that the bound on a failure rate holds."""


class ReachState(StrEnum):
    """Whether a run reached a stratum, and why not."""

    REACHED = "reached"
    VACUOUS = "no example could have failed"
    NOT_JUDGED = "not judged"
    NOT_DRAWN = "not drawn yet"
    LEFT_OUT = "left out"


NOT_TESTED = (ReachState.LEFT_OUT, ReachState.NOT_JUDGED, ReachState.VACUOUS, ReachState.NOT_DRAWN)
"""The states of what was not tested, those with a reason first."""


@dataclass(frozen=True)
class Reach:
    """A stratum's state, with the reason, and its examples: each counts once a save path."""

    name: str
    state: ReachState
    why: str = ""
    judged: int = 0
    failed: int = 0

    @property
    def bound(self) -> float | None:
        """The failure rate that more than 95 % of such runs would have shown at least once.

        That is 1 - 0.05 ** (1 / n) after n judged examples without a failure, near 3 / n (the
        "rule of three"); None after a failure, or without a judged example.
        """
        return None if self.failed or not self.judged else rate_bound(self.judged)


def rate_bound(judged: int) -> float:
    """Return the bound on the failure rate at 95 % after so many examples without a failure."""
    bound: float = 1 - (1 - CONFIDENCE) ** (1 / judged)
    return bound


@dataclass(frozen=True)
class Figures:
    """How many of some strata are reached; the others by state, and by state and reason."""

    reached: int
    exported: int
    states: Mapping[ReachState, int]
    reasons: Mapping[ReachState, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Namespace:
    """The classes of a namespace, and their arguments, in alphabetical order."""

    name: str
    classes: tuple[Reach, ...]
    arguments: tuple[Reach, ...]

    @property
    def every(self) -> tuple[Reach, ...]:
        """The classes and the arguments."""
        return (*self.classes, *self.arguments)

    @property
    def faultless(self) -> tuple[int, ...]:
        """The judged examples of each stratum without a failure, ascending."""
        return tuple(sorted(one.judged for one in self.every if one.bound is not None))

    @property
    def smallest(self) -> int:
        """The fewest examples of a stratum without a failure; 0 without such a stratum."""
        return min(self.faultless, default=0)

    @property
    def median(self) -> int:
        """The median of the same; the lower one of two."""
        return median_low(self.faultless or (0,))


@dataclass(frozen=True)
class Coverage:
    """What a run reached of a subject.

    `exports` is whether the subject told its classes: only then are those known that were not
    drawn. `others` are the events and features of models.
    """

    subject: str
    exports: bool
    namespaces: tuple[Namespace, ...] = ()
    others: tuple[Reach, ...] = ()

    @property
    def classes(self) -> Figures:
        """The figures of all classes."""
        return figures(one for room in self.namespaces for one in room.classes)

    @property
    def arguments(self) -> Figures:
        """The figures of all arguments."""
        return figures(one for room in self.namespaces for one in room.arguments)

    @property
    def every(self) -> Figures:
        """The figures of all strata."""
        inside = (one for room in self.namespaces for one in room.every)
        return figures((*inside, *self.others))


def figures(several: Iterable[Reach]) -> Figures:
    """Return the figures of the strata."""
    every = tuple(several)
    reasons: dict[ReachState, dict[str, list[str]]] = {state: {} for state in NOT_TESTED}
    for one in every:
        if one.state is not ReachState.REACHED:
            reasons[one.state].setdefault(one.why, []).append(one.name)
    return Figures(
        reached=sum(one.state is ReachState.REACHED for one in every),
        exported=len(every),
        states=dict(Counter(one.state for one in every)),
        reasons={
            state: {why: tuple(names) for why, names in _often_first(by_reason)}
            for state, by_reason in reasons.items()
            if by_reason
        },
    )


def _often_first(reasons: Mapping[str, Sequence[str]]) -> list[tuple[str, Sequence[str]]]:
    return sorted(reasons.items(), key=lambda item: -len(item[1]))


def coverages(run: Run) -> tuple[Coverage, ...]:
    """Return what the run reached of each subject, in the header's order."""
    told = {one.subject: one for one in run.exported}
    found = ((one.name, _summed(run, one.name)) for one in run.header.subjects)
    return tuple(
        _coverage(name, told.get(name), strata) for name, strata in found if strata or name in told
    )


def _summed(run: Run, subject: str) -> dict[str, Stratum]:
    """Return the sums over all save paths and kinds; the first reason stays."""
    sums: dict[str, Stratum] = {}
    for one in run.strata:
        if one.subject == subject:
            for name, more in one.strata.items():
                sums[name] = _sum(sums.get(name, Stratum()), more)
    return sums


def _sum(one: Stratum, more: Stratum) -> Stratum:
    return Stratum(
        judged=one.judged + more.judged,
        failed=one.failed + more.failed,
        vacuous=one.vacuous + more.vacuous,
        not_applicable=one.not_applicable + more.not_applicable,
        why=one.why or more.why,
    )


def _coverage(subject: str, exported: Exported | None, strata: Mapping[str, Stratum]) -> Coverage:
    if exported is None:
        reasons = dict.fromkeys((name for name in strata if ":" not in name), "")
    else:
        reasons = dict(_reasons(exported.classes))
    rooms: dict[str, list[str]] = {}
    for name in reasons:
        rooms.setdefault(_namespace(name), []).append(name)
    return Coverage(
        subject=subject,
        exports=exported is not None,
        namespaces=tuple(_room(room, rooms[room], reasons, strata) for room in rooms),
        others=tuple(_reach(name, "", strata) for name in strata if name not in reasons),
    )


def _room(
    room: str, names: Sequence[str], reasons: Mapping[str, str], strata: Mapping[str, Stratum]
) -> Namespace:
    classes, arguments = (
        tuple(_reach(n, reasons[n], strata) for n in sorted(names) if ("/" in n) is inside)
        for inside in (False, True)
    )
    return Namespace(room, classes, arguments)


def _reasons(classes: Mapping[str, OfClass]) -> Iterator[tuple[str, str]]:
    """Yield each class and argument with the reason why it is left out, empty if it is not."""
    for name, one in classes.items():
        yield name, one.left_out
        yield from ((f"{name}/{argument}", why) for argument, why in one.arguments.items())


def _namespace(name: str) -> str:
    return name.partition("/")[0].rpartition(".")[0]


def _reach(name: str, left_out: str, strata: Mapping[str, Stratum]) -> Reach:
    seen = strata.get(name, Stratum())
    if seen.judged:
        return Reach(name, ReachState.REACHED, "", seen.judged, seen.failed)
    if seen.vacuous:
        return Reach(name, ReachState.VACUOUS)
    if seen.not_applicable:
        return Reach(name, ReachState.NOT_JUDGED, seen.why)
    return Reach(name, ReachState.LEFT_OUT if left_out else ReachState.NOT_DRAWN, left_out)
