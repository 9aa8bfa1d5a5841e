"""Recipes for layers that behave differently in training: dropout, noise, batch normalization."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.layers import (
    GRU,
    LSTM,
    Attention,
    BatchNormalization,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SimpleRNN,
    SpatialDropout1D,
    SpatialDropout2D,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.dropout import Noise
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.nest import Nested
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    cast,
    identity,
    maximum,
    multiply,
    reshape,
)
from saveproof.reference_impl.saving.savedmodel.graphs.casting_ops import converted
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.recurrent import draw_recurrent
from saveproof.reference_impl.saving.savedmodel.graphs.shape_ops import length_of
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol, UntraceableOperation


def _random(function: Function, op: str, x: Symbol, shape: Sequence[int | None]) -> Symbol:
    """Return random numbers in single precision; None in the shape means the length of x."""
    index, single = np.dtype(np.int32), np.dtype(np.float32)
    lengths = [
        length_of(function, x, axis) if size is None else function.constant(size, index)
        for axis, size in enumerate(shape)
    ]
    found = tuple(x.shape[axis] if size is None else size for axis, size in enumerate(shape))
    sizes = function.node(
        "Pack", [length.name for length in lengths], (len(lengths),), index,
        N=len(lengths), T=index,
    )  # fmt: skip
    return function.node(op, [sizes.name], found, single, dtype=single, T=index, seed=0, seed2=0)


def _mask(function: Function, x: Symbol, shape: Sequence[int | None], rate: float) -> Symbol:
    """Return a dropout mask of x, scaled by 1 / (1 - rate); None means the length of x."""
    single, flag = np.dtype(np.float32), np.dtype(np.bool_)
    drawn = _random(function, "RandomUniform", x, shape)
    found, limit = drawn.shape, function.constant(rate, single)
    kept = function.node("GreaterEqual", [drawn.name, limit.name], found, flag, T=single)
    scale = function.constant(0.0 if rate == 1 else 1 / (1 - rate), x.dtype)
    ones = converted(function, kept, x.dtype)
    return function.node("Mul", [ones.name, scale.name], found, x.dtype, T=x.dtype)


def _draw_dropout(drawing: Any, layer: Dropout, inputs: Symbol) -> Tensor:
    if layer.rate == 0:
        return identity(inputs)
    shape = layer.drop_shape(inputs.ndim)
    return multiply(inputs, _mask(drawing.function, inputs, shape, layer.rate))


def _draw_noise(drawing: Any, layer: Noise, inputs: Symbol) -> Tensor:
    if not layer.deviation:
        return identity(inputs)
    normal = _random(drawing.function, "RandomStandardNormal", inputs, (None,) * inputs.ndim)
    wide = converted(drawing.function, normal, inputs.dtype)
    return layer.noisy(inputs, multiply(wide, layer.deviation))


def _draw_attention(
    drawing: Any, layer: Attention, inputs: Sequence[Symbol], **arguments: Any
) -> Nested:
    """Draw attention without dropout.

    Raises:
        UntraceableOperation: if it has dropout.
    """
    del drawing
    if layer.dropout:
        raise UntraceableOperation(
            f"layer {layer.name!r}: dropout={layer.dropout!r} in a call with training=True is not "
            "supported in a SavedModel; save as HDF5 or '.keras'"
        )
    return layer.call(inputs, **arguments)


def _draw_recurrent(
    drawing: Any, layer: Recurrent, inputs: Nested, *, mask: Nested = None
) -> Nested:
    """Draw a recurrent layer with one dropout mask for its inputs at all steps.

    Raises:
        UntraceableOperation: if it also has recurrent dropout.
    """
    if layer.recurrent_dropout:
        raise UntraceableOperation(
            f"layer {layer.name!r}: recurrent_dropout={layer.recurrent_dropout!r} in a call with "
            "training=True is not supported in a SavedModel; use dropout=, or save as HDF5 or "
            "'.keras'"
        )
    x, *states = inputs if isinstance(inputs, list | tuple) else [inputs]
    if layer.dropout:
        kept = _mask(drawing.function, x, (None, 1, None), layer.dropout)
        x = drawing.symbol(multiply(x, kept))
    return draw_recurrent(drawing, layer, [x, *states], mask=mask)


def _draw_batch_normalization(drawing: Any, layer: BatchNormalization, inputs: Symbol) -> Tensor:
    """Draw normalization by the batch's statistics and the update of the moving statistics."""
    if not layer.trainable:
        return layer.call(inputs)
    function, x = drawing.function, cast(inputs, layer.moving_mean.dtype)
    center, variance = layer.moments(x)
    outputs = layer.normalized(x, center, variance)
    if layer.fused:
        variance = variance * _unbiased(function, drawing.symbol(x), layer.reduced_axes(x.ndim))
    for moving, value in ((layer.moving_mean, center), (layer.moving_variance, variance)):
        known = drawing.symbol(moving)
        found = reshape(value, moving.shape)
        drawing.assigned(moving, known - (known - found) * layer.decay)
    return cast(outputs, inputs.dtype)


def _unbiased(function: Function, x: Symbol, axes: Sequence[int]) -> Tensor:
    """Return n / (n - 1) for n numbers of x along the axes."""
    count: Tensor = function.constant(1, x.dtype)
    for axis in axes:
        count = count * converted(function, length_of(function, x, axis), x.dtype)
    return count / maximum(count - 1.0, 1.0)


RECIPES_IN_TRAINING: Mapping[type[Layer], Callable[..., Nested]] = {
    Attention: _draw_attention,
    BatchNormalization: _draw_batch_normalization,
    Dropout: _draw_dropout,
    GaussianDropout: _draw_noise,
    GaussianNoise: _draw_noise,
    SpatialDropout1D: _draw_dropout,
    SpatialDropout2D: _draw_dropout,
    GRU: _draw_recurrent,
    LSTM: _draw_recurrent,
    SimpleRNN: _draw_recurrent,
}
"""Recipes by class, for calls in training."""
