"""Entries of layers and models in either dialect, for `.keras` and for Keras 3's HDF5 files.

Entries for Keras 3 have only keys that every release since 3.0 accepts: those of the layers in
https://github.com/keras-team/keras/tree/v3.0.5/keras/layers.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saveproof.reference_impl.custom_objects import registered_name
from saveproof.reference_impl.engine.graph import Graph
from saveproof.reference_impl.engine.graph_config import addresses_of, graph_addresses, graph_config
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.activation_layers import LeakyReLU
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.depthwise import DepthwiseConvolution, SeparableConvolution
from saveproof.reference_impl.layers.dropout import SpatialDropout
from saveproof.reference_impl.layers.input_layer import InputLayer
from saveproof.reference_impl.layers.multi_head_attention import MultiHeadAttention
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.layers.serialization import (
    Entry,
    built_in,
    class_name,
    is_built_in,
    name_beside,
)
from saveproof.reference_impl.layers.stated import stated_config
from saveproof.reference_impl.layers.symbolic import KerasTensor, Node
from saveproof.reference_impl.layers.time_distributed import TimeDistributed
from saveproof.reference_impl.layers.transposed import TransposedConvolution
from saveproof.reference_impl.layers.wrappers import Bidirectional
from saveproof.reference_impl.nest import map_leaves
from saveproof.reference_impl.numerics.autodiff import Tensor
from saveproof.reference_impl.plain import array_entry
from saveproof.reference_impl.saving.dialects.dialect import Dialect

FUNCTIONAL_MODULES = {
    Dialect.KERAS: "keras.src.models.functional",
    Dialect.TF_KERAS: "tf_keras.src.engine.functional",
}

_UNKNOWN_TO_KERAS_3 = ("batch_input_shape", "implementation", "input_length", "time_major")

_OF_DEPTHWISE = ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint")

_UNKNOWN_OF: Mapping[type[Layer], Sequence[str]] = {
    DepthwiseConvolution: _OF_DEPTHWISE,
    SeparableConvolution: _OF_DEPTHWISE,
    MultiHeadAttention: ("query_shape", "key_shape", "value_shape", "softmax_robust_masking"),
    SpatialDropout: ("noise_shape", "trainable"),
    TransposedConvolution: ("groups",),
}
"""Arguments by class that the classes of Keras 3 do not take."""

OTHER_ACTIVATIONS = {"hard_sigmoid": "keras_2_hard_sigmoid"}
"""Activations whose name means another function in Keras 3, and the name written instead.

No Keras release knows that name, so a load fails rather than compute another function.
"""

SAME_ACTIVATIONS = {"keras_3_hard_sigmoid": "hard_sigmoid"}
"""Our names of Keras 3's activations that differ from Keras 3's own."""

OLDER_NAMES = {"Orthogonal": "OrthogonalInitializer"}
"""The names of initializer classes that Keras 3.0 accepts; later releases accept both."""

_ACTIVATIONS = ("activation", "recurrent_activation")


@dataclass(frozen=True, slots=True)
class EntryForm:
    """The form of entries.

    Attributes:
        dialect: of the entries.
        with_module: whether entries have module and registered name, as in `.keras`; those in HDF5
            have only class name and config.
        shared: the numbers of shared layers, by `id`.
    """

    dialect: Dialect
    with_module: bool = True
    shared: Mapping[int, int] = field(default_factory=dict)


def entry_of(layer: Layer, form: EntryForm) -> Entry:
    """Return the entry of a layer or model.

    Raises:
        NotImplementedError: if it has no configuration.
    """
    config = config_of(layer, form)
    name = name_beside(layer, config)
    if not form.with_module:
        return {"class_name": class_name(layer), "config": config, **name}
    kind = type(layer)
    named: Entry = {"module": "keras.layers", "class_name": kind.__name__}
    registered: str | None = None
    if _is(layer, "Functional"):
        named = {"module": FUNCTIONAL_MODULES[form.dialect], "class_name": "Functional"}
        registered = "Functional"
    elif _is(layer, "Sequential"):
        named["module"] = "keras"
    elif not is_built_in(kind):
        named["module"], registered = None, registered_name(kind)
    entry = {**named, "config": config, "registered_name": registered, **name}
    if id(layer) in form.shared:
        entry["shared_object_id"] = form.shared[id(layer)]
    shape = None if named["module"] else _built_for(layer)
    return entry if shape is None else {**entry, "build_config": {"input_shape": shape}}


def shared_layers(model: Layer) -> dict[int, int]:
    """Return numbers for layers that several layers contain, by `id`."""
    holders = Counter(id(held) for layer in model.flatten_layers() for held in layer.sublayers())
    shared = [identity for identity, count in holders.items() if count > 1]
    return {identity: number for number, identity in enumerate(shared, 1)}


def _is(layer: Layer, name: str) -> bool:
    return type(layer) is built_in(name)


def _configured_as(layer: Layer, name: str) -> bool:
    return type(layer).get_config is getattr(built_in(name), "get_config", None)


def _built_for(layer: Layer) -> Any:
    """Return the input shape that a user's layer was built for, as lists."""
    if isinstance(layer, Trainer) and layer.called_on is not None:
        return map_leaves(lambda symbol: list(symbol.shape), layer.called_on)
    return _plain(layer.built_shape)


def config_of(layer: Layer, form: EntryForm) -> Entry:
    """Return the configuration of a layer or model."""
    graph = layer.graph if isinstance(layer, Trainer) else None
    layer.check_config()
    if _configured_as(layer, "Sequential"):
        return _sequential_config(layer, form)
    if graph and _configured_as(layer, "Functional") and not layer.makes_own_graph:
        return {"name": layer.name, "trainable": layer.trainable, **_graph_config(graph, form)}
    config = stated_config(layer, lambda inner: entry_of(inner, form))
    if isinstance(layer, TimeDistributed):
        # Keras needs the module of the wrapped layer even in HDF5.
        config["layer"] = entry_of(layer.layer, EntryForm(form.dialect))
    if form.dialect is Dialect.KERAS:
        config = _keras_3_config(layer, config)
    return config


def _sequential_config(model: Layer, form: EntryForm) -> Entry:
    config: Entry = {"name": model.name}
    if form.dialect is Dialect.KERAS or not model.trainable:
        config["trainable"] = model.trainable
    entries = [entry_of(layer, form) for layer in model.sublayers()]
    if form.dialect is Dialect.KERAS:
        entries = [_alone(entry) for entry in entries]
    return config | {"layers": entries}


def _alone(entry: Entry) -> Entry:
    """Return the entry of a graph inside a Sequential, with its single tensor not in a list.

    Keras 3 passes a list of one tensor on to the next layer, which then fails on a list of shapes.
    Releases before 3.4 accept only the list, and fail.
    """
    if entry["class_name"] != "Functional":
        return entry
    config = dict(entry["config"])
    for key in ("input_layers", "output_layers"):
        if len(config[key]) == 1:
            (config[key],) = config[key]
    return {**entry, "config": config}


def _keras_3_config(layer: Layer, config: Mapping[str, Any]) -> Entry:
    kept = {key: value for key, value in config.items() if key not in _UNKNOWN_TO_KERAS_3}
    if isinstance(layer, InputLayer):
        return {
            "batch_shape": layer.batch_input_shape,
            "dtype": layer.dtype_policy,
            "sparse": False,
            "name": layer.name,
        }
    if "dtype" in kept:
        kept["dtype"] = layer.dtype_policy
    unknown = next((names for kind, names in _UNKNOWN_OF.items() if isinstance(layer, kind)), ())
    kept = {key: value for key, value in kept.items() if key not in unknown}
    if isinstance(layer, LeakyReLU):
        kept["negative_slope"] = kept.pop("alpha")
    elif isinstance(layer, Bidirectional):
        # Keras 3 needs the modules of the wrapped layers even in HDF5.
        both = {"layer": layer.forward_layer, "backward_layer": layer.backward_layer}
        complete = EntryForm(Dialect.KERAS)
        kept |= {name: entry_of(wrapped, complete) for name, wrapped in both.items()}
    if kept.get("output_padding", 0) is None:
        del kept["output_padding"]  # early releases have no such argument
    if isinstance(axis := kept.get("axis"), list | tuple) and len(axis) == 1:
        kept["axis"] = axis[0]
    for key in _ACTIVATIONS:
        if key in kept:
            kept[key] = _keras_3_activation(kept[key])
    return {key: _keras_3_object(value) for key, value in kept.items()}


def _keras_3_object(value: Any) -> Any:
    if not isinstance(value, Mapping) or value.get("class_name") not in OLDER_NAMES:
        return value
    return {**value, "class_name": OLDER_NAMES[value["class_name"]]}


def _keras_3_activation(name: Any) -> Any:
    if not isinstance(name, str):
        return name
    if name in OTHER_ACTIVATIONS:
        return {
            "module": None,
            "class_name": "function",
            "config": OTHER_ACTIVATIONS[name],
            "registered_name": OTHER_ACTIVATIONS[name],
        }
    return SAME_ACTIVATIONS.get(name, name)


def _plain(shape: Any) -> Any:
    return [_plain(size) for size in shape] if isinstance(shape, list | tuple) else shape


def _graph_config(graph: Graph, form: EntryForm) -> Entry:
    def entry(layer: Layer) -> Entry:
        return entry_of(layer, form)

    if form.dialect is Dialect.TF_KERAS:
        return graph_config(graph, entry)
    address, kept = graph_addresses(graph, first=lambda _: 0)
    return {
        "layers": [
            {
                **entry(layer),
                "name": layer.name,
                "inbound_nodes": [_keras_3_call(node, address) for node in kept(layer)],
            }
            for layer in graph.layers
        ],
        "input_layers": addresses_of(graph.inputs, address),
        "output_layers": addresses_of(graph.outputs, address),
    }


def _keras_3_call(node: Node, address: Callable[[KerasTensor], list[Any]]) -> Entry:
    def tensor(symbol: KerasTensor) -> Entry:
        config = {
            "shape": list(symbol.shape),
            "dtype": symbol.dtype,
            "keras_history": address(symbol),
        }
        return {"class_name": "__keras_tensor__", "config": config}

    def written(leaf: Any) -> Any:
        if isinstance(leaf, KerasTensor):
            return tensor(leaf)
        array = leaf.value if isinstance(leaf, Tensor) else leaf
        return array_entry(array) if isinstance(array, np.ndarray) else leaf

    inputs, arguments = node.inputs, dict(node.arguments)
    if isinstance(node.layer, Recurrent) and isinstance(inputs, list | tuple):
        # Keras 3 accepts initial states only as a keyword argument.
        inputs, *states = inputs
        arguments |= {"initial_state": states} if states else {}
    return {
        "args": [map_leaves(tensor, inputs)],
        "kwargs": {name: map_leaves(written, item) for name, item in arguments.items()},
    }


def read_entry(entry: Any, dialect: Dialect) -> Any:
    """Return an entry with our names for Keras 3 functions whose names mean others here."""
    if dialect is Dialect.TF_KERAS:
        return entry
    ours = {name: own for own, name in SAME_ACTIVATIONS.items()}
    ours |= {name: own for own, name in OTHER_ACTIVATIONS.items()}
    return _renamed(entry, ours)


def _renamed(entry: Any, ours: Mapping[str, str]) -> Any:
    if isinstance(entry, list):
        return [_renamed(item, ours) for item in entry]
    if not isinstance(entry, Mapping):
        return entry
    return {
        key: _activation(value, ours) if key in _ACTIVATIONS else _renamed(value, ours)
        for key, value in entry.items()
    }


def _activation(value: Any, ours: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping) and value.get("class_name") == "function":
        return ours.get(str(value.get("config")), value)
    return ours.get(value, value) if isinstance(value, str) else value
