"""Layers: which fit a tensor, and the arguments that each is given.

Long because it is the table of the layers, one entry each, and what the entries share.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from saveproof.strategies.arguments import (
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
from saveproof.strategies.byte_draws import ByteDraws
from saveproof.strategies.case import Config
from saveproof.strategies.names import Register

RATES = (0.5, 0.25, 0.1)
RECURRENT_RATES = (OMIT, OMIT, OMIT, 0.2, 0.4)
RECURRENT_ACTIVATIONS = (OMIT, OMIT, "softsign", "sigmoid")
"""Bounded ones: with others a stateful layer's values grow from batch to batch."""

SEQUENCE_PADDINGS = (OMIT, "same", "causal")
IMAGE_PADDINGS = (OMIT, "same")


@dataclass(frozen=True, slots=True)
class LayerPosition:
    """Where a layer goes: its input's shape after the batch axis, and what the input allows.

    `vocabulary` is the bound of an integer input; `stateful` allows layers that keep states.
    """

    shape: tuple[int, ...]
    vocabulary: int = 0
    stateful: bool = False


@dataclass(frozen=True, slots=True)
class Maker:
    """How a layer's arguments come about; whether it has weights; whether it takes a dtype."""

    arguments: Callable[[ByteDraws, Register, LayerPosition], Config]
    weighted: bool = False
    typed: bool = True


def config(class_name: str, choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    """Return a layer's arguments but its name; shrinks towards those it cannot do without."""
    maker = LAYERS[class_name]
    arguments = maker.arguments(choice, register, place)
    if maker.weighted:
        arguments["trainable"] = choice.one_of(TRAINABLE)
    dtype = choice.one_of(DTYPES)
    return _of_dtype(dtype if maker.typed else OMIT, arguments)


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


def head(choice: ByteDraws, register: Register, units: int, activation: str | None) -> Config:
    """Return the arguments of a Dense layer that ends a model; shrinks as other layers do."""
    arguments: Config = {
        "units": units,
        "activation": OMIT if activation is None else activation,
        **matrix_arguments("kernel", choice, register),
        **_bias(choice, register),
    }
    return _of_dtype(choice.one_of(DTYPES), arguments)


def fitting(place: LayerPosition) -> tuple[str, ...]:
    """Return the classes that take such an input, the likelier ones repeated, plainest first."""
    if place.vocabulary:
        return ("Embedding",)
    return FITTING[len(place.shape)]


def _dense(choice: ByteDraws, register: Register, _: LayerPosition) -> Config:
    return {
        "units": choice.one_of(UNITS),
        "activation": choice.one_of(ACTIVATIONS),
        **matrix_arguments("kernel", choice, register),
        **_bias(choice, register),
        **_activity(choice),
    }


def _bias(choice: ByteDraws, register: Register) -> Config:
    if choice.one_of(FLAG_OFF) is False:
        return {"use_bias": False}
    return vector_arguments("bias", choice, register)


def _activity(choice: ByteDraws) -> Config:
    return {"activity_regularizer": choice.one_of(ACTIVITY_REGULARIZERS)}


def _activation(choice: ByteDraws, _: Register, __: LayerPosition) -> Config:
    return {"activation": choice.one_of(ACTIVATIONS[1:])}


def _dropout(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    """Return a dropout's arguments; a third of them drop along the axes between as one."""
    *between, last = place.shape
    broadcast = [None, *(1 for _ in between), last if between else 1]
    return {
        "rate": choice.one_of(RATES),
        "seed": register.seed(),
        "noise_shape": choice.one_of((OMIT, OMIT, broadcast)),
    }


def _nothing(_: ByteDraws, __: Register, ___: LayerPosition) -> Config:
    return {}


def _reshape(choice: ByteDraws, _: Register, place: LayerPosition) -> Config:
    return {"target_shape": list(choice.one_of(_targets(place.shape)))}


def _targets(shape: tuple[int, ...]) -> Sequence[tuple[int, ...]]:
    """Return the shapes worth reshaping to; images become sequences, sequences are split."""
    *_, last = shape
    if len(shape) == 1:
        return [(-1, d) for d in (1, 2, 3) if last % d == 0] + [(last, 1), (1, -1)]
    if len(shape) == 2:
        return [(shape[0] * last,), (last, -1), (-1,)]
    return [(shape[0], -1), (-1, last), (shape[0] * shape[1] * last,)]


def _batch_normalization(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    axis = choice.one_of((OMIT, OMIT, 1)) if len(place.shape) == 2 else OMIT
    return {
        "axis": axis,
        "momentum": choice.one_of((OMIT, 0.8, 0.6)),
        "epsilon": choice.one_of((OMIT, 0.02)),
        **_scale_and_center(choice, register),
        "moving_mean_initializer": choice.one_of((OMIT, OMIT, _constant(0.2))),
        "moving_variance_initializer": choice.one_of((OMIT, OMIT, _constant(1.5))),
    }


def _layer_normalization(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    everything = list(range(1, len(place.shape) + 1))
    # over an axis of length one the result is constant, and nothing before it would train
    axes = (OMIT, OMIT, everything) if place.shape[-1] > 1 else (everything,)
    return {
        "axis": choice.one_of(axes),
        "epsilon": choice.one_of((OMIT, 0.02)),
        **_scale_and_center(choice, register),
    }


def _scale_and_center(choice: ByteDraws, register: Register) -> Config:
    arguments: Config = {"scale": choice.one_of(FLAG_OFF), "center": choice.one_of(FLAG_OFF)}
    if arguments["scale"] is OMIT:
        arguments |= vector_arguments("gamma", choice, register)
    if arguments["center"] is OMIT:
        arguments |= vector_arguments("beta", choice, register)
    return arguments


def _constant(value: float) -> Config:
    return {"class_name": "Constant", "config": {"value": value}}


def _embedding(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    return {
        "input_dim": place.vocabulary + choice.one_of((0, 0, 2)),
        "output_dim": choice.one_of(UNITS),
        **matrix_arguments("embeddings", choice, register),
        **_activity(choice),
    }


def _conv1d(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    window = _window(choice, SEQUENCE_PADDINGS, _lengths(place), (2, [2]))
    return {"filters": choice.one_of(UNITS), **window, **_kernels(choice, register, "kernel")}


def _conv2d(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    window = _window(choice, IMAGE_PADDINGS, _areas(place), (2, [1, 2]))
    return {"filters": choice.one_of(UNITS), **window, **_kernels(choice, register, "kernel")}


def _depthwise(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    return {
        **_window(choice, IMAGE_PADDINGS, _sizes(place), (2,)),
        "depth_multiplier": choice.one_of((OMIT, OMIT, 2)),
        **_kernels(choice, register, "depthwise"),
    }


def _separable(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    return {
        "filters": choice.one_of(UNITS),
        **_depthwise(choice, register, place),
        **matrix_arguments("pointwise", choice, register),
    }


def _sizes(place: LayerPosition) -> tuple[object, ...]:
    return _lengths(place) if len(place.shape) == 2 else _areas(place)


def _lengths(place: LayerPosition) -> tuple[object, ...]:
    return (2, 1, 3, [2])[: place.shape[0]] if place.shape[0] > 1 else (1,)


def _areas(place: LayerPosition) -> tuple[object, ...]:
    smallest = min(place.shape[:2])
    return ((1,), (1, 2, [2, 1]), (2, 1, 3, [2, 3], [3, 1]))[min(smallest, 3) - 1]


def _window(
    choice: ByteDraws,
    paddings: tuple[object, ...],
    sizes: tuple[object, ...],
    steps: tuple[object, ...],
) -> Config:
    """Return how a kernel slides; it may be strided or dilated but not both (Keras).

    A dilated one is padded, so that its window fits.
    """
    arguments: Config = {
        "kernel_size": choice.one_of(sizes),
        "padding": choice.one_of(paddings),
    }
    spread = choice.one_of((None, None, None, "strides", "dilation_rate"))
    step = choice.one_of(steps)
    if spread is not None:
        arguments[spread] = step
    if spread == "dilation_rate" and arguments["padding"] is OMIT:
        arguments["padding"] = "same"
    return arguments


def _kernels(choice: ByteDraws, register: Register, kernel: str) -> Config:
    return {
        "activation": choice.one_of(ACTIVATIONS),
        **matrix_arguments(kernel, choice, register),
        **_bias(choice, register),
        **_activity(choice),
    }


def _zero_padding(choice: ByteDraws, _: Register, place: LayerPosition) -> Config:
    flat = len(place.shape) == 2
    return {"padding": choice.one_of((1, [0, 1]) if flat else (1, [1, 0], [[0, 1], [1, 0]]))}


def _pooling(choice: ByteDraws, _: Register, place: LayerPosition) -> Config:
    space = place.shape[:-1]
    images = (2, [2, 1], [1, 2])
    sizes = (1,) if min(space) == 1 else images if len(space) == 2 else (2, [2])
    return {
        "pool_size": choice.one_of(sizes),
        "strides": choice.one_of((OMIT, OMIT, 1, [2, 1][: len(space)])),
        "padding": choice.one_of(IMAGE_PADDINGS),
    }


def _average_pooling(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    """Return arguments with which nothing is padded: Keras 3 on torch counts what is."""
    return {**_pooling(choice, register, place), "padding": OMIT}


def _global_pooling(choice: ByteDraws, _: Register, __: LayerPosition) -> Config:
    return {"keepdims": choice.one_of((OMIT, OMIT, OMIT, True))}


def _recurrent(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
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


def _gated(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    gates = choice.one_of((OMIT, OMIT, "hard_sigmoid", "tanh"))
    return {**_recurrent(choice, register, place), "recurrent_activation": gates}


def _lstm(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    forget = choice.one_of(FLAG_OFF)
    return {**_gated(choice, register, place), "unit_forget_bias": forget}


def _gru(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    reset = choice.one_of(FLAG_OFF)
    return {**_gated(choice, register, place), "reset_after": reset}


def _bidirectional(choice: ByteDraws, register: Register, _: LayerPosition) -> Config:
    """Return a recurrent layer to wrap, and how the outputs are merged."""
    wrapped = choice.one_of(("SimpleRNN", "LSTM", "GRU"))
    arguments = {
        "name": wrapped.lower(),
        "units": choice.one_of(UNITS),
        "activation": choice.one_of(RECURRENT_ACTIVATIONS),
        "return_sequences": choice.one_of(FLAG_ON),
        **matrix_arguments("kernel", choice, register),
        **recurrent_arguments("recurrent", choice, register),
        **_bias(choice, register),
    }
    return {
        "layer": {"class_name": wrapped, "config": given(arguments)},
        "merge_mode": choice.one_of((OMIT, OMIT, "sum", "ave", "mul")),
    }


def _relu(choice: ByteDraws, _: Register, __: LayerPosition) -> Config:
    return {
        "max_value": choice.one_of((OMIT, OMIT, 0.75)),
        "negative_slope": choice.one_of((OMIT, OMIT, 0.25)),
        "threshold": choice.one_of((OMIT, OMIT, 0.125)),
    }


def _leaky_relu(choice: ByteDraws, _: Register, __: LayerPosition) -> Config:
    return {"alpha": choice.one_of((OMIT, 0.125))}


def _prelu(choice: ByteDraws, register: Register, place: LayerPosition) -> Config:
    """Return how alpha starts; among axes of space it may be shared."""
    between = list(range(1, len(place.shape)))
    return {
        **vector_arguments("alpha", choice, register),
        "shared_axes": choice.one_of((OMIT, OMIT, between) if between else (OMIT,)),
    }


def _softmax(choice: ByteDraws, _: Register, place: LayerPosition) -> Config:
    everything = list(range(1, len(place.shape) + 1))
    # along an axis of length one the result is constant, and nothing before it would train
    return {"axis": choice.one_of((OMIT, OMIT, everything)) if place.shape[-1] > 1 else everything}


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
    "DepthwiseConv1D": Maker(_depthwise, weighted=True),
    "DepthwiseConv2D": Maker(_depthwise, weighted=True),
    "SeparableConv1D": Maker(_separable, weighted=True),
    "SeparableConv2D": Maker(_separable, weighted=True),
    "ZeroPadding1D": Maker(_zero_padding),
    "ZeroPadding2D": Maker(_zero_padding),
    "MaxPooling1D": Maker(_pooling),
    "MaxPooling2D": Maker(_pooling),
    "AveragePooling1D": Maker(_average_pooling),
    "AveragePooling2D": Maker(_average_pooling),
    "GlobalAveragePooling1D": Maker(_global_pooling),
    "GlobalAveragePooling2D": Maker(_global_pooling),
    "SimpleRNN": Maker(_recurrent, weighted=True),
    "LSTM": Maker(_lstm, weighted=True),
    "GRU": Maker(_gru, weighted=True),
    "Bidirectional": Maker(_bidirectional, weighted=True, typed=False),
    "ReLU": Maker(_relu),
    "LeakyReLU": Maker(_leaky_relu),
    "PReLU": Maker(_prelu, weighted=True),
    "Softmax": Maker(_softmax),
    "Add": Maker(_nothing),
    "Multiply": Maker(_nothing),
    "Concatenate": Maker(_nothing),
}
"""Class name → how its arguments come about, the plainest class first."""

ALL = tuple(LAYERS)

_ANYWHERE = ("Activation", "Dropout", "BatchNormalization", "LayerNormalization")
_RECTIFYING = ("ReLU", "LeakyReLU", "PReLU", "Softmax")
FITTING: dict[int, tuple[str, ...]] = {
    1: (*("Dense",) * 7, *_ANYWHERE, "Reshape", *_RECTIFYING),
    2: (
        *("Dense", *("SimpleRNN", "LSTM", "GRU", "Conv1D") * 3, "Bidirectional", "Bidirectional"),
        *("DepthwiseConv1D", "SeparableConv1D", "ZeroPadding1D", "MaxPooling1D"),
        *("AveragePooling1D", "GlobalAveragePooling1D", "Flatten", "Reshape", *_ANYWHERE),
        *("PReLU", "Softmax"),
    ),
    3: (
        *("Dense", *("Conv2D",) * 6, "DepthwiseConv2D", "DepthwiseConv2D", "SeparableConv2D"),
        *("SeparableConv2D", "ZeroPadding2D", "MaxPooling2D", "MaxPooling2D", "AveragePooling2D"),
        *("GlobalAveragePooling2D", "Flatten", "Reshape", *_ANYWHERE, "PReLU", "ReLU"),
    ),
}
"""Axes of the input but the batch axis → the classes that take it."""
