"""Dot: products of two inputs along an axis of each."""

import math
from collections.abc import Sequence
from typing import Any

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.layers.arguments import LayerArgumentError, axes, where
from saveproof.reference_impl.layers.merging import Merging
from saveproof.reference_impl.nest import Nested, Shape
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    matmul,
    maximum,
    reshape,
    sqrt,
    square,
    sum,
    transpose,
)


def _one_or_two(layer: Any, name: str, value: Any) -> int | tuple[int, int]:
    if isinstance(value, int):
        return value
    if isinstance(value, Sequence) and len(value) == 2 and all(isinstance(a, int) for a in value):
        return value[0], value[1]
    raise LayerArgumentError(
        f"{where(layer, name)}: expected an axis, or one for each of two inputs, found {value!r}"
    )


@configurable
class Dot(Merging):
    """Sums of products of two inputs along one axis of each, for each sample.

    x (batch, *m, n) and y (batch, *k, n) give (batch, *m, *k), or (batch, 1) if nothing is left.
    With `normalize` the inputs have norm 1 along these axes, which gives cosines.
    """

    axes: Any = argument(Form(_one_or_two, takes=int | Sequence[int]))
    normalize: bool = False

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Check that the inputs fit."""
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the products."""
        rows, columns = (
            self._flat(x, axis)
            for x, axis in zip(inputs, self._axes([x.shape for x in inputs]), strict=True)
        )
        found = matmul(rows, transpose(columns, (0, 2, 1)))
        shape: Any = self.compute_output_shape([x.shape for x in inputs])
        return reshape(found, shape)

    def _flat(self, x: Tensor, axis: int) -> Tensor:
        """Return x as (batch, rows, n), with norm 1 along the last axis with `normalize`."""
        others = [a for a in range(1, x.ndim) if a != axis]
        rows = [x.shape[a] for a in others]
        count: Any = rows[0] if len(rows) == 1 else -1 if None in rows else math.prod(rows)
        x = reshape(transpose(x, (0, *others, axis)), (x.shape[0], count, x.shape[axis]))
        if not self.normalize:
            return x
        return x / sqrt(maximum(sum(square(x), 2, keepdims=True), 1e-12))

    def _axes(self, shapes: Sequence[Shape]) -> list[int]:
        """Return the axis of each input as a non-negative number."""
        each = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        at = zip(each, shapes, strict=True)
        return [axes(axis, len(shape), f"layer {self.name!r}")[0] for axis, shape in at]

    def compute_mask(self, inputs: Sequence[Tensor], mask: Nested = None) -> None:
        """Return None: the products have no mask, as in tf_keras."""

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the other lengths of both inputs after that of the batch.

        Raises:
            LayerArgumentError: If there are not two inputs, or the lengths along the axes differ.
        """
        shapes = list(input_shape)
        fit = len(shapes) == 2 and not any(isinstance(size, int) for size in shapes)
        at = self._axes(shapes) if fit else [0]
        lengths = {shape[a] for shape, a in zip(shapes, at, strict=False)} - {None} if fit else ()
        if 0 in at or len(lengths) > 1:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected a list of two inputs with equal lengths along the "
                f"axes {self.axes}, which are not the batch, found {input_shape}"
            )
        kept = [
            size
            for shape, axis in zip(shapes, at, strict=True)
            for a, size in enumerate(shape)
            if a not in (0, axis)
        ]
        return (shapes[0][0], *kept) if kept else (shapes[0][0], 1)
