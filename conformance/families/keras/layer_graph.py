"""The graph of layers in a config, written so that equal graphs have equal words."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from saveproof.conformance.model_state.snapshot import Value

Config = Mapping[str, Any]

TENSOR = "keras_history"
"""Keras 3's key for (layer, call, output) of a tensor; Keras 2 writes bare lists."""


def calls(config: Config, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield the tensors that each call of each layer takes, nested models' layers by their path."""
    for layer in config["layers"]:
        path = f"{prefix}{_name(layer)}"
        for index, node in enumerate(layer.get("inbound_nodes", ())):
            yield f"{path}/call {index}", [list(tensor) for tensor in _tensors(node)]
        if "layers" in layer["config"]:
            yield from calls(layer["config"], f"{path}/")


def canonical(config: Config) -> Config:
    """Return the config with Keras 3's call numbers replaced by what was called.

    A layer's calls are numbered in the order in which a model was put together; the same graph
    put together in another order has other numbers.
    """
    layers = [_canonical_inside(layer) for layer in config.get("layers", ())]
    nodes = {_name(layer): layer.get("inbound_nodes", ()) for layer in layers}
    words = _Words(nodes, _invented(layers))
    for layer in layers:
        name, own = _name(layer), layer.get("inbound_nodes", ())
        if name in words.invented:
            layer["name"] = words.invented[name]
        if own and isinstance(own[0], Mapping):
            order = sorted(range(len(own)), key=partial(words.of, name))
            layer["inbound_nodes"] = [_renamed(own[index], words) for index in order]
    ends = {key: _renamed_ends(config[key], words) for key in ENDS if key in config}
    return {**config, **ends, "layers": layers}


def _invented(layers: Sequence[Config]) -> Mapping[str, str]:
    """Return names for what has none in its config, which Keras numbers anew in each model."""
    return {
        _name(layer): f"{layer.get('class_name')} {index}"
        for index, layer in enumerate(layers)
        if "name" not in layer["config"]
    }


def _name(layer: Config) -> str:
    """Return a layer's name; Keras 3.6 and 3.8 write it next to some configs, not into them."""
    config = layer["config"]
    return str(config.get("name", layer.get("name", "")) if isinstance(config, Mapping) else "")


ENDS = ("input_layers", "output_layers")


def _canonical_inside(layer: Config) -> dict[str, Any]:
    inner = layer["config"]
    return {**layer, "config": canonical(inner) if "layers" in inner else inner}


class _Words:
    """A word for each call of each layer, made of the words of its inputs."""

    def __init__(self, nodes: Mapping[str, Sequence[Any]], invented: Mapping[str, str]) -> None:
        self._nodes = nodes
        self.invented = invented
        self._known: dict[tuple[str, int], str] = {}

    def of(self, layer: str, index: int) -> str:
        """Return the word for a call: of an input layer or an unknown call, its number."""
        known = self._known.get((layer, index))
        if known is None:
            known = self._known[layer, index] = self._new(layer, index)
        return known

    def name(self, layer: str) -> str:
        """Return the layer's name, or its replacement."""
        return self.invented.get(layer, layer)

    def _new(self, layer: str, index: int) -> str:
        own = self._nodes.get(layer, ())
        if index >= len(own) or not isinstance(own[index], Mapping):
            return str(index)
        taken = [
            (self.name(name), self.of(name, call), output)
            for name, call, output in _tensors(own[index])
        ]
        return hashlib.sha256(repr(taken).encode()).hexdigest()[:8]


def _renamed(value: Any, words: _Words) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _renamed_tensor(inner, words) if key == TENSOR else _renamed(inner, words)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_renamed(inner, words) for inner in value]
    return value


def _renamed_tensor(tensor: Sequence[Any], words: _Words) -> list[Any]:
    layer, index, output = tensor
    return [words.name(layer), words.of(layer, index), output]


def _renamed_ends(ends: Any, words: _Words) -> Any:
    if len(ends) == 3 and isinstance(ends[0], str):
        return _renamed_tensor(ends, words)
    return [_renamed_ends(end, words) for end in ends]


def _tensors(node: Any) -> Iterator[Sequence[Any]]:
    """Yield (layer, call, output) of every tensor in an inbound node, Keras 2's or 3's."""
    if isinstance(node, Mapping):
        for inner in node.values():
            yield from _tensors(inner)
    elif isinstance(node, list | tuple):
        if len(node) >= 3 and isinstance(node[0], str) and isinstance(node[1], int | str):
            yield node[:3]
        else:
            for inner in node:
                yield from _tensors(inner)
