"""The attributes of a live layer that hold the arguments of its constructor, as plain values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

from saveproof.conformance.families.keras.codegen.behaviours import ABSENT, attribute
from saveproof.conformance.families.keras.exports import constructor
from saveproof.conformance.model_state.snapshot import Value

_WEIGHT = ("initializer", "regularizer", "constraint")
_KERNEL = tuple(f"{weight}_{what}" for weight in ("kernel", "bias") for what in _WEIGHT)
_DENSE = ("units", "activation", "use_bias", *_KERNEL, "activity_regularizer")
_WINDOW = (
    *("kernel_size", "strides", "padding", "data_format", "dilation_rate"),
    *("activation", "use_bias", *(f"bias_{what}" for what in _WEIGHT), "activity_regularizer"),
)
_CONVOLUTION = ("filters", "groups", *_WINDOW, *(f"kernel_{what}" for what in _WEIGHT))
_DEPTHWISE = ("depth_multiplier", *_WINDOW, *(f"depthwise_{what}" for what in _WEIGHT))
_SEPARABLE = ("filters", *_DEPTHWISE, *(f"pointwise_{what}" for what in _WEIGHT))
_POOLING = ("pool_size", "strides", "padding", "data_format")
_NORMALIZATION = (
    *("axis", "epsilon", "center", "scale"),
    *(f"{weight}_{what}" for weight in ("beta", "gamma") for what in _WEIGHT),
)
_MOVING = ("momentum", "moving_mean_initializer", "moving_variance_initializer")
_RECURRENT = (
    *("units", "activation", "use_bias", *_KERNEL, "activity_regularizer"),
    *(f"recurrent_{what}" for what in _WEIGHT),
    *("dropout", "recurrent_dropout", "return_sequences", "return_state", "go_backwards"),
    *("stateful", "unroll"),
)
_GATED = (*_RECURRENT, "recurrent_activation")

LAYER_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "Add": (),
    "AveragePooling1D": _POOLING,
    "AveragePooling2D": _POOLING,
    "BatchNormalization": (*_NORMALIZATION, *_MOVING),
    "Bidirectional": ("merge_mode", *("forward_layer", "backward_layer")),
    "Concatenate": ("axis",),
    "Conv1D": _CONVOLUTION,
    "Conv2D": _CONVOLUTION,
    "Dense": _DENSE,
    "DepthwiseConv1D": _DEPTHWISE,
    "DepthwiseConv2D": _DEPTHWISE,
    "Dropout": ("rate", "seed", "noise_shape"),
    "Embedding": (
        *("input_dim", "output_dim", "mask_zero", "activity_regularizer"),
        *(f"embeddings_{what}" for what in _WEIGHT),
    ),
    "Flatten": ("data_format",),
    "GRU": (*_GATED, "reset_after"),
    "GlobalAveragePooling1D": ("data_format", "keepdims"),
    "GlobalAveragePooling2D": ("data_format", "keepdims"),
    "LSTM": (*_GATED, "unit_forget_bias"),
    "LayerNormalization": _NORMALIZATION,
    "LeakyReLU": ("alpha",),
    "MaxPooling1D": _POOLING,
    "MaxPooling2D": _POOLING,
    "Multiply": (),
    "PReLU": (*(f"alpha_{what}" for what in _WEIGHT), "shared_axes"),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Reshape": ("target_shape",),
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    "SimpleRNN": _RECURRENT,
    "Softmax": ("axis",),
    "ZeroPadding1D": ("padding",),
    "ZeroPadding2D": ("padding", "data_format"),
}
"""Arguments by class name; the attribute is the argument's namesake, but for those below."""

RENAMED = {"alpha": "negative_slope"}
"""Attributes of Keras 3 for arguments by their older names."""

WRAPPED = frozenset(("backward_layer", "forward_layer"))
"""Attributes that hold a layer, whose arguments count as those of its wrapper."""

WEIGHT_ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "Constant": ("value",),
    "GlorotNormal": ("seed",),
    "GlorotUniform": ("seed",),
    "HeNormal": ("seed",),
    "HeUniform": ("seed",),
    "Identity": ("gain",),
    "L1": ("l1",),
    "L1L2": ("l1", "l2"),
    "L2": ("l2",),
    "LecunNormal": ("seed",),
    "LecunUniform": ("seed",),
    "MaxNorm": ("max_value", "axis"),
    "MinMaxNorm": ("min_value", "max_value", "rate", "axis"),
    "NonNeg": (),
    "Ones": (),
    "Orthogonal": ("gain", "seed"),
    "RandomNormal": ("mean", "stddev", "seed"),
    "RandomUniform": ("minval", "maxval", "seed"),
    "TruncatedNormal": ("mean", "stddev", "seed"),
    "UnitNorm": ("axis",),
    "VarianceScaling": ("scale", "mode", "distribution", "seed"),
    "Zeros": (),
}
"""The same for initializers, regularizers and constraints: they too may forget an argument."""

GIVEN = {"seed": "_init_seed"}
"""Attributes for what was given, where Keras 3 has its namesake hold a value drawn for None."""

EVERY_LAYER = ("name", "trainable")

_KEPT = (bool, int, float, str, list, tuple, np.generic, np.ndarray)
"""Classes of an argument's value that another process can compare."""

WITHOUT_FLAG = frozenset(("InputLayer",))
"""Layers whose config has no `trainable`: they do nothing that could be trained."""


def layer_arguments(module: ModuleType, layer: Any) -> Iterator[tuple[str, Value]]:
    """Yield the layer's arguments: an object's class as `name`, its own as `name/Class/argument`.

    A layer of the framework that the table lacks yields what every layer has. A layer of a user's
    own yields the arguments of its constructor that are attributes with plain values.
    """
    kind = type(layer).__name__
    own = LAYER_ARGUMENTS.get(kind, ())
    if type(layer).__module__.partition(".")[0] != module.__name__.partition(".")[0]:
        own = tuple(_kept(layer))
    for name in ("name", *own) if kind in WITHOUT_FLAG else (*EVERY_LAYER, *own):
        held = getattr(layer, name, None)
        if name in WRAPPED and held is not None:
            yield from ((f"{name}/{own}", value) for own, value in layer_arguments(module, held))
        else:
            yield from _argument(module, name, getattr(layer, RENAMED.get(name, name), held))


def _kept(layer: Any) -> Iterator[str]:
    """Yield the arguments of the constructor that the layer keeps under their names."""
    for name in signature(type(layer)).parameters:
        held = getattr(layer, name, None)
        if name not in EVERY_LAYER and isinstance(held, _KEPT):
            yield name


def _argument(module: ModuleType, name: str, value: Any) -> Iterator[tuple[str, Value]]:
    if name.endswith("activation"):
        yield name, _function_name(module.activations.serialize(value))
    elif name.endswith(_WEIGHT) and value is not None:
        kind = type(value).__name__
        yield name, kind
        for own in WEIGHT_ARGUMENTS.get(kind, ()):
            held = getattr(value, GIVEN.get(own, own), getattr(value, own, None))
            number = held is None or isinstance(held, str | int | float | Sequence)
            yield f"{name}/{kind}/{own}", plain(held if number else np.asarray(held))
    else:
        yield name, plain(value)


def _function_name(serialized: Any) -> Value:
    return serialized["config"] if isinstance(serialized, Mapping) else serialized


CODE = "function"
"""An argument that travels as code: its behaviour tells what it is, its name does not."""


def given(
    module: ModuleType, held: Any, names: Iterable[str], prefix: str = ""
) -> Iterator[tuple[str, Value]]:
    """Yield the live values of arguments by name, those of objects in them too.

    An argument that no attribute holds is left out.
    """
    for name in names:
        value = ABSENT if name == CODE else attribute(held, name)
        if value is not ABSENT:
            yield from _given(module, f"{prefix}{name}", value)


def _given(module: ModuleType, name: str, value: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(value, list | tuple) and any(hasattr(one, "get_config") for one in value):
        for index, one in enumerate(value):
            yield from _given(module, f"{name}/{index}", one)
    elif hasattr(value, "get_config"):
        kind = type(value).__name__
        yield name, kind
        if "olicy" in kind:
            yield f"{name}/{kind}/name", plain(getattr(value, "name", None))
        else:
            inner = [one for one in constructor(value.__class__) if one not in EVERY_LAYER]
            yield from given(module, value, inner, f"{name}/{kind}/")
    elif callable(value):
        yield name, getattr(value, "__name__", type(value).__name__)
    elif hasattr(value, "numpy") or hasattr(value, "shape"):
        yield name, plain(np.array(value))
    else:
        yield name, plain(value)


ENVELOPE = frozenset(("build_config", "module", "registered_name", "shared_object_id"))
"""Keys of a config that say how to write it down; they vary between formats."""


def without_envelopes(config: Any) -> Any:
    """Return the config without what says how to write it down."""
    if isinstance(config, Mapping):
        return {k: without_envelopes(v) for k, v in config.items() if k not in ENVELOPE}
    if isinstance(config, list | tuple):
        return [without_envelopes(inner) for inner in config]
    return config


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield the leaves of nested mappings and sequences by path; a list of scalars is a leaf."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}{key}/")
    elif isinstance(value, list | tuple) and any(isinstance(v, Mapping | list) for v in value):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{prefix}{index}/")
    else:
        yield prefix.removesuffix("/"), plain(value)


def plain(value: Any) -> Value:
    """Return the value as JSON has it: lists for sequences, Python's own numbers, else its text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return [plain(inner) for inner in value]
    return f"{type(value).__module__}.{type(value).__qualname__}"
