"""Layers: which fit a tensor, and the arguments that each is given.

Long because it is the table of the layers, one entry each, and what the entries share.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strategies.arguments import (
    ACTIVATIONS,
    ACTIVITY_REGULARIZERS,
    DTYPES,
    FLAG_OFF,
    FLAG_ON,
    OMIT,
    TRAINABLE,
    UNITS,
    given,
    matrix_arguments,
    recurrent_arguments,
    vector_arguments,
)
from strategies.case import Config
from strategies.choices import Choices
from strategies.names import Register

RATES = (0.5, 0.25, 0.1)
RECURRENT_RATES = (OMIT, OMIT, OMIT, 0.2, 0.4)
RECURRENT_ACTIVATIONS = (OMIT, OMIT, "softsign", "sigmoid")
"""Bounded ones: with others a stateful layer's values grow from batch to batch."""

SEQUENCE_PADDINGS = (OMIT, "same", "causal")
IMAGE_PADDINGS = (OMIT, "same")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer goes: its input's shape after the batch axis, and what the input allows.

    `vocabulary` is the bound of an integer input; `stateful` allows layers that keep states.
    """

    shape: tuple[int, ...]
    vocabulary: int = 0
    stateful: bool = False


@dataclass(frozen=True, slots=True)
class Maker:
    """How a layer's arguments come about, and whether it has weights."""

    arguments: Callable[[Choices, Register, Place], Config]
    weighted: bool = False


def config(class_name: str, choice: Choices, register: Register, place: Place) -> Config:
    """Return a layer's arguments but its name; shrinks towards those it cannot do without."""
    maker = LAYERS[class_name]
    arguments = maker.arguments(choice, register, place)
    if maker.weighted:
        arguments["trainable"] = choice.one_of(TRAINABLE)
    return _of_dtype(choice.one_of(DTYPES), arguments)


def _of_dtype(dtype: object, arguments: Config) -> Config:
    """Return the arguments for a layer of that dtype.

    Next to float32 layers, Keras 3 cannot add up the regularization of a float64 weight, and
    tf_keras's NonNeg cannot constrain one.
    """
    if dtype != "float64":
        return given(arguments | {"dtype": dtype})
    kept = {
        key: value
        for key, value in arguments.items()
        if not key.endswith("_regularizer") and value != {"class_name": "NonNeg", "config": {}}
    }
    return given(kept | {"dtype": dtype})


def head(choice: Choices, register: Register, units: int, activation: str | None) -> Config:
    """Return the arguments of a Dense layer that ends a model; shrinks as other layers do."""
    arguments: Config = {
        "units": units,
        "activation": OMIT if activation is None else activation,
        **matrix_arguments("kernel", choice, register),
        **_bias(choice, register),
    }
    return _of_dtype(choice.one_of(DTYPES), arguments)


def fitting(place: Place) -> tuple[str, ...]:
    """Return the classes that take such an input, the likelier ones repeated, plainest first."""
    if place.vocabulary:
        return ("Embedding",)
    return FITTING[len(place.shape)]


def _dense(choice: Choices, register: Register, _: Place) -> Config:
    return {
        "units": choice.one_of(UNITS),
        "activation": choice.one_of(ACTIVATIONS),
        **matrix_arguments("kernel", choice, register),
        **_bias(choice, register),
        **_activity(choice),
    }


def _bias(choice: Choices, register: Register) -> Config:
    if choice.one_of(FLAG_OFF) is False:
        return {"use_bias": False}
    return vector_arguments("bias", choice, register)


def _activity(choice: Choices) -> Config:
    return {"activity_regularizer": choice.one_of(ACTIVITY_REGULARIZERS)}


def _activation(choice: Choices, _: Register, __: Place) -> Config:
    return {"activation": choice.one_of(ACTIVATIONS[1:])}


def _dropout(choice: Choices, register: Register, place: Place) -> Config:
    """Return a dropout's arguments; a third of them drop along the axes between as one."""
    *between, last = place.shape
    broadcast = [None, *(1 for _ in between), last if between else 1]
    return {
        "rate": choice.one_of(RATES),
        "seed": register.seed(),
        "noise_shape": choice.one_of((OMIT, OMIT, broadcast)),
    }


def _nothing(_: Choices, __: Register, ___: Place) -> Config:
    return {}


def _reshape(choice: Choices, _: Register, place: Place) -> Config:
    return {"target_shape": list(choice.one_of(_targets(place.shape)))}


def _targets(shape: tuple[int, ...]) -> Sequence[tuple[int, ...]]:
    """Return the shapes worth reshaping to; images become sequences, sequences are split."""
    *_, last = shape
    if len(shape) == 1:
        return [(-1, d) for d in (1, 2, 3) if last % d == 0] + [(last, 1), (1, -1)]
    if len(shape) == 2:
        return [(shape[0] * last,), (last, -1), (-1,)]
    return [(shape[0], -1), (-1, last), (shape[0] * shape[1] * last,)]


def _batch_normalization(choice: Choices, register: Register, place: Place) -> Config:
    axis = choice.one_of((OMIT, OMIT, 1)) if len(place.shape) == 2 else OMIT
    return {
        "axis": axis,
        "momentum": choice.one_of((OMIT, 0.8, 0.6)),
        "epsilon": choice.one_of((OMIT, 0.02)),
        **_scale_and_center(choice, register),
        "moving_mean_initializer": choice.one_of((OMIT, OMIT, _constant(0.2))),
        "moving_variance_initializer": choice.one_of((OMIT, OMIT, _constant(1.5))),
    }


def _layer_normalization(choice: Choices, register: Register, place: Place) -> Config:
    everything = list(range(1, len(place.shape) + 1))
    # over an axis of length one the result is constant, and nothing before it would train
    axes = (OMIT, OMIT, everything) if place.shape[-1] > 1 else (everything,)
    return {
        "axis": choice.one_of(axes),
        "epsilon": choice.one_of((OMIT, 0.02)),
        **_scale_and_center(choice, register),
    }


def _scale_and_center(choice: Choices, register: Register) -> Config:
    arguments: Config = {"scale": choice.one_of(FLAG_OFF), "center": choice.one_of(FLAG_OFF)}
    if arguments["scale"] is OMIT:
        arguments |= vector_arguments("gamma", choice, register)
    if arguments["center"] is OMIT:
        arguments |= vector_arguments("beta", choice, register)
    return arguments


def _constant(value: float) -> Config:
    return {"class_name": "Constant", "config": {"value": value}}


def _embedding(choice: Choices, register: Register, place: Place) -> Config:
    return {
        "input_dim": place.vocabulary + choice.one_of((0, 0, 2)),
        "output_dim": choice.one_of(UNITS),
        **matrix_arguments("embeddings", choice, register),
        **_activity(choice),
    }


def _conv1d(choice: Choices, register: Register, place: Place) -> Config:
    sizes = (2, 1, 3, [2])[: place.shape[0]] if place.shape[0] > 1 else (1,)
    return _convolution(choice, register, SEQUENCE_PADDINGS, sizes, (2, [2]))


def _conv2d(choice: Choices, register: Register, place: Place) -> Config:
    smallest = min(place.shape[:2])
    sizes = ((1,), (1, 2, [2, 1]), (2, 1, 3, [2, 3], [3, 1]))[min(smallest, 3) - 1]
    return _convolution(choice, register, IMAGE_PADDINGS, sizes, (2, [1, 2]))


def _convolution(
    choice: Choices,
    register: Register,
    paddings: tuple[object, ...],
    sizes: tuple[object, ...],
    steps: tuple[object, ...],
) -> Config:
    """Return a convolution's arguments; it may be strided or dilated but not both (Keras).

    A dilated one is padded, so that its window fits.
    """
    arguments: Config = {
        "filters": choice.one_of(UNITS),
        "kernel_size": choice.one_of(sizes),
        "padding": choice.one_of(paddings),
    }
    spread = choice.one_of((None, None, None, "strides", "dilation_rate"))
    step = choice.one_of(steps)
    if spread is not None:
        arguments[spread] = step
    if spread == "dilation_rate" and arguments["padding"] is OMIT:
        arguments["padding"] = "same"
    return {
        **arguments,
        "activation": choice.one_of(ACTIVATIONS),
        **matrix_arguments("kernel", choice, register),
        **_bias(choice, register),
        **_activity(choice),
    }


def _max_pooling(choice: Choices, _: Register, place: Place) -> Config:
    sizes = (2, [2, 1], [1, 2]) if min(place.shape[:2]) > 1 else (1,)
    return {
        "pool_size": choice.one_of(sizes),
        "strides": choice.one_of((OMIT, OMIT, 1, [2, 1])),
        "padding": choice.one_of(IMAGE_PADDINGS),
    }


def _global_pooling(choice: Choices, _: Register, __: Place) -> Config:
    return {"keepdims": choice.one_of((OMIT, OMIT, OMIT, True))}


def _recurrent(choice: Choices, register: Register, place: Place) -> Config:
    return {
        "units": choice.one_of(UNITS),
        "activation": choice.one_of(RECURRENT_ACTIVATIONS),
        "return_sequences": choice.one_of(FLAG_ON),
        "stateful": choice.one_of((OMIT, True, True)) if place.stateful else OMIT,
        "go_backwards": choice.one_of(FLAG_ON),
        "unroll": choice.one_of((OMIT, OMIT, OMIT, OMIT, True)),
        "dropout": choice.one_of(RECURRENT_RATES),
        "recurrent_dropout": choice.one_of(RECURRENT_RATES),
        **matrix_arguments("kernel", choice, register),
        **recurrent_arguments("recurrent", choice, register),
        **_bias(choice, register),
        **_activity(choice),
    }


def _gated(choice: Choices, register: Register, place: Place) -> Config:
    gates = choice.one_of((OMIT, OMIT, "hard_sigmoid", "tanh"))
    return {**_recurrent(choice, register, place), "recurrent_activation": gates}


def _lstm(choice: Choices, register: Register, place: Place) -> Config:
    forget = choice.one_of(FLAG_OFF)
    return {**_gated(choice, register, place), "unit_forget_bias": forget}


def _gru(choice: Choices, register: Register, place: Place) -> Config:
    reset = choice.one_of(FLAG_OFF)
    return {**_gated(choice, register, place), "reset_after": reset}


LAYERS: dict[str, Maker] = {
    "Dense": Maker(_dense, weighted=True),
    "Activation": Maker(_activation),
    "Dropout": Maker(_dropout),
    "Flatten": Maker(_nothing),
    "Reshape": Maker(_reshape),
    "BatchNormalization": Maker(_batch_normalization, weighted=True),
    "LayerNormalization": Maker(_layer_normalization, weighted=True),
    "Embedding": Maker(_embedding, weighted=True),
    "Conv1D": Maker(_conv1d, weighted=True),
    "Conv2D": Maker(_conv2d, weighted=True),
    "MaxPooling2D": Maker(_max_pooling),
    "GlobalAveragePooling1D": Maker(_global_pooling),
    "GlobalAveragePooling2D": Maker(_global_pooling),
    "SimpleRNN": Maker(_recurrent, weighted=True),
    "LSTM": Maker(_lstm, weighted=True),
    "GRU": Maker(_gru, weighted=True),
    "Add": Maker(_nothing),
    "Multiply": Maker(_nothing),
    "Concatenate": Maker(_nothing),
}
"""Class name → how its arguments come about, the plainest class first."""

ALL = tuple(LAYERS)

_ANYWHERE = ("Activation", "Dropout", "BatchNormalization", "LayerNormalization")
FITTING: dict[int, tuple[str, ...]] = {
    1: ("Dense", "Dense", "Dense", "Dense", "Dense", *_ANYWHERE, "Reshape"),
    2: (
        *("Dense", "SimpleRNN", "LSTM", "GRU", "Conv1D", "SimpleRNN", "LSTM", "GRU", "Conv1D"),
        *("GlobalAveragePooling1D", "Flatten", "Reshape", *_ANYWHERE),
    ),
    3: (
        *("Dense", "Conv2D", "Conv2D", "Conv2D", "Conv2D", "MaxPooling2D", "MaxPooling2D"),
        *("GlobalAveragePooling2D", "Flatten", "Reshape", *_ANYWHERE),
    ),
}
"""Axes of the input but the batch axis → the classes that take it."""
