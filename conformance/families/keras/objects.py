"""Objects by themselves: what is looked at of a live one."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any

import numpy as np

from saveproof.conformance.families.keras.arguments import given, plain, without_envelopes
from saveproof.conformance.families.keras.codegen.behaviours import BEHAVIOURS
from saveproof.conformance.families.keras.codegen.compiled import run
from saveproof.conformance.families.keras.codegen.objects import making, namespace, probe_inputs
from saveproof.conformance.families.keras.codegen.source import flat as one_line
from saveproof.conformance.families.keras.codegen.values import expression
from saveproof.conformance.families.keras.inspection import read
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import (
    UNREADABLE,
    Inventory,
    Snapshot,
    Value,
    equal,
    same,
)
from saveproof.strategies.case import Case, Layer
from saveproof.strategies.catalogue.values import VALUES

SEED = 3
"""The seed of the process-wide generators before an object is made and probed."""

Run = Callable[..., dict[str, Any]]
"""Runs source with names, and returns the names after it."""


class Twins:
    """Objects of the same cases: their behaviours, which save paths and cases share."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], Inventory] = {}

    def behaviour(self, held: "LiveObject", seed: int) -> Inventory:
        """Return the behaviour of an object of the same case, made after that seed."""
        key = (held.case.id, seed)
        if key not in self._seen:
            if len(self._seen) >= KEPT:
                self._seen.pop(next(iter(self._seen)))
            self._seen[key] = held.twin(seed)
        return self._seen[key]


KEPT = 64
"""Behaviours that are kept: those of a class at its plainest are compared with many."""


@dataclass(eq=False)
class LiveObject:
    """A live object with its case: the original, or what a save path brought back.

    `again` makes another object in the same way, whose behaviour is looked at: that changes it. Of
    the original, a twin is asked.
    """

    value: Any
    case: Case
    keras: ModuleType
    run: Run
    twins: Twins
    again: Callable[[], Any] | None = None

    @cached_property
    def behaviour(self) -> Inventory:
        """What the object does on the probe inputs, as far as its arguments determine it.

        What differs from twin to twin says nothing, and counts as equal.
        """
        expected = self.twins.behaviour(self, SEED)
        if self.again is None:
            return expected
        own = self.probed(self.again(), SEED)
        if same(own, expected):
            return own
        other = self.twins.behaviour(self, SEED + 1)
        drawn = {name for name in expected if not equal(expected[name], other.get(name))}
        return {name: expected[name] if name in drawn else own[name] for name in own}

    def twin(self, seed: int) -> Inventory:
        """Return the behaviour of another object of the case."""
        self.keras.utils.set_random_seed(seed)
        return self.probed(self.run(making(self.case))["model"], seed)

    def probed(self, one: Any, seed: int) -> Inventory:
        """Return the behaviour of an object; it is changed."""
        inputs = self.run([f"inputs = {one_line(probe_inputs(self.case))}"])["inputs"]
        self.keras.utils.set_random_seed(seed)
        behaviour = BEHAVIOURS[namespace(self.case)]
        try:
            seen = dict(_entries(behaviour(self.keras, one, inputs)))
        except Exception as error:  # noqa: BLE001 - the object does not take the inputs: nothing is shown
            return {UNREADABLE: f"{type(error).__name__}: {re.sub('[0-9]+', '…', str(error))}"}
        for value in seen.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        return seen

    def snapshot(self) -> Snapshot:
        """Return its config, arguments and behaviour."""
        layer = self.case.architecture.layers[0]
        facets = {
            Facet.ARCHITECTURE: read(lambda: _config(self.value)),
            Facet.ARGUMENTS: read(lambda: _arguments(self, layer)),
            Facet.BEHAVIOUR: read(lambda: self.behaviour.items()),
        }
        names = (layer.class_name, *(base.__name__ for base in type(self.value).__mro__[1:-1]))
        return Snapshot(facets, {name: name for name in names})


def _config(value: Any) -> Iterator[tuple[str, Value]]:
    """Yield the entries of the config, each as it is written in JSON."""
    for name, entry in without_envelopes(value.get_config()).items():
        yield name, json.dumps(entry, default=plain)


def _arguments(held: LiveObject, layer: Layer) -> Iterator[tuple[str, Value]]:
    """Yield the live arguments that were given, each after the class whose config decides it."""
    for name in layer.config:
        losing = base_that_loses(held.keras, held.value.__class__, name)
        yield from given(held.keras, held.value, [name], f"{losing or layer.class_name}/")


@cache
def base_that_loses(keras: ModuleType, one: Any, name: str) -> str:
    """Return the base of a class whose own config loses the argument; empty if none does.

    What a base loses, all classes lose that only add to its config: that is one defect.
    """
    for base in reversed(one.__mro__[1:-1]):
        for value in VALUES.get(name, ()):
            try:
                derived = _derived(base)
                made = derived(**{name: run_expression(keras, value)})
                again = derived.from_config(made.get_config())
                before, after = (dict(given(keras, one, [name])) for one in (made, again))
            except Exception:  # noqa: BLE001 - a base may be abstract, or lack the argument
                continue
            if before != after:
                return str(base.__name__)
    return ""


def _derived(base: Any) -> Any:
    """Return a class that adds nothing to the config of its base."""

    class Derived(base):  # type: ignore[misc]
        def get_config(self) -> Any:
            return super().get_config()

    Derived.__abstractmethods__ = frozenset()
    return Derived


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
