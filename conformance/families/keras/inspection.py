"""Takes a snapshot of a live model of a module that speaks the Keras API."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from types import ModuleType
from typing import Any, cast

import numpy as np

from saveproof.conformance.families.keras.arguments import (
    WITHOUT_FLAG,
    flat,
    layer_arguments,
    plain,
    without_envelopes,
)
from saveproof.conformance.families.keras.compile_settings import compile_settings, leaves
from saveproof.conformance.families.keras.layer_graph import calls, canonical
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import UNREADABLE, Inventory, Snapshot, Value
from saveproof.conformance.model_state.subject import Model
from saveproof.conformance.processes.endings import ENDING

Variable = Any
"""A variable of the framework, with a name and a value that NumPy can copy."""

STATISTICS = frozenset(("moving_mean", "moving_variance"))
"""Weights that training sets without a gradient."""

NO_SLOTS = frozenset(("iter", "iteration", "iterations", "learning_rate"))
"""Variables of an optimizer that have a facet of their own."""

SLOTS = (
    *("accumulated_delta_var", "accumulated_grad", "accumulator", "average_gradient", "average"),
    *("m", "momentum", "norm", "u", "v", "velocity_hat", "velocity", "vhat"),
)
"""Names of slots: Keras 2 puts them before the weight's name in a variable's, Keras 3 after it."""

GRAPHS = frozenset(("Functional", "Model", "Sequential"))
"""Classes of models that are a graph of layers, and so have a config."""

COMPILE_CONFIG, CONFIG = "compile config", "config"
"""The first part of live entries that hold a part of a config."""

LIVE_FLAGS = ("built", "stop_training", "jit_compile", "run_eagerly")
"""Attributes of a live model that no facet holds."""


@dataclass(frozen=True)
class Traits:
    """Access to state of a dialect of the Keras API that the API itself does not show.

    `array` copies a variable or tensor. `loss_arguments` returns the arguments of a live loss,
    which its config may forget. Three return variables: a layer's random generators, a recurrent
    layer's states, and those of an optimizer that are not in its `variables`.
    """

    array: Callable[[Variable], np.ndarray] = lambda variable: np.array(variable.numpy())
    generators: Callable[[Any], Iterable[Variable]] = lambda _: ()
    recurrent: Callable[[Any], Sequence[Variable]] = lambda _: ()
    beside_slots: Callable[[Any], Mapping[str, Variable]] = lambda _: {}
    policy: Callable[[Any], str] = lambda layer: str(
        getattr(layer.dtype_policy, "name", layer.dtype_policy)
    )
    compiled: Callable[[Model], Mapping[str, Any] | None] = lambda model: getattr(
        model, "get_compile_config", lambda: None
    )()
    loss_arguments: Callable[[Any], Mapping[str, Any]] = lambda _: {}


KERAS_API = Traits()
"""A dialect without state elsewhere."""


@dataclass(frozen=True)
class View:
    """A model with the module, traits, config and layers that the inventories use."""

    module: ModuleType
    traits: Traits
    model: Model

    @cached_property
    def own_config(self) -> Mapping[str, Any]:
        """The model's config, in the model's own words."""
        if type(self.model).__name__ in GRAPHS:
            return cast("Mapping[str, Any]", self.model.get_config())
        layers = [
            {"class_name": type(one).__name__, "config": one.get_config()}
            for one in self.model.layers
        ]
        return {"name": self.model.name, "layers": layers}

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The model's config, the same for the same graph."""
        is_graph = type(self.model).__name__ in GRAPHS
        return canonical(self.own_config) if is_graph else self.own_config

    @cached_property
    def compiled(self) -> Mapping[str, Any] | None:
        """The compile config; None of a model not compiled."""
        return self.traits.compiled(self.model)

    @cached_property
    def layers(self) -> Sequence[tuple[str, Any]]:
        """The layers, those of nested models too."""
        return tuple(_walk(self.module, self.model, ""))

    @property
    def optimizer(self) -> Any:
        """The optimizer; None of a model not compiled, which may lack the attribute."""
        return getattr(self.model, "optimizer", None)


def snapshot(module: ModuleType, traits: Traits, model: Model) -> Snapshot:
    """Return an inventory of every facet, arrays copied, and the live one.

    An exception of the model ends an inventory, as its last entry, `UNREADABLE`.
    """
    view = View(module, traits, model)
    facets = {facet: read(partial(inventory, view)) for facet, inventory in INVENTORIES.items()}
    return Snapshot(facets, live=read(partial(_live, view)))


def read(inventory: Callable[[], Any]) -> Inventory:
    """Return an inventory; an exception ends it, as its last entry, `UNREADABLE`."""
    entries: dict[str, Value] = {}
    try:
        entries.update(inventory())
    except ENDING:
        raise
    except BaseException as error:  # noqa: BLE001 - any release, and any model that came back, may be odd
        words = re.sub(r"0x[0-9a-f]+", "…", str(error))
        entries[UNREADABLE] = f"{type(error).__name__}: {words}"
    return entries


def _walk(module: ModuleType, model: Model, prefix: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        address = prefix + layer.name
        yield address, layer
        if isinstance(layer, module.Model):
            yield from _walk(module, layer, f"{address}/")


def _architecture(view: View) -> Iterator[tuple[str, Value]]:
    return flat(without_envelopes(view.config))


def _arguments(view: View) -> Iterator[tuple[str, Value]]:
    for address, layer in view.layers:
        for name, value in layer_arguments(view.module, layer):
            yield f"{address}/{name}", value


def _sharing(view: View) -> Iterator[tuple[str, Value]]:
    first: dict[int, str] = {}
    for address, layer in view.layers:
        yield address, first.setdefault(id(layer), address)
    for address, _, index, variable in _weights(view):
        yield f"{address}/{index}", first.setdefault(id(variable), f"{address}/{index}")
    yield from calls(view.config)


def _names(view: View) -> Iterator[tuple[str, Value]]:
    yield "model", view.model.name
    yield "layers", [address for address, _ in view.layers]
    for address, _, index, variable in _weights(view):
        yield f"{address}/{index}", base_name(variable.name)


def _weights(view: View) -> Iterator[tuple[str, Any, int, Variable]]:
    for address, layer in view.layers:
        if not isinstance(layer, view.module.Model):
            states = {id(state) for state in view.traits.recurrent(layer)}
            own = [weight for weight in layer.weights if id(weight) not in states]
            for index, weight in enumerate(own):
                yield address, layer, index, weight


def base_name(name: str) -> str:
    """Return the last part of a variable's name: `kernel` of `dense/kernel:0`."""
    return name.rpartition("/")[2].partition(":")[0]


def _values(view: View, *, statistics: bool) -> Iterator[tuple[str, Value]]:
    for address, _, index, variable in _weights(view):
        name = base_name(variable.name)
        if (name in STATISTICS) is statistics:
            yield f"{address}/{index} {name}", view.traits.array(variable)


def _trainable(view: View) -> Iterator[tuple[str, Value]]:
    yield "", view.model.trainable
    for address, layer in view.layers:
        if type(layer).__name__ not in WITHOUT_FLAG:
            yield address, layer.trainable


def _policies(view: View) -> Iterator[tuple[str, Value]]:
    for address, layer in view.layers:
        yield address, view.traits.policy(layer)


def _widths(model: Model) -> Mapping[str, int | None]:
    """Return the length of the last axis of each output; nothing of a model without a graph."""
    shapes = [tuple(one.shape) for one in getattr(model, "outputs", None) or ()]
    names = getattr(model, "output_names", None) or [f"output_{n}" for n in range(len(shapes))]
    return dict(zip(names, (shape[-1] for shape in shapes), strict=False))


def _compile(view: View) -> Iterator[tuple[str, Value]]:
    yield from compile_settings(view.compiled, _widths(view.model))
    for index, loss in enumerate(leaves(getattr(view.model, "loss", None))):
        yield from flat(view.traits.loss_arguments(loss), f"loss/{index}/")


def _optimizer(view: View) -> Iterator[tuple[str, Value]]:
    optimizer = view.optimizer
    if optimizer is not None:
        yield "class_name", type(optimizer).__name__
        config = optimizer.get_config()
        yield from flat({key: config[key] for key in config if key != "learning_rate"})


def _learning_rate(view: View) -> Iterator[tuple[str, Value]]:
    if view.optimizer is not None:
        yield from flat({"learning_rate": view.optimizer.get_config()["learning_rate"]})


def _slots(view: View) -> Iterator[tuple[str, Value]]:
    optimizer = view.optimizer
    if optimizer is None:
        return
    slots = [v for v in optimizer.variables if base_name(v.name) not in NO_SLOTS]
    for index, slot in enumerate(slots):
        yield f"{index} {_slot(slot.name)}", view.traits.array(slot)
    for name, variable in view.traits.beside_slots(optimizer).items():
        yield name, view.traits.array(variable)


def _slot(name: str) -> str:
    """Return the slot's own name: the rest of a variable's name varies with how it was made."""
    before = [part for part in name.split("/")[:2] if part in SLOTS]
    after = [slot for slot in SLOTS if name.endswith(f"_{slot}")]
    return next(iter((*before, *after)), "")


def _iteration(view: View) -> Iterator[tuple[str, Value]]:
    if view.optimizer is not None:
        yield "iterations", view.traits.array(view.optimizer.iterations)


def _of_layers(view: View, variables: Callable[[Any], Iterable[Variable]]) -> dict[str, Value]:
    return {
        f"{address}/{index}": view.traits.array(variable)
        for address, layer in view.layers
        if not isinstance(layer, view.module.Model)
        for index, variable in enumerate(variables(layer))
    }


def _metrics(view: View) -> Iterator[tuple[str, Value]]:
    for place, metric in enumerate(view.model.metrics):
        for index, variable in enumerate(metric.variables):
            yield f"{place} {metric.name}/{index}", view.traits.array(variable)


def _live(view: View) -> Iterator[tuple[str, Value]]:
    """Yield what a save could reach and no facet holds; each config entry as its JSON text."""
    for key, value in (view.compiled or {}).items():
        yield f"{COMPILE_CONFIG}/{key}", _json(value)
    for key, value in view.own_config.items():
        if key != "layers":
            yield f"{CONFIG}/{key}", _json(value)
    for index, layer in enumerate(view.own_config["layers"]):
        yield f"{CONFIG}/layers/{index}", _json(layer)
    if view.optimizer is not None:
        yield "optimizer/id", id(view.optimizer)
    for name in LIVE_FLAGS:
        yield name, plain(getattr(view.model, name, None))
    for address, layer in view.layers:
        yield f"{address}/built", plain(getattr(layer, "built", None))


_json = partial(json.dumps, default=plain)

INVENTORIES: Mapping[Facet, Callable[[View], Any]] = {
    Facet.ARCHITECTURE: _architecture,
    Facet.ARGUMENTS: _arguments,
    Facet.SHARING: _sharing,
    Facet.NAMES: _names,
    Facet.WEIGHTS: lambda view: _values(view, statistics=False),
    Facet.NON_TRAINABLE: lambda view: _values(view, statistics=True),
    Facet.TRAINABLE: _trainable,
    Facet.DTYPE_POLICY: _policies,
    Facet.COMPILE: _compile,
    Facet.OPTIMIZER: _optimizer,
    Facet.SLOTS: _slots,
    Facet.ITERATION: _iteration,
    Facet.LEARNING_RATE: _learning_rate,
    Facet.RNG: lambda view: _of_layers(view, view.traits.generators),
    Facet.METRICS: _metrics,
    Facet.RECURRENT: lambda view: _of_layers(view, view.traits.recurrent),
}
"""The inventory of each facet."""
