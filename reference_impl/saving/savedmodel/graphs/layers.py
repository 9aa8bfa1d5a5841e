"""Recipes for layers whose `call` depends on values or on open lengths."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from saveproof.reference_impl.layers import (
    GRU,
    LSTM,
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Embedding,
    Flatten,
    MaxPooling1D,
    MaxPooling2D,
    SeparableConv1D,
    SeparableConv2D,
    SimpleRNN,
    TimeDistributed,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.convolutional import Convolution
from saveproof.reference_impl.layers.depthwise import DepthwiseConvolution, SeparableConvolution
from saveproof.reference_impl.layers.masks import first_mask
from saveproof.reference_impl.layers.pooling import Pooling
from saveproof.reference_impl.layers.transposed import TransposedConvolution
from saveproof.reference_impl.nest import Nested, leaves, map_leaves
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    cast,
    concatenate,
    max_pool,
    transpose,
)
from saveproof.reference_impl.numerics.tape import Operand
from saveproof.reference_impl.saving.savedmodel.graphs.casting_ops import converted
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.recurrent import draw_recurrent
from saveproof.reference_impl.saving.savedmodel.graphs.shape_ops import (
    length_of,
    padded,
    reshaped_to,
    rows_taken,
)
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol, UntraceableOperation
from saveproof.reference_impl.saving.savedmodel.graphs.window_ops import (
    convolved,
    convolved_depthwise,
    pooled,
)


class Draws(Protocol):
    """The interface of a drawing that recipes use."""

    @property
    def function(self) -> Function:
        """The function under construction."""

    def symbol(self, x: Operand) -> Symbol:
        """Return the symbol of an operand."""


LayerRecipe = Callable[..., Nested]
"""Draws a layer's call, given the drawing, the layer, its inputs and other arguments."""


def _draw_embedding(drawing: Draws, layer: Embedding, inputs: Symbol) -> Tensor:
    indices = converted(drawing.function, inputs, np.int64)
    shape = (*inputs.shape, layer.output_dim)
    rows = rows_taken(drawing.function, drawing.symbol(layer.embeddings), indices, shape)
    return cast(rows, layer.compute_dtype)


def _draw_flatten(drawing: Draws, layer: Flatten, inputs: Symbol) -> Tensor:
    """Draw the layer's call if only the batch size is open; else let TensorFlow infer lengths."""
    if None not in inputs.shape[1:]:
        return layer.call(inputs)
    x: Tensor = inputs
    if layer.data_format == "channels_first" and inputs.ndim > 2:
        x = transpose(inputs, (0, *range(2, inputs.ndim), 1))
    rows = length_of(drawing.function, inputs, 0)
    return reshaped_to(drawing.function, drawing.symbol(x), [rows, None], (inputs.shape[0], None))


def _draw_convolution(drawing: Draws, layer: Convolution, inputs: Symbol) -> Tensor:
    """Draw a convolution group by group, since TensorFlow lacks grouped ones on some devices."""
    kernel = cast(layer.kernel, inputs.dtype)
    channels, filters = kernel.shape[-2], layer.filters // layer.groups
    parts = [
        _correlated(
            drawing,
            layer,
            inputs[..., i * channels : (i + 1) * channels] if layer.groups > 1 else inputs,
            kernel[..., i * filters : (i + 1) * filters] if layer.groups > 1 else kernel,
        )
        for i in range(layer.groups)
    ]
    return layer.finished(parts[0] if layer.groups == 1 else concatenate(parts))


def _draw_depthwise(drawing: Draws, layer: DepthwiseConvolution, inputs: Symbol) -> Tensor:
    kernel = cast(layer.depthwise_kernel, inputs.dtype)
    return layer.finished(_correlated(drawing, layer, inputs, kernel))


def _draw_separable(drawing: Draws, layer: SeparableConvolution, inputs: Symbol) -> Tensor:
    between = _correlated(drawing, layer, inputs, cast(layer.depthwise_kernel, inputs.dtype))
    return layer.finished(layer.mixed(between))


def _correlated(drawing: Draws, layer: Convolution, inputs: Tensor, kernel: Tensor) -> Tensor:
    function, x, weights = drawing.function, drawing.symbol(inputs), drawing.symbol(kernel)
    batch, *space, _ = layer.compute_output_shape(x.shape)
    padding = layer.padding
    if padding == "causal":
        before = (layer.kernel_size[0] - 1) * layer.dilation_rate[0]
        length = None if x.shape[1] is None else x.shape[1] + before
        widths = [(0, 0), (before, 0), (0, 0)]
        x = padded(function, x, widths, 0.0, (batch, length, x.shape[2]))
        padding = "valid"
    drawn = convolved_depthwise if layer.depthwise else convolved
    made = weights.shape[-1] * (x.shape[-1] if layer.depthwise else 1)
    return drawn(
        *(function, x, weights),
        strides=layer.strides,
        dilation=layer.dilation_rate,
        padding=padding.upper(),
        outcome=((batch, *space, made), inputs.dtype),
    )


def _draw_pooling(drawing: Draws, layer: Pooling, inputs: Symbol) -> Tensor:
    return pooled(
        *(drawing.function, inputs),
        op="MaxPool" if layer.pool is max_pool else "AvgPool",
        sizes=layer.pool_size,
        strides=layer.strides,
        padding=layer.padding.upper(),
        outcome=(layer.compute_output_shape(inputs.shape), inputs.dtype),
    )


def _draw_transposed(drawing: Draws, layer: TransposedConvolution, inputs: Symbol) -> Tensor:
    """Draw the layer's own call.

    Raises:
        UntraceableOperation: if a length of the input is open.
    """
    del drawing
    if None in inputs.shape[1:]:
        raise UntraceableOperation(
            f"layer {layer.name!r}: an input of shape {inputs.shape} is not supported in a "
            "SavedModel; give Input all lengths, or save as HDF5 or '.keras'"
        )
    return layer.call(inputs)


def _draw_on_steps(
    drawing: Draws, layer: TimeDistributed, inputs: Nested, *, mask: Nested = None
) -> Nested:
    """Draw the wrapped layer on all steps as one batch, with lengths that the graph finds."""
    function, kept = drawing.function, first_mask(mask)
    steps = [length_of(function, next(leaves(inputs)), axis) for axis in (0, 1)]
    shape = next(leaves(inputs)).shape[:2]

    def flat(x: Tensor) -> Tensor:
        symbol = drawing.symbol(x)
        rest = [length_of(function, symbol, axis) for axis in range(2, symbol.ndim)]
        return reshaped_to(function, symbol, [None, *rest], (None, *symbol.shape[2:]))

    def split(x: Tensor) -> Tensor:
        symbol = drawing.symbol(x)
        rest = [length_of(function, symbol, axis) for axis in range(1, symbol.ndim)]
        return reshaped_to(function, symbol, [*steps, *rest], (*shape, *symbol.shape[1:]))

    flat_mask = None if kept is None else flat(kept)
    return map_leaves(split, layer.on_steps(map_leaves(flat, inputs), flat_mask))


LAYER_RECIPES: Mapping[type[Layer], LayerRecipe] = {
    GRU: draw_recurrent,
    LSTM: draw_recurrent,
    AveragePooling1D: _draw_pooling,
    AveragePooling2D: _draw_pooling,
    Conv1D: _draw_convolution,
    Conv2D: _draw_convolution,
    DepthwiseConv1D: _draw_depthwise,
    DepthwiseConv2D: _draw_depthwise,
    Embedding: _draw_embedding,
    Flatten: _draw_flatten,
    MaxPooling1D: _draw_pooling,
    MaxPooling2D: _draw_pooling,
    SeparableConv1D: _draw_separable,
    SeparableConv2D: _draw_separable,
    SimpleRNN: draw_recurrent,
    Conv1DTranspose: _draw_transposed,
    Conv2DTranspose: _draw_transposed,
    TimeDistributed: _draw_on_steps,
}
"""Recipes by class; other layers are drawn from their own `call`."""
