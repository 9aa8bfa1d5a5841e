"""Tables of arguments: initializers, regularizers, constraints, activations, dtypes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from saveproof.strategies.byte_draws import ByteDraws
from saveproof.strategies.capabilities import LINEAR, Capabilities, has
from saveproof.strategies.case import Config
from saveproof.strategies.names import Register

OMIT: Final = object()
"""An option that leaves the argument to its default."""

UNITS = (3, 4)
"""Few sizes, just enough to tell axes apart: frameworks compile an operation for each new shape."""

ACTIVATIONS = (
    OMIT, "tanh", "relu", "sigmoid", "softplus", "elu", "selu", "gelu", "softsign", "swish",
)  # fmt: skip
_EVERY_ACTIVATION = (*ACTIVATIONS, "softmax")

FLAG_ON = (OMIT, OMIT, True)
FLAG_OFF = (OMIT, OMIT, False)
DTYPES = (OMIT,) * 38 + ("float64", "mixed_bfloat16")
TRAINABLE = (OMIT,) * 9 + (False,)

SEEDED_INITIALIZERS: tuple[tuple[str, Config], ...] = (
    ("GlorotUniform", {}),
    ("GlorotNormal", {}),
    ("HeNormal", {}),
    ("HeUniform", {}),
    ("LecunNormal", {}),
    ("LecunUniform", {}),
    ("RandomNormal", {"mean": 0.1, "stddev": 0.4}),
    ("RandomUniform", {"minval": -0.6, "maxval": 0.7}),
    ("TruncatedNormal", {"mean": -0.1, "stddev": 0.5}),
    ("VarianceScaling", {"scale": 1.5, "mode": "fan_out", "distribution": "uniform"}),
    ("VarianceScaling", {"scale": 0.7, "mode": "fan_avg", "distribution": "truncated_normal"}),
    ("Orthogonal", {"gain": 0.9}),
)
KERNEL_INITIALIZERS = (*SEEDED_INITIALIZERS, ("Constant", {"value": 0.2}))
IDENTITY: tuple[tuple[str, Config], ...] = (
    ("Identity", {"gain": 1.4}),
    ("Identity", {"gain": 0.6}),
)
MATRIX_INITIALIZERS = (*KERNEL_INITIALIZERS, *IDENTITY)
RECURRENT_INITIALIZERS = (*SEEDED_INITIALIZERS[-1:] * 6, *SEEDED_INITIALIZERS[:-1], *IDENTITY)
UNSEEDED = frozenset({"Constant", "Identity"})
"""Initializers that draw nothing."""
VECTOR_INITIALIZERS: tuple[tuple[str, Config] | None, ...] = (
    None,
    None,
    ("Constant", {"value": 0.3}),
    ("RandomNormal", {"mean": 0.4, "stddev": 0.2}),
    ("RandomUniform", {"minval": 0.2, "maxval": 0.8}),
)
REGULARIZERS: tuple[tuple[str, Config] | None, ...] = (
    None,
    None,
    None,
    ("L2", {"l2": 0.02}),
    ("L1", {"l1": 0.003}),
    ("L1L2", {"l1": 0.004, "l2": 0.03}),
)
ACTIVITY_REGULARIZERS = (
    *(OMIT,) * 7,
    {"class_name": "L2", "config": {"l2": 0.05}},
    {"class_name": "L1", "config": {"l1": 0.006}},
)
CONSTRAINTS: tuple[tuple[str, Config] | None, ...] = (
    None,
    None,
    None,
    None,
    ("MaxNorm", {"max_value": 0.8}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("MinMaxNorm", {"min_value": 0.3, "max_value": 1.2, "rate": 0.7}),
)
MATRIX_CONSTRAINTS = (
    *CONSTRAINTS,
    ("MaxNorm", {"max_value": 0.9, "axis": 1}),
    ("UnitNorm", {"axis": [0, 1]}),
)


@dataclass(frozen=True, slots=True)
class Form:
    """The arguments that a class of layer needs, and the activation of a layer without one."""

    required: tuple[str, ...] = ()
    activation: str = LINEAR


def given(arguments: Mapping[str, Any]) -> Config:
    """Return the arguments without those left at their default."""
    return {key: value for key, value in arguments.items() if value is not OMIT}


def kernel_arguments(weight: str, draws: ByteDraws, register: Register) -> Config:
    """Return initializer, regularizer and constraint of a kernel; shrinks towards Glorot alone."""
    return _weight_arguments(weight, draws, register, KERNEL_INITIALIZERS, MATRIX_CONSTRAINTS)


def matrix_arguments(weight: str, draws: ByteDraws, register: Register) -> Config:
    """Return the same for a kernel with two axes, which may be the identity."""
    return _weight_arguments(weight, draws, register, MATRIX_INITIALIZERS, MATRIX_CONSTRAINTS)


def recurrent_arguments(weight: str, draws: ByteDraws, register: Register) -> Config:
    """Return the same for a recurrent matrix; shrinks towards an orthogonal one alone."""
    return _weight_arguments(weight, draws, register, RECURRENT_INITIALIZERS, MATRIX_CONSTRAINTS)


def vector_arguments(weight: str, draws: ByteDraws, register: Register) -> Config:
    """Return the same for a bias, gamma or beta; shrinks towards no arguments."""
    return _weight_arguments(weight, draws, register, VECTOR_INITIALIZERS, CONSTRAINTS)


def _weight_arguments(
    weight: str,
    draws: ByteDraws,
    register: Register,
    initializers: tuple[tuple[str, Config] | None, ...],
    constraints: tuple[tuple[str, Config] | None, ...],
) -> Config:
    """Return the initializer, regularizer and constraint of one weight.

    Every random initializer gets its own seed, so that a rebuilt model has the same weights.
    """
    arguments: Config = {}
    initializer = draws.one_of(initializers)
    if initializer is not None:
        name, config = initializer
        seed = {} if name in UNSEEDED else {"seed": register.seed()}
        arguments[f"{weight}_initializer"] = {"class_name": name, "config": {**config, **seed}}
    for role, options in (("regularizer", REGULARIZERS), ("constraint", constraints)):
        chosen = draws.one_of(options)
        if chosen is not None:
            arguments[f"{weight}_{role}"] = {"class_name": chosen[0], "config": {**chosen[1]}}
    return arguments


def narrowed(class_name: str, drawn: Config, had: Capabilities, form: Form) -> Config:
    """Return a layer's drawn arguments, with those left at their default, as a subject has them.

    An activation that it does not have becomes one that it has.
    """
    kept = {
        name: value
        for name, value in drawn.items()
        if name in form.required or had.takes(class_name, name)
    }
    if "padding" in drawn and "padding" not in kept:
        kept.pop("dilation_rate", None)  # a dilated window fits by its padding
    if kept.get("dtype", OMIT) is not OMIT and not has(had.dtypes, str(kept["dtype"])):
        kept["dtype"] = OMIT
    if "activation" in kept and had.activations is not None:
        kept["activation"] = _activation(kept["activation"], had.activations, form.activation)
    return kept


def _activation(drawn: object, had: Sequence[str], default: str) -> object:
    name = default if drawn is OMIT else drawn
    if name not in had:
        name = had[_EVERY_ACTIVATION.index(drawn) % len(had)]
    return OMIT if name == default else name
