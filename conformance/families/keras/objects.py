"""Objects by themselves: what is looked at of a live one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from saveproof.conformance.families.keras.arguments import flat, given
from saveproof.conformance.families.keras.codegen.behaviours import BEHAVIOURS
from saveproof.conformance.families.keras.codegen.compiled import run
from saveproof.conformance.families.keras.codegen.objects import making, namespace, probe_inputs
from saveproof.conformance.families.keras.codegen.source import flat as one_line
from saveproof.conformance.families.keras.codegen.values import expression
from saveproof.conformance.families.keras.inspection import read
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Inventory, Snapshot, Value, equal
from saveproof.strategies.case import Case, Layer
from saveproof.strategies.catalogue.values import VALUES

SEED = 3
"""The seed of the process-wide generators before an object is made and probed."""

Run = Callable[..., dict[str, Any]]
"""Runs source with names, and returns the names after it."""


class Behaviours(NamedTuple):
    """The behaviour of one object of a case, and the entries that differ from object to object."""

    one: Inventory
    drawn: frozenset[str]


NONE = Behaviours({}, frozenset())


@dataclass
class Twins:
    """The behaviours of the last case: its save paths share them."""

    _case: str = ""
    _last: Behaviours = NONE

    def of(self, held: "Held") -> Behaviours:
        """Return the behaviours of the case of an object."""
        if held.case.id != self._case:
            one, other = (held.twin(seed) for seed in (SEED, SEED + 1))
            drawn = (name for name in one if not equal(one[name], other.get(name)))
            self._case, self._last = held.case.id, Behaviours(one, frozenset(drawn))
        return self._last


@dataclass(eq=False)
class Held:
    """A live object with its case: the original, or what a save path brought back."""

    value: Any
    case: Case
    keras: ModuleType
    run: Run
    twins: "Twins"
    is_original: bool = True

    @cached_property
    def behaviour(self) -> Inventory:
        """What the object does on the probe inputs, as far as its arguments determine it.

        It is asked once, since that changes the object. Of the original, a twin is asked.
        """
        twins = self.twins.of(self)
        own = twins.one if self.is_original else self.probed(self.value, SEED)
        return {name: value for name, value in own.items() if name not in twins.drawn}

    def twin(self, seed: int) -> Inventory:
        """Return the behaviour of another object of the case."""
        self.keras.utils.set_random_seed(seed)
        return self.probed(self.run(making(self.case))["model"], seed)

    def probed(self, one: Any, seed: int) -> Inventory:
        """Return the behaviour of an object; it is changed."""
        inputs = self.run([f"inputs = {one_line(probe_inputs(self.case))}"])["inputs"]
        self.keras.utils.set_random_seed(seed)
        seen = dict(_entries(BEHAVIOURS[namespace(self.case)](self.keras, one, inputs)))
        for value in seen.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        return seen

    def snapshot(self) -> Snapshot:
        """Return its config, arguments and behaviour."""
        layer = self.case.architecture.layers[0]
        facets = {
            Facet.ARCHITECTURE: read(lambda: flat(self.value.get_config())),
            Facet.ARGUMENTS: read(lambda: _arguments(self, layer)),
            Facet.BEHAVIOUR: read(lambda: self.behaviour.items()),
        }
        names = (layer.class_name, *(base.__name__ for base in type(self.value).__mro__[1:-1]))
        return Snapshot(facets, {name: name for name in names})


def _arguments(held: Held, layer: Layer) -> Iterator[tuple[str, Value]]:
    """Yield the live arguments that were given, each after the class whose config decides it."""
    for name in layer.config:
        losing = base_that_loses(held.keras, held.value.__class__, name)
        yield from given(held.keras, held.value, [name], f"{losing or layer.class_name}/")


@cache
def base_that_loses(keras: ModuleType, one: Any, name: str) -> str:
    """Return the base of a class that itself loses the argument in its config; empty if none does.

    What a base loses, all classes lose that leave its config as it is: that is one defect.
    """
    for base in reversed(one.__mro__[1:-1]):
        for value in VALUES.get(name, ()):
            try:
                made = base(**{name: run_expression(keras, value)})
                again = base.from_config(made.get_config())
                before, after = (dict(given(keras, one, [name])) for one in (made, again))
            except Exception:  # noqa: BLE001 - a base may be abstract, or lack the argument
                continue
            if before != after:
                return str(base.__name__)
    return ""


def run_expression(keras: ModuleType, value: Any) -> Any:
    """Return the value that a marked value stands for."""
    return run([f"value = {expression(value)}"], {"keras": keras, "np": np})["value"]


def _entries(seen: Any, name: str = "") -> Iterator[tuple[str, Value]]:
    """Yield arrays and plain values of nested structures by path."""
    if isinstance(seen, dict):
        for key, inner in seen.items():
            yield from _entries(inner, f"{name}/{key}" if name else key)
    elif isinstance(seen, list) and any(isinstance(one, dict | list | np.ndarray) for one in seen):
        for index, inner in enumerate(seen):
            yield from _entries(inner, f"{name}/{index}")
    else:
        yield name, seen
