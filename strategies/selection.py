"""The selection of strata: what a run tests of the classes and arguments of a subject."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from saveproof.strategies.capabilities import Capabilities, had_of, has
from saveproof.strategies.case import CaseRecord
from saveproof.strategies.catalogue.exports import Argument, ExportedClass, Exports
from saveproof.strategies.catalogue.marked import classes_in
from saveproof.strategies.catalogue.objects import plain
from saveproof.strategies.catalogue.values import VALUES
from saveproof.strategies.declared import EVENTS, NAMES, NEVER_EMPTY
from saveproof.strategies.layers import WRAPPED, WRAPPER
from saveproof.strategies.strata import FIELDS, event_stratum

NOT_WANTED = "--stratum selects others"
BARRED = "left out by --without"

BESIDE = {"layers": ("Dense", "Flatten", "Concatenate"), "losses": ("mse",)}
"""Classes that a model needs beside those that are selected: they end it."""

TRAINING = ("fit", "train_on_batch")
"""The events of which a model needs one."""


class Selection(CaseRecord, frozen=True):
    """The names of `--stratum` and `--without`; without any, everything is tested.

    A name is a namespace (`losses`), a class (`losses.Huber`) or an argument of a class
    (`losses.Huber/delta`); in `without` also an argument of every class that has it (`stateful`),
    or an event of models (`event:fit`).
    """

    wanted: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def of(self, exports: Exports) -> Exports:
        """Return the exports with the reasons why the run leaves out classes and arguments."""
        return Exports(tuple(map(self._of_class, exports))) if self != EVERY_STRATUM else exports

    def _of_class(self, one: ExportedClass) -> ExportedClass:
        names = (one.namespace, one.qualified)
        barred = any(name in self.without for name in names)
        inner = (
            name for made in classes_in(plain(one)) for name in (made, made.rpartition(".")[0])
        )
        needs_barred = any(name in self.without for name in inner)
        wanted = not self.wanted or any(name in self.wanted for name in names)
        arguments = tuple(self._of_argument(one, a, wanted=wanted) for a in one.arguments)
        inside = any(not argument.left_out for argument in arguments)
        reason = BARRED if barred or needs_barred else "" if wanted or inside else NOT_WANTED
        return replace(one, arguments=arguments, left_out=reason, barred=barred)

    def _of_argument(self, one: ExportedClass, argument: Argument, *, wanted: bool) -> Argument:
        stratum = f"{one.qualified}/{argument.name}"
        barred = stratum in self.without or argument.name in self.without
        reason = BARRED if barred else "" if wanted or stratum in self.wanted else NOT_WANTED
        return replace(argument, left_out=reason, barred=barred)

    def of_models(self, had: Capabilities) -> Capabilities | None:
        """Return the capabilities with only the selected classes; None if no model has one.

        A model has layers that end it beside the selected ones, and every class with a selected
        argument is selected, since a model draws its arguments by itself.
        """
        if self == EVERY_STRATUM:
            return had
        known = class_names(had)
        if self.wanted and not any(name.partition("/")[0] in known for name in self.wanted):
            return None
        limits = {field: self._left(room, field, had) for room, field in FIELDS.items()}
        events = had_of((e for e in EVENTS if event_stratum(e) not in self.without), had.events)
        if not (has(limits["layers"], "Dense") and {*TRAINING} & {*events}):
            return None
        if any(field in NEVER_EMPTY and not names for field, names in limits.items()):
            return None
        return had.but(**limits, events=events, without=dict(self._without(had)))

    def _left(self, room: str, field: str, had: Capabilities) -> tuple[str, ...]:
        """Return the names of a namespace that models may have."""
        names = had_of(map(str, NAMES[field]), getattr(had, field))
        named = [name.partition("/")[0] for name in self.wanted]
        chosen = [name for name in names if f"{room}.{name}" in named]
        if chosen and room not in self.wanted:
            more = WRAPPED if WRAPPER in chosen and field == "layers" else ()
            names = had_of(names, (*chosen, *more, *BESIDE.get(field, ())))
        barred = [name for name in names if f"{room}.{name}" in self.without]
        return () if room in self.without else tuple(n for n in names if n not in barred)

    def _without(self, had: Capabilities) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the arguments that each class or event may not have."""
        yield from had.without.items()
        everywhere = [one for one in self.without if one.isidentifier()]
        for room in ("layers", "optimizers"):
            for name in map(str, NAMES[room]):
                start = f"{room}.{name}/"
                own = [w.removeprefix(start) for w in self.without if w.startswith(start)]
                if more := (*own, *everywhere):
                    yield name, (*had.without.get(name, ()), *more)


EVERY_STRATUM = Selection()
"""The selection of a run without `--stratum` and `--without`."""


def class_names(had: Capabilities) -> frozenset[str]:
    """Return the namespaces and the qualified classes that models may have."""
    classes = (
        f"{room}.{name}"
        for room, field in FIELDS.items()
        for name in had_of(map(str, NAMES[field]), getattr(had, field))
    )
    return frozenset((*FIELDS, *classes))


def selectable(exports: Sequence[Exports], models: Sequence[Capabilities]) -> Selection:
    """Return every name that selects something of these subjects, objects and models.

    Where no subject tells its classes, the arguments of models are those of the catalogue.
    """
    wanted: set[str] = set()
    arguments: set[str] = set()
    for one in (one for each in exports for one in each):
        own = [argument.name for argument in one.arguments]
        wanted |= {one.namespace, one.qualified, *(f"{one.qualified}/{name}" for name in own)}
        arguments |= {*own}
    known = () if arguments else tuple(VALUES)
    for had in models:
        classes = class_names(had) - {*FIELDS}
        wanted |= {*FIELDS, *classes, *(f"{one}/{name}" for one in classes for name in known)}
        arguments |= {*known, *map(event_stratum, had_of(EVENTS, had.events))}
    return Selection(tuple(sorted(wanted)), tuple(sorted(wanted | arguments)))
