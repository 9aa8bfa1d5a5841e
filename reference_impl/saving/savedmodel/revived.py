"""`Revived`: a subclassed model loaded without its class, with its layers and programs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

import numpy as np

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.custom_objects import custom_object_scope
from saveproof.reference_impl.engine.model import Model, beyond_graph
from saveproof.reference_impl.engine.sequential import Sequential
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.serialization import deserialize_layer, serialize_layer
from saveproof.reference_impl.limits import check_size
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.nest import Nested, leaves
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.saving.savedmodel.model_objects import config_of, input_specs
from saveproof.reference_impl.saving.savedmodel.program import recorded, run
from saveproof.reference_impl.saving.savedmodel.program_checks import Description, check_programs

_MADE: ContextVar[dict[int, Layer] | None] = ContextVar("layers made by number", default=None)

WEIGHT = "own weight"
"""Marks the position of one of the model's own weights in the structure of an attribute."""


class Revived(Model):
    """A model that runs the recorded `call` of a subclassed model, in training and inference.

    Args:
        description: from `revived_config`.
        name: of the model.
    """

    _description: Mapping[str, Any]

    def __init__(self, description: Mapping[str, Any], name: str | None = None) -> None:
        super().__init__(name=name or description["name"])
        object.__setattr__(self, "_description", dict(description))
        layers = []
        with _each_made_once():
            for number, entry in enumerate(description["layers"]):
                with at("layers", number):
                    layers.append(_made(entry))
        weights = [_variable(entry) for entry in description["weights"]]
        self._own_weights.extend(weights)
        for attribute, structure in description["attributes"].items():
            with at("attributes", attribute):
                setattr(self, attribute, _filled(structure, layers, weights))
        check_programs(description["programs"], len(list(self.flatten_layers())))

    def call(self, inputs: Nested, training: bool = False) -> Nested:  # noqa: FBT001 (Keras's signature)
        """Run the program for training or for inference."""
        program = self._description["programs"]["training" if training else "inference"]
        return run(program, list(leaves(inputs)), list(self.flatten_layers()))

    def get_config(self) -> dict[str, Any]:
        """Return the description and the name."""
        return {"name": self.name, "description": self._description}

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return an unbuilt model."""
        with custom_object_scope(custom_objects or {}), at("description"):
            return cls(checked(config.get("description"), Description), config.get("name"))


@contextmanager
def _each_made_once() -> Iterator[None]:
    """Create a layer that several nested models share only once."""
    token = _MADE.set({}) if _MADE.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _MADE.reset(token)


def _made(entry: Mapping[str, Any]) -> Layer:
    made, number = _MADE.get(), entry.get("number")
    if made is None or number is None:
        return deserialize_layer(entry)
    if number not in made:
        made[number] = deserialize_layer(entry)
    return made[number]


def revived_config(model: Model, numbers: Mapping[int, int] | None = None) -> dict[str, Any]:
    """Return the config of a `Revived` for a subclassed model.

    Args:
        model: built.
        numbers: of layers by `id`; by default in the order of `flatten_layers`.

    Raises:
        UntraceableOperation: if a program cannot express its call.
        NotImplementedError: if a layer in it has no configuration.
    """
    if numbers is None:
        numbers = {id(layer): number for number, layer in enumerate(model.flatten_layers())}
    return {"name": model.name, "description": _description(model, numbers)}


def _entry(layer: Layer, numbers: Mapping[int, int]) -> dict[str, Any]:
    """Return a layer's entry; for a subclassed model without a config, that of a `Revived`."""
    number = {"number": numbers[id(layer)]}
    if isinstance(layer, Model) and layer.graph is None and not config_of(layer):
        config = revived_config(layer, numbers)
        return {"class_name": Revived.__name__, "config": config, **number}
    if isinstance(layer, Model) and layer.graph is not None:
        return {**graph_entry(layer), **number}
    return {**serialize_layer(layer), **number}


def graph_entry(model: Model) -> dict[str, Any]:
    """Return the entry of a plain model with this one's graph.

    Raises:
        NotImplementedError: if its class computes or contains more than the graph.
    """
    if beyond := beyond_graph(model):
        raise NotImplementedError(
            f"model {model.name!r}: expected only its graph, found also {beyond}"
        )
    kind = "Sequential" if isinstance(model, Sequential) else "Functional"
    return {"class_name": kind, "config": model.graph_config()}


def places_of(layers: Sequence[object], weights: Sequence[object]) -> dict[int, Any]:
    """Return the encoding of each layer and own weight in the structure of an attribute."""
    places: dict[int, Any] = {id(layer): place for place, layer in enumerate(layers)}
    return places | {id(weight): {WEIGHT: place} for place, weight in enumerate(weights)}


def _description(model: Model, numbers: Mapping[int, int]) -> dict[str, Any]:
    """Return a subclassed model as plain data: layers, attributes, own weights and programs."""
    layers, weights, inputs = model.sublayers(), model.own_weights(), input_specs(model)
    places = places_of(layers, weights)
    return {
        "name": model.name,
        "layers": [_entry(layer, numbers) for layer in layers],
        "attributes": {
            attribute: structure
            for attribute, value in model.tracked.items()
            if (structure := _places(value, places)) is not None
        },
        "weights": [
            {
                "name": weight.name,
                "shape": list(weight.shape),
                "dtype": str(weight.dtype),
                "trainable": weight.trainable,
            }
            for weight in weights
        ],
        "programs": {
            "inference": recorded(model, inputs, training=False),
            "training": recorded(model, inputs, training=True),
        },
    }


def _variable(entry: Mapping[str, Any]) -> Variable:
    shape, dtype = entry["shape"], entry["dtype"]
    check_size(shape, dtype, where=f"weight {entry['name']!r}")
    value = np.zeros(shape, np.dtype(dtype))
    return Variable(value, name=entry["name"], trainable=entry["trainable"])


def _places(value: Any, places: Mapping[int, Any]) -> Any:
    """Return the structure with positions instead of layers and weights, None for other values."""
    if isinstance(value, Layer | Variable):
        return places.get(id(value))
    if isinstance(value, dict):
        found = {key: _places(item, places) for key, item in value.items()}
        return found if any(item is not None for item in found.values()) else None
    if isinstance(value, list | tuple):
        items = [_places(item, places) for item in value]
        return items if any(item is not None for item in items) else None
    return None


def _at(listed: Sequence[Any], place: Any) -> Any:
    if type(place) is not int or not 0 <= place < len(listed):
        raise MalformedEntry(f"expected a position below {len(listed)}, found {place!r:.200}")
    return listed[place]


def _filled(structure: Any, layers: Sequence[Layer], weights: Sequence[Variable]) -> Any:
    """Return the structure with layers and weights instead of their positions."""
    if isinstance(structure, int):
        return _at(layers, structure)
    if isinstance(structure, dict) and set(structure) == {WEIGHT}:
        return _at(weights, structure[WEIGHT])
    if isinstance(structure, dict):
        return {key: _filled(item, layers, weights) for key, item in structure.items()}
    if isinstance(structure, list):
        return [_filled(item, layers, weights) for item in structure]
    return structure
