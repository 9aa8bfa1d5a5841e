"""Recipe of recurrent layers: unrolled if the number of steps is known and small, else a loop."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.layers.masks import first_mask
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.nest import Nested
from saveproof.reference_impl.numerics.autodiff import Tensor, cast
from saveproof.reference_impl.numerics.tape import traced_by
from saveproof.reference_impl.saving.savedmodel.graphs.attributes import (
    VARIANT,
    Called,
    Code,
    Sizes,
)
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function, symbol_type
from saveproof.reference_impl.saving.savedmodel.graphs.shape_ops import length_of
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol

UNROLLED = 32
"""The largest number of steps that is unrolled."""


def draw_recurrent(
    drawing: Any, layer: Recurrent, inputs: Nested, *, mask: Nested = None
) -> Nested:
    """Draw a recurrent layer on its input, or on a list of input and initial states."""
    x, *states = inputs if isinstance(inputs, list | tuple) else [inputs]
    states = states or _first_states(drawing, layer, x)
    if x.shape[1] is not None and x.shape[1] <= UNROLLED:
        return layer.call([x, *states], mask)
    return _looped(drawing, layer, x, states, first_mask(mask))


def _first_states(drawing: Any, layer: Recurrent, x: Symbol) -> list[Tensor]:
    if layer.stateful:
        return [cast(drawing.symbol(state), x.dtype) for state in layer.states]
    shape = (x.shape[0], layer.units)
    return [zeros(drawing.function, x, shape)] * layer.state_count


def zeros(function: Function, like: Symbol, shape: Sequence[int | None]) -> Symbol:
    """Return zeros with the batch size and dtype of `like`."""
    rows, width = length_of(function, like, 0), function.constant(shape[1], np.int32)
    index = np.dtype(np.int32)
    lengths = function.node("Pack", [rows.name, width.name], (2,), index, N=2, T=index)
    zero = function.constant(0, like.dtype)
    return function.node(
        "Fill", [lengths.name, zero.name], tuple(shape), like.dtype, T=like.dtype, index_type=index
    )


def _looped(
    drawing: Any, layer: Recurrent, x: Symbol, initial: Sequence[Tensor], mask: Tensor | None
) -> Nested:
    """Draw a loop over the steps, whose variables are the step, the outputs and the states.

    With a mask the last output and the mask are variables too.
    """
    function = drawing.function
    drives = layer.drives_of(x)
    states = [drawing.symbol(state) for state in initial]
    weights = [drawing.symbol(weight) for weight in layer.weights]
    masked = [] if mask is None else [zeros(function, x, states[0].shape), drawing.symbol(mask)]
    steps = length_of(function, x, 1)
    carried = [
        function.constant(0, np.int32),
        steps,
        _output_list(function, states[0], steps),
        *states,
        *masked,
        drives,
        *weights,
    ]
    body = drawing.below("body")
    outputs = _body(body, layer, carried, len(states), masked=bool(masked))
    condition = drawing.below("condition")
    t, count = _arguments(condition.function, carried)[:2]
    again = condition.function.node("Less", [t.name, count.name], (), np.bool_, T=t.dtype)
    function.inner += [
        *body.function.inner,
        body.function.message(outputs),
        condition.function.message({"again": again}),
    ]
    name = function.operation(
        "StatelessWhile",
        [symbol.name for symbol in carried],
        T=[symbol_type(symbol) for symbol in carried],
        cond=Called(condition.function.name),
        body=Called(body.function.name),
        output_shapes=[Sizes(symbol.shape) for symbol in carried],
    )
    ends = [
        function.symbol(f"{name}:output:{place}", symbol.shape, symbol_type(symbol))
        for place, symbol in enumerate(carried)
    ]
    after = ends[3 : 3 + len(states)]
    last = ends[3 + len(states)] if masked else after[0]
    return _returned(function, layer, x, ends[2], (last, after))


def _output_list(function: Function, output: Symbol, steps: Symbol) -> Symbol:
    sizes = function.constant([-1, output.shape[1]], np.int32)
    return function.node(
        "TensorListReserve", [sizes.name, steps.name], (), Code(VARIANT),
        element_dtype=output.dtype, shape_type=np.dtype(np.int32),
    )  # fmt: skip


def _arguments(function: Function, carried: Sequence[Symbol]) -> list[Symbol]:
    return [
        function.argument(f"carried_{place}", symbol.shape, symbol_type(symbol))
        for place, symbol in enumerate(carried)
    ]


def _body(
    drawing: Any, layer: Recurrent, carried: Sequence[Symbol], count: int, *, masked: bool
) -> dict[str, Symbol]:
    """Draw one step and return the new loop variables by name."""
    function = drawing.function
    t, steps, outputs, *rest = _arguments(function, carried)
    states, rest = rest[:count], rest[count:]
    masks, (drives, *weights) = (rest[:2], rest[2:]) if masked else ([], rest)
    for weight, symbol in zip(layer.weights, weights, strict=True):
        function.give(weight, symbol)
    with traced_by(drawing):
        place = _place(function, layer, t, steps)
        after = layer.step(_at_step(function, drives, place), states[0], states)
        output = after[0]
        if masks:
            here = _at_step(function, masks[1], place)[:, None]
            output, after = layer.masked(here, after, states, masks[0])
            masks[0] = drawing.symbol(output)
    index = np.dtype(np.int32)
    item, dtype = drawing.symbol(output), output.dtype
    outputs = function.node(
        "TensorListSetItem", [outputs.name, t.name, item.name], (), Code(VARIANT),
        element_dtype=dtype,
    )  # fmt: skip
    one = function.constant(1, index)
    following = function.node("AddV2", [t.name, one.name], (), index, T=index)
    onward = [following, steps, outputs, *map(drawing.symbol, after), *masks, drives, *weights]
    return {f"result_{place}": symbol for place, symbol in enumerate(onward)}


def _place(function: Function, layer: Recurrent, t: Symbol, steps: Symbol) -> Symbol:
    """Return the place of this step in the input, counted from the end if `go_backwards`."""
    if not layer.go_backwards:
        return t
    index = np.dtype(np.int32)
    one = function.constant(1, index)
    left = function.node("Sub", [steps.name, t.name], (), index, T=index)
    return function.node("Sub", [left.name, one.name], (), index, T=index)


def _at_step(function: Function, x: Symbol, place: Symbol) -> Symbol:
    """Return x (batch, steps, …) at one step."""
    index = np.dtype(np.int32)
    axis = function.constant(1, index)
    return function.node(
        "GatherV2", [x.name, place.name, axis.name], (x.shape[0], *x.shape[2:]),
        x.dtype, Tparams=x.dtype, Tindices=index, Taxis=index,
    )  # fmt: skip


def _returned(
    function: Function,
    layer: Recurrent,
    x: Symbol,
    outputs: Symbol,
    last: tuple[Symbol, Sequence[Symbol]],
) -> Nested:
    """Return the last or all outputs, and states if requested; update stateful states.

    `last` is the last output and the last states.
    """
    result, states = last
    for variable, state in zip(layer.states, states, strict=False):
        variable.assign(state)
    if layer.return_sequences:
        result = _stacked(function, x, outputs, result)
    return [result, *states] if layer.return_state else result


def _stacked(function: Function, x: Symbol, outputs: Symbol, like: Symbol) -> Symbol:
    """Return the outputs as (batch, steps, units)."""
    steps, (batch, units) = x.shape[1], like.shape
    sizes = function.constant([-1, units], np.int32)
    stacked = function.node(
        "TensorListStack", [outputs.name, sizes.name], (steps, batch, units), like.dtype,
        element_dtype=like.dtype,
    )  # fmt: skip
    order = function.constant([1, 0, 2], np.int32)
    return function.node(
        "Transpose", [stacked.name, order.name], (batch, steps, units), like.dtype, T=like.dtype
    )
