"""EinsumDense: a dense layer over several axes, by an equation; the projections of attention."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.layers.arguments import (
    ACTIVATION,
    CONSTRAINT,
    INITIALIZER,
    REGULARIZER,
    LayerArgumentError,
    items_of,
    where,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable, cast, einsum


def _equation(layer: Layer, name: str, value: str) -> str:
    letters = value.replace("->", ",").split(",")
    if len(letters) != 3 or value.count("->") != 1 or not all(part.isalpha() for part in letters):
        raise LayerArgumentError(
            f"{where(layer, name)}: expected an equation such as 'abc,cd->abd', found {value!r}"
        )
    return value


def _lengths(_: Layer, __: str, value: Any) -> tuple[int | None, ...]:
    found = [value] if value is None or isinstance(value, int) else items_of(value)
    return tuple(found or ())


@configurable
class EinsumDense(Layer):
    """activation(sums of products of x and kernel by the letters of an equation + bias).

    In 'abc,cde->abde' x is (a, b, c) and the kernel (c, d, e); `output_shape` gives the lengths of
    the result after the first, None for those of x, and `bias_axes` the letters of the bias.
    """

    equation: str = argument(Form(_equation))
    lengths: Any = argument(
        Form(_lengths, takes=int | Sequence[int | None] | None), alias="output_shape"
    )
    activation: Any = argument(ACTIVATION, default=None)
    bias_axes: str | None = None
    _: KW_ONLY
    kernel_initializer: Any = argument(INITIALIZER, default="glorot_uniform")
    bias_initializer: Any = argument(INITIALIZER, default="zeros")
    kernel_regularizer: Any = argument(REGULARIZER, default=None)
    bias_regularizer: Any = argument(REGULARIZER, default=None)
    activity_regularizer: Any = argument(REGULARIZER, default=None)
    kernel_constraint: Any = argument(CONSTRAINT, default=None)
    bias_constraint: Any = argument(CONSTRAINT, default=None)
    bias: Variable | None = attribute(default=None)

    def build(self, input_shape: Shape) -> None:
        """Create kernel and bias.

        Raises:
            LayerArgumentError: If a length of theirs is not known.
        """
        operands, result = self.equation.split("->")
        given, of_kernel = operands.split(",")
        known = dict(zip(given, input_shape, strict=True))
        known |= dict(zip(result, self.compute_output_shape(input_shape), strict=True))
        shape = [known[letter] for letter in of_kernel]
        if None in shape:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected known lengths for {of_kernel!r} in "
                f"{self.equation!r}, found an input of shape {input_shape}"
            )
        self.kernel = self.add_weight_of("kernel", shape)
        if self.bias_axes:
            last = result[min(map(result.index, self.bias_axes)) :]
            sizes = [known[letter] if letter in self.bias_axes else 1 for letter in last]
            self.bias = self.add_weight_of("bias", sizes)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the activated sums of products."""
        outputs = einsum(self.equation, inputs, cast(self.kernel, inputs.dtype))
        if self.bias is not None:
            outputs = outputs + cast(self.bias, inputs.dtype)
        activated: Tensor = self.activation(outputs)
        return activated

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the batch size and the lengths that are given or those of the input."""
        operands, result = self.equation.split("->")
        known = dict(zip(operands.split(",")[0], input_shape, strict=True))
        pairs = zip(result[1:], self.lengths, strict=True)
        rest = [known.get(letter) if size is None else size for letter, size in pairs]
        return input_shape[0], *rest
