"""Paths of layers in `.weights.h5`: the first path in Keras's walk through the model.

Source: `_walk_saveable`, `_save_state` and `_save_container_state` of
https://github.com/keras-team/keras/blob/v3.15.1/keras/src/saving/saving_lib.py, of its release
3.0.5, and of https://github.com/keras-team/tf-keras/blob/v2.21.0/tf_keras/src/saving/saving_lib.py.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.naming import snake_case
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.saving.dialects.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Place:
    """A path with one layer's own variables, trainable ones first.

    `complete` is whether the layer and its nested layers have all their weights.
    """

    path: str
    name: str
    variables: tuple[Variable, ...] = ()
    complete: bool = True


@dataclass(slots=True)
class Walk:
    """A release's walk through a model.

    Attributes:
        dialect: determines the order of attributes.
        nested: whether the walk enters lists within lists, as Keras does since 3.15.
    """

    dialect: Dialect
    nested: bool = True
    _places: list[Place] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def places(self, model: Layer) -> list[Place]:
        """Return the places of a model's variables, its own first, at the path ''."""
        self._places, self._seen = [], set()
        self._visit(model, "")
        return self._places

    def _visit(self, layer: Layer, path: str) -> None:
        if id(layer) in self._seen:
            return
        self._seen.add(id(layer))
        own = (*layer.own_weights(trainable=True), *layer.own_weights(trainable=False))
        if isinstance(layer, Recurrent):
            # Keras's recurrent layers store their weights in a separate cell layer.
            cell = Place(f"{path}/cell".removeprefix("/"), layer.cell_name, own)
            self._places += [Place(path, layer.name), cell]
        else:
            self._places.append(Place(path, layer.name, own, layer.complete))
        for name, held in self._attributes(layer):
            where = f"{path}/{name}".removeprefix("/")
            if isinstance(held, Layer):
                self._visit(held, where)
            else:
                self._visit_container(held, where)

    def _attributes(self, layer: Layer) -> Iterator[tuple[str, Any]]:
        """Yield a layer's attributes in the dialect's order, starting with a network's layers."""
        held = {
            name: value
            for name, value in layer.tracked.items()
            if name not in layer.internals and isinstance(value, Layer | list | tuple | dict)
        }
        if isinstance(layer, Trainer):
            held["layers"] = layer.layers
        if self.dialect is Dialect.TF_KERAS:
            yield from sorted(held.items(), reverse=True, key=lambda item: item[0])
            return
        held = {layer.in_keras_3.get(name, name): value for name, value in held.items()}
        network = isinstance(layer, Trainer) and layer.is_network
        yield from sorted(
            held.items(),
            key=lambda item: (
                not (network and item[0] == "layers"),
                item[0].startswith("_"),
                item[0],
            ),
        )

    def _visit_container(self, container: Any, path: str) -> None:
        used: Counter[str] = Counter()
        items = container.values() if isinstance(container, dict) else container
        for item in items:
            if isinstance(item, Layer):
                if self.dialect is Dialect.TF_KERAS and id(item) in self._seen:
                    continue
                self._visit(item, f"{path}/{numbered(class_key(item, self.dialect), used)}")
            elif isinstance(item, list | tuple | dict) and self.nested:
                self._visit_container(item, f"{path}/{numbered('container', used)}")


def numbered(name: str, used: Counter[str]) -> str:
    """Return the name at its first use, and with a number appended later."""
    count = used[name]
    used[name] += 1
    return f"{name}_{count}" if count else name


def class_key(layer: Layer, dialect: Dialect) -> str:
    """Return the key of a layer in a container: its class's name in snake case."""
    name = type(layer).__name__
    if name == "Model" and layer.is_graph_network:
        name = "Functional"
    if dialect is Dialect.TF_KERAS:
        return snake_case(name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


WALKS = (
    (Dialect.KERAS, True),
    (Dialect.KERAS, False),
    (Dialect.TF_KERAS, False),
)
"""The walks of Keras 3.15, of Keras 3.0 to 3.4, and of tf_keras."""


def places_of(model: Layer, dialect: Dialect) -> list[Place]:
    """Return the places of a model's variables for writing a file in this dialect."""
    return Walk(dialect, nested=dialect is Dialect.KERAS).places(model)
