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
    Form,
    given,
    kernel_arguments,
    matrix_arguments,
    narrowed,
    recurrent_arguments,
    vector_arguments,
)
from saveproof.strategies.byte_draws import ByteDraws
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import Config, Input
from saveproof.strategies.names import Register

RATES = (0.5, 0.25, 0.1)
RECURRENT_RATES = (OMIT, OMIT, OMIT, 0.2, 0.4)
RECURRENT_ACTIVATIONS = (OMIT, OMIT, "softsign", "sigmoid")
"""Bounded ones: with others a stateful layer's values grow from batch to batch."""

WRAPPER = "Bidirectional"
WRAPPED = ("SimpleRNN", "LSTM", "GRU")
"""The layers that a wrapper may have in it."""

SEQUENCE_PADDINGS = (OMIT, "same", "causal")
IMAGE_PADDINGS = (OMIT, "same")


NOTHING = Form()


@dataclass(frozen=True, slots=True)
class Maker:
    """How to draw a layer's arguments; whether it has weights; whether it accepts a dtype."""

    arguments: Callable[[ByteDraws, Register, Input], Config]
    form: Form = NOTHING
    weighted: bool = False
    typed: bool = True


def config(
    class_name: str, draws: ByteDraws, register: Register, tensor: Input, had: Capabilities
) -> Config:
    """Return a layer's arguments except its name; shrinks towards the required ones.

    They are among those that `had` allows.
    """
    maker = LAYERS[class_name]
    arguments = maker.arguments(draws, register, tensor)
    if maker.weighted:
        arguments["trainable"] = draws.one_of(TRAINABLE)
    dtype = draws.one_of(DTYPES)
    arguments["dtype"] = dtype if maker.typed else OMIT
    return _of_dtype(_narrowed(class_name, arguments, had))


def as_had(class_name: str, arguments: Config, had: Capabilities) -> Config:
    """Return the arguments of a layer that a subject has."""
    return given(_narrowed(class_name, arguments, had))


def _narrowed(class_name: str, drawn: Config, had: Capabilities) -> Config:
    if not had.limits_arguments:
        return drawn
    arguments = narrowed(class_name, drawn, had, LAYERS[class_name].form)
    if class_name == WRAPPER:
        inner = arguments["layer"]
        own = _narrowed(inner["class_name"], inner["config"], had)
        arguments["layer"] = {**inner, "config": given(own)}
    return arguments


def _of_dtype(arguments: Config) -> Config:
    """Return the arguments that a layer of their dtype can have.

    Next to float32 layers, Keras 3 cannot add up the regularization of a float64 weight, and
    tf_keras's NonNeg cannot constrain one.
    """
    if arguments.get("dtype") != "float64":
        return given(arguments)
    kept = {
        key: value
        for key, value in arguments.items()
        if not key.endswith("_regularizer") and value != {"class_name": "NonNeg", "config": {}}
    }
    return given(kept)


def head(
    draws: ByteDraws, register: Register, units: int, activation: str | None, had: Capabilities
) -> Config:
    """Return the arguments of a Dense layer that ends a model; shrinks as other layers do."""
    arguments: Config = {
        "units": units,
        "activation": OMIT if activation is None else activation,
        **matrix_arguments("kernel", draws, register),
        **_bias(draws, register),
    }
    arguments["dtype"] = draws.one_of(DTYPES)
    return _of_dtype(_narrowed("Dense", arguments, had))


def fitting(tensor: Input) -> tuple[str, ...]:
    """Return the classes that accept the input, likelier ones repeated, simplest first."""
    if tensor.vocabulary:
        return ("Embedding",)
    return FITTING[len(tensor.shape)]


def _dense(draws: ByteDraws, register: Register, _: Input) -> Config:
    return {
        "units": draws.one_of(UNITS),
        "activation": draws.one_of(ACTIVATIONS),
        **matrix_arguments("kernel", draws, register),
        **_bias(draws, register),
        **_activity(draws),
    }


def _bias(draws: ByteDraws, register: Register) -> Config:
    if draws.one_of(FLAG_OFF) is False:
        return {"use_bias": False}
    return vector_arguments("bias", draws, register)


def _activity(draws: ByteDraws) -> Config:
    return {"activity_regularizer": draws.one_of(ACTIVITY_REGULARIZERS)}


def _activation(draws: ByteDraws, _: Register, __: Input) -> Config:
    return {"activation": draws.one_of(ACTIVATIONS[1:])}


def _dropout(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    """Return a dropout's arguments; a third of them drop along the axes between as one."""
    *between, last = tensor.shape
    broadcast = [None, *(1 for _ in between), last if between else 1]
    return {
        "rate": draws.one_of(RATES),
        "seed": register.seed(),
        "noise_shape": draws.one_of((OMIT, OMIT, broadcast)),
    }


def _nothing(_: ByteDraws, __: Register, ___: Input) -> Config:
    return {}


def _reshape(draws: ByteDraws, _: Register, tensor: Input) -> Config:
    return {"target_shape": list(draws.one_of(_targets(tensor.shape)))}


def _targets(shape: tuple[int, ...]) -> Sequence[tuple[int, ...]]:
    """Return the shapes worth reshaping to; images become sequences, sequences are split."""
    *_, last = shape
    if len(shape) == 1:
        return [(-1, d) for d in (1, 2, 3) if last % d == 0] + [(last, 1), (1, -1)]
    if len(shape) == 2:
        return [(shape[0] * last,), (last, -1), (-1,)]
    return [(shape[0], -1), (-1, last), (shape[0] * shape[1] * last,)]


def _batch_normalization(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    axis = draws.one_of((OMIT, OMIT, 1)) if len(tensor.shape) == 2 else OMIT
    return {
        "axis": axis,
        "momentum": draws.one_of((OMIT, 0.8, 0.6)),
        "epsilon": draws.one_of((OMIT, 0.02)),
        **_scale_and_center(draws, register),
        "moving_mean_initializer": draws.one_of((OMIT, OMIT, _constant(0.2))),
        "moving_variance_initializer": draws.one_of((OMIT, OMIT, _constant(1.5))),
    }


def _layer_normalization(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    everything = list(range(1, len(tensor.shape) + 1))
    # over an axis of length one the result is constant, and nothing before it would train
    axes = (OMIT, OMIT, everything) if tensor.shape[-1] > 1 else (everything,)
    return {
        "axis": draws.one_of(axes),
        "epsilon": draws.one_of((OMIT, 0.02)),
        **_scale_and_center(draws, register),
    }


def _scale_and_center(draws: ByteDraws, register: Register) -> Config:
    arguments: Config = {"scale": draws.one_of(FLAG_OFF), "center": draws.one_of(FLAG_OFF)}
    if arguments["scale"] is OMIT:
        arguments |= vector_arguments("gamma", draws, register)
    if arguments["center"] is OMIT:
        arguments |= vector_arguments("beta", draws, register)
    return arguments


def _constant(value: float) -> Config:
    return {"class_name": "Constant", "config": {"value": value}}


def _embedding(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    return {
        "input_dim": tensor.vocabulary + draws.one_of((0, 0, 2)),
        "output_dim": draws.one_of(UNITS),
        **matrix_arguments("embeddings", draws, register),
        **_activity(draws),
    }


def _conv1d(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    window = _window(draws, SEQUENCE_PADDINGS, _lengths(tensor), (2, [2]))
    return {"filters": draws.one_of(UNITS), **window, **_kernels(draws, register, "kernel")}


def _conv2d(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    window = _window(draws, IMAGE_PADDINGS, _areas(tensor), (2, [1, 2]))
    return {"filters": draws.one_of(UNITS), **window, **_kernels(draws, register, "kernel")}


def _depthwise(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    return {
        **_window(draws, IMAGE_PADDINGS, _sizes(tensor), (2,)),
        "depth_multiplier": draws.one_of((OMIT, OMIT, 2)),
        **_kernels(draws, register, "depthwise"),
    }


def _separable(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    return {
        "filters": draws.one_of(UNITS),
        **_depthwise(draws, register, tensor),
        **kernel_arguments("pointwise", draws, register),
    }


def _sizes(tensor: Input) -> tuple[object, ...]:
    return _lengths(tensor) if len(tensor.shape) == 2 else _areas(tensor)


def _lengths(tensor: Input) -> tuple[object, ...]:
    return (2, 1, 3, [2])[: tensor.shape[0]] if tensor.shape[0] > 1 else (1,)


def _areas(tensor: Input) -> tuple[object, ...]:
    smallest = min(tensor.shape[:2])
    return ((1,), (1, 2, [2, 1]), (2, 1, 3, [2, 3], [3, 1]))[min(smallest, 3) - 1]


def _window(
    draws: ByteDraws,
    paddings: tuple[object, ...],
    sizes: tuple[object, ...],
    steps: tuple[object, ...],
) -> Config:
    """Return strides or dilation of a kernel; Keras does not allow both.

    A dilated one is padded, so that its window fits.
    """
    arguments: Config = {
        "kernel_size": draws.one_of(sizes),
        "padding": draws.one_of(paddings),
    }
    spread = draws.one_of((None, None, None, "strides", "dilation_rate"))
    step = draws.one_of(steps)
    if spread is not None:
        arguments[spread] = step
    if spread == "dilation_rate" and arguments["padding"] is OMIT:
        arguments["padding"] = "same"
    return arguments


def _kernels(draws: ByteDraws, register: Register, kernel: str) -> Config:
    return {
        "activation": draws.one_of(ACTIVATIONS),
        **kernel_arguments(kernel, draws, register),
        **_bias(draws, register),
        **_activity(draws),
    }


def _zero_padding(draws: ByteDraws, _: Register, tensor: Input) -> Config:
    flat = len(tensor.shape) == 2
    return {"padding": draws.one_of((1, [0, 1]) if flat else (1, [1, 0], [[0, 1], [1, 0]]))}


def _pooling(draws: ByteDraws, _: Register, tensor: Input) -> Config:
    space = tensor.shape[:-1]
    images = (2, [2, 1], [1, 2])
    sizes = (1,) if min(space) == 1 else images if len(space) == 2 else (2, [2])
    return {
        "pool_size": draws.one_of(sizes),
        "strides": draws.one_of((OMIT, OMIT, 1, [2, 1][: len(space)])),
        "padding": draws.one_of(IMAGE_PADDINGS),
    }


def _average_pooling(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    """Return arguments that need no padding: Keras 3 on torch averages over padding."""
    return {**_pooling(draws, register, tensor), "padding": OMIT}


def _global_pooling(draws: ByteDraws, _: Register, __: Input) -> Config:
    return {"keepdims": draws.one_of((OMIT, OMIT, OMIT, True))}


def _recurrent(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    return {
        "units": draws.one_of(UNITS),
        "activation": draws.one_of(RECURRENT_ACTIVATIONS),
        "return_sequences": draws.one_of(FLAG_ON),
        "stateful": draws.one_of((OMIT, True, True)) if tensor.batch_size else OMIT,
        "go_backwards": draws.one_of(FLAG_ON),
        "unroll": draws.one_of((OMIT, OMIT, OMIT, OMIT, True)),
        "dropout": draws.one_of(RECURRENT_RATES),
        "recurrent_dropout": draws.one_of(RECURRENT_RATES),
        **matrix_arguments("kernel", draws, register),
        **recurrent_arguments("recurrent", draws, register),
        **_bias(draws, register),
        **_activity(draws),
    }


def _gated(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    gates = draws.one_of((OMIT, OMIT, "hard_sigmoid", "tanh"))
    return {**_recurrent(draws, register, tensor), "recurrent_activation": gates}


def _lstm(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    forget = draws.one_of(FLAG_OFF)
    return {**_gated(draws, register, tensor), "unit_forget_bias": forget}


def _gru(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    reset = draws.one_of(FLAG_OFF)
    return {**_gated(draws, register, tensor), "reset_after": reset}


def _bidirectional(draws: ByteDraws, register: Register, _: Input) -> Config:
    """Return a recurrent layer to wrap, and how the outputs are merged."""
    wrapped = draws.one_of(WRAPPED)
    arguments = {
        "name": wrapped.lower(),
        "units": draws.one_of(UNITS),
        "activation": draws.one_of(RECURRENT_ACTIVATIONS),
        "return_sequences": draws.one_of(FLAG_ON),
        **matrix_arguments("kernel", draws, register),
        **recurrent_arguments("recurrent", draws, register),
        **_bias(draws, register),
    }
    return {
        "layer": {"class_name": wrapped, "config": given(arguments)},
        "merge_mode": draws.one_of((OMIT, OMIT, "sum", "ave", "mul")),
    }


def _relu(draws: ByteDraws, _: Register, __: Input) -> Config:
    return {
        "max_value": draws.one_of((OMIT, OMIT, 0.75)),
        "negative_slope": draws.one_of((OMIT, OMIT, 0.25)),
        "threshold": draws.one_of((OMIT, OMIT, 0.125)),
    }


def _leaky_relu(draws: ByteDraws, _: Register, __: Input) -> Config:
    return {"alpha": draws.one_of((OMIT, 0.125))}


def _prelu(draws: ByteDraws, register: Register, tensor: Input) -> Config:
    """Return alpha's initializer, and perhaps the axes that share alpha."""
    between = list(range(1, len(tensor.shape)))
    return {
        **vector_arguments("alpha", draws, register),
        "shared_axes": draws.one_of((OMIT, OMIT, between) if between else (OMIT,)),
    }


def _softmax(draws: ByteDraws, _: Register, tensor: Input) -> Config:
    everything = list(range(1, len(tensor.shape) + 1))
    # along an axis of length one the result is constant, and nothing before it would train
    return {"axis": draws.one_of((OMIT, OMIT, everything)) if tensor.shape[-1] > 1 else everything}


UNITS_ONLY = Form(("units",))
RECURRENT = Form(("units",), "tanh")
POOL = Form(("pool_size",))
KERNEL = Form(("kernel_size",))
FILTERS = Form(("filters", "kernel_size"))

LAYERS: dict[str, Maker] = {
    "Dense": Maker(_dense, UNITS_ONLY, weighted=True),
    "Activation": Maker(_activation, Form(("activation",))),
    "Dropout": Maker(_dropout, Form(("rate",))),
    "Flatten": Maker(_nothing),
    "Reshape": Maker(_reshape, Form(("target_shape",))),
    "BatchNormalization": Maker(_batch_normalization, weighted=True),
    "LayerNormalization": Maker(_layer_normalization, weighted=True),
    "Embedding": Maker(_embedding, Form(("input_dim", "output_dim")), weighted=True),
    "Conv1D": Maker(_conv1d, FILTERS, weighted=True),
    "Conv2D": Maker(_conv2d, FILTERS, weighted=True),
    "DepthwiseConv1D": Maker(_depthwise, KERNEL, weighted=True),
    "DepthwiseConv2D": Maker(_depthwise, KERNEL, weighted=True),
    "SeparableConv1D": Maker(_separable, FILTERS, weighted=True),
    "SeparableConv2D": Maker(_separable, FILTERS, weighted=True),
    "ZeroPadding1D": Maker(_zero_padding),
    "ZeroPadding2D": Maker(_zero_padding),
    "MaxPooling1D": Maker(_pooling, POOL),
    "MaxPooling2D": Maker(_pooling, POOL),
    "AveragePooling1D": Maker(_average_pooling, POOL),
    "AveragePooling2D": Maker(_average_pooling, POOL),
    "GlobalAveragePooling1D": Maker(_global_pooling),
    "GlobalAveragePooling2D": Maker(_global_pooling),
    "SimpleRNN": Maker(_recurrent, RECURRENT, weighted=True),
    "LSTM": Maker(_lstm, RECURRENT, weighted=True),
    "GRU": Maker(_gru, RECURRENT, weighted=True),
    "Bidirectional": Maker(_bidirectional, Form(("layer",)), weighted=True, typed=False),
    "ReLU": Maker(_relu),
    "LeakyReLU": Maker(_leaky_relu),
    "PReLU": Maker(_prelu, weighted=True),
    "Softmax": Maker(_softmax),
    "Add": Maker(_nothing),
    "Multiply": Maker(_nothing),
    "Concatenate": Maker(_nothing),
}
"""Class name → how to draw its arguments, the simplest class first."""

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
