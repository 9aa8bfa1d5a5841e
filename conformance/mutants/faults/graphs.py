"""Faults in the graph of layers: in its layers and in their inputs."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from saveproof.conformance.mutants.edits import Config, edited_layers
from saveproof.conformance.mutants.injection import Fault, fault, instead, put
from saveproof.reference_impl.engine import graph_config
from saveproof.reference_impl.engine.graph_checks import map_addresses
from saveproof.reference_impl.model import Model

Edit = Callable[[Any], Any]


def _json_written(edit: Edit) -> Fault:
    """Make a fault that edits the config of a model before it is written as JSON."""

    def tampering(to_json: Callable[..., str]) -> Callable[..., str]:
        def edited(model: Model, **options: Any) -> str:
            return json.dumps(edit(json.loads(to_json(model))), **options)

        return edited

    def commit() -> None:
        put(Model, "to_json", tampering)

    commit.__name__, commit.__doc__, commit.__module__ = edit.__name__, edit.__doc__, __name__
    return fault(commit)


@_json_written
def dropouts_left_out(entry: Config) -> Config:
    """JSON of a sequential model omits its dropout layers."""
    layers = entry["config"]["layers"]
    kept = [layer for layer in layers if layer["class_name"] != "Dropout"]
    return {**entry, "config": {**entry["config"], "layers": kept}}


@_json_written
def joins_reversed(entry: Config) -> Config:
    """JSON lists the inputs of a layer that joins branches in reverse order."""

    def reverse(layer: Config) -> None:
        if "inbound_nodes" in layer:
            layer["inbound_nodes"] = [node[::-1] for node in layer["inbound_nodes"]]

    edited: Config = edited_layers(entry, reverse)
    return edited


@_json_written
def outputs_reversed(entry: Config) -> Config:
    """JSON lists the outputs of a functional model in reverse order."""
    edited: Config = copy.deepcopy(entry)
    edited["config"]["output_layers"].reverse()
    return edited


@_json_written
def shared_layers_duplicated(entry: Config) -> Config:
    """JSON lists a layer that is called twice as two layers."""
    edited: Config = copy.deepcopy(entry)
    config = edited["config"]
    for layer in [one for one in config["layers"] if len(one["inbound_nodes"]) > 1]:
        _split(config, layer)
    return edited


def _split(config: Config, layer: Config) -> None:
    name, calls = layer["name"], layer["inbound_nodes"]
    first = 1 if layer["class_name"] in ("Functional", "Sequential") else 0
    twins = [copy.deepcopy(layer) for _ in calls[1:]]
    for number, (twin, call) in enumerate(zip(twins, calls[1:], strict=True), 1):
        twin["name"] = twin["config"]["name"] = f"{name}_{number}"
        twin["inbound_nodes"] = [call]
    layer["inbound_nodes"] = calls[:1]
    config["layers"] += twins
    for address in _addresses(config):
        if address[0] == name and address[1] > first:
            address[0], address[1] = f"{name}_{address[1] - first}", first


@instead(graph_config, "_make_calls")
def later_calls_not_held(_: Any) -> Any:
    """A config's later call of a shared layer is restored before an earlier call that must wait."""

    def making(calls: Any, place: Any, tensor: Any, made: Any) -> list[str]:
        def waits(call: Any) -> bool:
            needed: list[Any] = []
            map_addresses(needed.append, call.inputs)
            missing = [address for address in needed if place(address) not in made]
            if not missing:
                number = sum(name == call.name for name, _ in made)
                made[call.name, number] = graph_config._outputs(call, tensor)
            return bool(missing)

        left, before = list(calls), -1
        while len(left) != before:
            before = len(left)
            left = [call for call in left if waits(call)]
        return [call.name for call in left]

    return making


def _addresses(config: Config) -> Iterator[list[Any]]:
    for layer in config["layers"]:
        for node in layer["inbound_nodes"]:
            yield from node
    yield from config["input_layers"]
    yield from config["output_layers"]
