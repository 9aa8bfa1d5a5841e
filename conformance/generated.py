"""Generated cases as a person reads them, and how often each thing in them comes up."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.families.description import described
from saveproof.conformance.families.keras.codegen.listings import listing_lines
from saveproof.conformance.families.keras.codegen.paths import NotReproducible, scripted
from saveproof.conformance.runs.preflight import had, refuse_unknown
from saveproof.conformance.runs.selection import hops
from saveproof.strategies.capabilities import EVERYTHING
from saveproof.strategies.case import Case, tag_of
from saveproof.strategies.cases import cases
from saveproof.strategies.drawing import drawing
from saveproof.strategies.extremes import extremes
from saveproof.strategies.settings import name_of
from saveproof.strategies.strata import features_of, settings_of

KERAS = "keras"
"""The subject whose programs show a case where none is named."""


class Frequency(NamedTuple):
    """A thing that comes up in cases: its group, its name, and the number of cases that have it."""

    group: str
    name: str
    cases: int


def generated(subject: str | None, kinds: Sequence[str], *, seed: int, count: int) -> list[Case]:
    """Return so many cases of the seed for each kind, as a run generates them for the first path.

    Raises:
        UnusableSubject: no subject has that name.
        Unknown: the subject has no such kind of model.
    """
    paths = described(subject or KERAS).paths()
    has = EVERYTHING if subject is None else had(described(subject))
    refuse_unknown("kind", kinds, set(map(str, has.kinds)))
    found: list[Case] = []
    for kind in has.kinds:
        if not kinds or kind in kinds:
            through = any(hops(path.contract, kind) for path in paths)
            drawn = cases(kinds=(kind,), hops=through, capabilities=has)
            plan = Plan(
                *(subject or KERAS, paths[0].name, str(kind), drawn),
                seed=seed,
                extremes=extremes(kind, has),
            )
            found += [plan.example(number).case for number in range(count)]
    return found


def shown(subject: str | None, several: Sequence[Case]) -> str:
    """Return the cases as programs in the Keras API; for other subjects, as drawings."""
    return "\n\n".join(f"# case {case.id}\n{_text(subject or KERAS, case)}" for case in several)


def _text(subject: str, case: Case) -> str:
    try:
        known = scripted(subject)
    except NotReproducible:
        return drawing(case)
    return "\n".join(listing_lines(known, case))


def table(several: Sequence[Case]) -> str:
    """Return how many of the cases have each class, argument and event, often ones first."""
    lines = [f"{len(several)} cases"]
    for group, rows in _grouped(frequencies(several)):
        lines += ["", group, *(f"  {row.cases:6}  {row.name}" for row in rows)]
    return "\n".join(lines)


def frequencies(several: Sequence[Case]) -> list[Frequency]:
    """Return what comes up in the cases, by group, often ones first."""
    return [
        Frequency(group, name, times)
        for group, names in _GROUPS.items()
        for name, times in Counter(
            name for case in several for name in dict.fromkeys(names(case))
        ).most_common()
    ]


def _grouped(rows: Sequence[Frequency]) -> Iterator[tuple[str, list[Frequency]]]:
    for group in _GROUPS:
        if found := [row for row in rows if row.group == group]:
            yield group, found


def _layers(case: Case) -> Iterator[str]:
    return (layer.class_name for layer in case.architecture.every_layer())


def _arguments(case: Case) -> Iterator[str]:
    for layer in case.architecture.every_layer():
        yield from (f"{layer.class_name}.{name}" for name in layer.config if name != "name")
    for settings in settings_of(case):
        made = settings.optimizer
        yield from (f"{made.class_name}.{name}" for name in made.config)


def _optimizers(case: Case) -> Iterator[str]:
    return (settings.optimizer.class_name for settings in settings_of(case))


def _schedules(case: Case) -> Iterator[str]:
    rates = (settings.optimizer.config["learning_rate"] for settings in settings_of(case))
    return (rate["class_name"] for rate in rates if isinstance(rate, dict))


def _losses(case: Case) -> Iterator[str]:
    return map(name_of, case.settings.losses)


def _metrics(case: Case) -> Iterator[str]:
    return (name_of(metric) for each in case.settings.metrics for metric in each)


def _events(case: Case) -> Iterator[str]:
    yield from (f"before the save: {tag_of(type(event))}" for event in case.history.before)
    yield from (f"after the load: {tag_of(type(event))}" for event in case.history.after)


_GROUPS: dict[str, Callable[[Case], Iterator[str]]] = {
    "kind": lambda case: iter((str(case.architecture.kind),)),
    "layer": _layers,
    "model": features_of,
    "optimizer": _optimizers,
    "schedule": _schedules,
    "loss": _losses,
    "metric": _metrics,
    "event": _events,
    "argument": _arguments,
}
"""The groups of the table: what a case has of each."""
