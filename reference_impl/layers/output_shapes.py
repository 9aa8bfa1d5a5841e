"""Output shapes of a layer: computed by its class, or found by a call on zeros."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from saveproof.reference_impl.layers.call_context import CallFrame, calling
from saveproof.reference_impl.layers.recorded_calls import RecordedCalls
from saveproof.reference_impl.layers.stand_ins import open_shapes, zeros_for
from saveproof.reference_impl.layers.symbolic import KerasTensor, symbols_in, with_symbols
from saveproof.reference_impl.nest import Nested, leaves, map_leaves, map_shapes


class OutputShapes(RecordedCalls):
    """The part of a layer that computes the shapes of its outputs."""

    def compute_output_shape(self, input_shape: Nested) -> Nested:
        """Return the shape of the outputs, found by a call on zeros unless overridden."""
        return self._shape_by_call(self._symbols(input_shape), {})

    def output_shape_of_call(self, input_shape: Nested, arguments: Mapping[str, Any]) -> Nested:
        """Return the shape of the outputs of a call with these further arguments.

        Only the shapes of symbolic tensors among them are used.
        """
        if symbols_in(arguments) and not self.states_output_shape:
            return self._shape_by_call(self._symbols(input_shape), arguments)
        return self.compute_output_shape(input_shape)

    @property
    def states_output_shape(self) -> bool:
        """Whether the class computes the shape of its outputs without a call."""
        return type(self).compute_output_shape is not OutputShapes.compute_output_shape

    def _shape_by_call(self, inputs: Nested, arguments: Mapping[str, Any]) -> Nested:
        found = self._called_on_zeros(inputs, arguments)
        return map_shapes(lambda shape: (None, *shape[1:]), found)

    def _called_on_zeros(self, inputs: Nested, arguments: Mapping[str, Any]) -> Nested:
        """Return the shapes of the outputs for zeros, without changing any weight or state.

        Zeros replace all symbolic tensors: the inputs, and those among the arguments.
        """
        layer: Any = self

        def called(length: int) -> Nested:
            others = with_symbols(arguments, lambda symbol: zeros_for(symbol, length))
            with calling(CallFrame()), np.errstate(all="ignore"), _values_kept(layer):
                outputs = layer(zeros_for(inputs, length), **{"training": False, **others})
            return map_leaves(lambda tensor: tuple(tensor.shape), outputs)

        given = [symbol.shape for symbol in (*leaves(inputs), *symbols_in(arguments))]
        return open_shapes(called, given, where=f"layer {self.name!r}")

    def _symbols(self, shapes: Nested) -> Nested:
        return map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), shapes)


@contextmanager
def _values_kept(layer: Any) -> Iterator[None]:
    """Restore the values of weights and states after the block, and reset new states."""
    before = [
        (variable, variable.value)
        for each in layer.flatten_layers()
        for variable in (*each.own_weights(), *each.extra_state.values())
    ]
    known = {variable for variable, _ in before}
    try:
        yield
    finally:
        for variable, value in before:
            variable.value = value
        for each in layer.flatten_layers():
            if each.stateful and not known.issuperset(each.extra_state.values()):
                each.reset_states()
