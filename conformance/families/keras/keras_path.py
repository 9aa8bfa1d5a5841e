"""A save path of the Keras family: the statements that save and load, and their execution."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypedDict

from saveproof.conformance.families.keras.codegen.models import (
    building,
    layer_at,
    making_weights,
    written_class,
)
from saveproof.conformance.families.keras.codegen.training import first_batch, given
from saveproof.conformance.families.keras.objects import LiveObject
from saveproof.conformance.model_state.contract import Contract, Promise
from saveproof.conformance.model_state.subject import Model, Source
from saveproof.strategies.case import Case, Departure, Kind
from saveproof.strategies.data import rows

LOADS_OF_AN_OBJECT = 2
"""An object is saved as often as it may be loaded: a load may take its config apart."""


class Family(Protocol):
    """The methods that a save path needs of a subject that speaks the Keras API."""

    def run(self, source: Iterable[str], **names: Any) -> dict[str, Any]:
        """Run source on the module and these names; return all names after it."""

    def as_run(self, case: Case) -> Case:
        """Return the case with `run_eagerly` where its models do run eagerly."""

    def loaded(self, case: Case, load: Callable[[], Any], *again: Callable[[], Any]) -> Model:
        """Return what a load gives, having noted which case it belongs to.

        An object by itself is loaded `again` where its behaviour is looked at.
        """


class Done(TypedDict):
    """What the code that loads does before the load, as arguments of `building`."""

    built: bool
    compiled: bool


def done_before_the_load(case: Case) -> Done:
    """Return what the code that loads does before the load; other code may leave it undone."""
    return Done(
        built=case.loading is not Departure.UNBUILT,
        compiled=case.loading is not Departure.UNCOMPILED,
    )


@dataclass(frozen=True)
class SavePathSpec:
    """The statements of a save and a load for any subject, which run and are printed.

    `save` saves `model` to `file`, with the path's own `extension`; `load` sets `loaded`. With
    `code`, the model's code builds `loaded` first, and with `warms_up`, trains it on one batch
    before the load. `{custom}` is replaced by the argument with the class of a subclassed model. A
    path in memory `passes` names from the save to the load, and has no file. `format` is the name
    of its format; `reads_too` has other formats that it reads, each with its promise.
    """

    name: str
    contract: Contract
    save: tuple[str, ...]
    load: tuple[str, ...]
    extension: str = ""
    passes: tuple[str, ...] = ()
    code: bool = False
    warms_up: bool = False
    format: str = ""
    reads_too: Mapping[str, Promise] = field(default_factory=dict)

    @property
    def in_memory(self) -> bool:
        """Whether there is no file."""
        return bool(self.passes)

    @property
    def save_new(self) -> tuple[str, ...]:
        """The statements of a save that must not overwrite: the last one says so."""
        *first, last = self.save
        return (*first, f"{last.removesuffix(')')}, overwrite=False)")

    @property
    def takes_class(self) -> bool:
        """Whether the load is given the class of a subclassed model."""
        return any("{custom}" in line for line in self.load)

    def loading(self, case: Case) -> Iterator[str]:
        """Yield the statements that set `loaded`, after the code has built it where needed.

        A warm-up trains on `x` and `y`, the first batch after the save in the case: the optimizer's
        variables exist only after a batch, as the guide says. There is none for an optimizer that
        has not trained before the save, which has no variables in the file. Layers that were frozen
        after the compile are frozen after it, and after the warm-up, here too. A model that other
        code has not built gets its weights after the load.
        """
        if self.warms_up_on(case):
            yield "loaded.train_on_batch(x, y)"
        for event in case.set_since_compile if self.code else ():
            yield f"{layer_at('loaded', event.layer.split('/'))}.trainable = {event.value}"
        written = case.architecture.kind is Kind.SUBCLASSED
        custom = ', custom_objects={"Written": Written}' if written else ""
        yield from (line.format(custom=custom) for line in self.load)
        if self.code and case.loading is Departure.UNBUILT:
            yield from making_weights("loaded", case.architecture)

    def warms_up_on(self, case: Case) -> bool:
        """Return whether the load trains on one batch first; other code may do otherwise."""
        if not self.code or case.loading in (Departure.UNBUILT, Departure.UNCOMPILED):
            return False
        warms_up = self.warms_up is not (case.loading is Departure.FIRST_STEP)
        return warms_up and case.trained_since_compile and first_batch(case) is not None

    def of(self, subject: Family) -> "KerasPath":
        """Return the save path of that subject."""
        return KerasPath(self.name, self.in_memory, self.contract, self, subject)


@dataclass(frozen=True, eq=False)
class KerasPath:
    """A save path of one subject."""

    name: str
    in_memory: bool
    contract: Contract
    way: SavePathSpec
    subject: Family

    @property
    def writes(self) -> str:
        """The name of the format that the path writes."""
        return self.way.format

    @property
    def reads(self) -> Mapping[str, Promise]:
        """The formats that the path reads: its own, and other ones."""
        own = {self.way.format: Promise.MUST} if self.way.format else {}
        return {**own, **self.way.reads_too}

    def save(self, model: Model, target: Path) -> Source:
        """Save the model to the target, with the path's own extension."""
        file = target.with_suffix(self.way.extension)
        if isinstance(model, LiveObject):
            return [self._passed(model.value, file) for _ in range(LOADS_OF_AN_OBJECT)]
        passed = self._passed(model, file)
        return passed if self.in_memory else file

    def _passed(self, live: Any, file: Path) -> dict[str, Any]:
        names = self.subject.run(self.way.save, model=live, file=str(file))
        return {name: names[name] for name in self.way.passes}

    def save_new(self, model: Model, target: Path) -> None:
        """Save the model to the target with `overwrite=False`."""
        file = target.with_suffix(self.way.extension)
        self.subject.run(self.way.save_new, model=model, file=str(file))

    def load(self, source: Source, case: Case) -> Model:
        """Return the loaded model; where code is needed, it builds the case's model first."""
        case = self.subject.as_run(case)
        if case.is_object:
            return self.subject.loaded(case, *(partial(self._load, case, one) for one in source))
        names = source if self.in_memory else {"file": str(source)}
        return self.subject.loaded(case, partial(self._load, case, names))

    def _load(self, case: Case, names: Mapping[str, Any]) -> Any:
        return self.subject.run(self._loading(case), **names, **self._batch(case)).pop("loaded")

    def _loading(self, case: Case) -> Iterator[str]:
        if self.way.code:
            yield from building(case.as_compiled, "loaded", **done_before_the_load(case))
        elif case.architecture.kind is Kind.SUBCLASSED and self.way.takes_class:
            yield from written_class(case.architecture)
        yield from self.way.loading(case)

    def _batch(self, case: Case) -> dict[str, Any]:
        batch = first_batch(case)
        if batch is None or not self.way.warms_up_on(case):
            return {}
        index, event = batch
        data = rows(case, index)
        arrays = {} if data is None else given(next(data.batches(event.batch_size)))
        return {name: arrays[name] for name in ("x", "y") if name in arrays}
