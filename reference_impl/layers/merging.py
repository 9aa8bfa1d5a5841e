"""Layers that merge several inputs into one output: Add, Multiply, Concatenate and others."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from saveproof.reference_impl.fields import configurable
from saveproof.reference_impl.layers.arguments import LayerArgumentError
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.masks import both, differing
from saveproof.reference_impl.nest import Nested, Shape, is_shape, leaves
from saveproof.reference_impl.numerics import autodiff as ad
from saveproof.reference_impl.numerics.autodiff import Tensor


class Merging(Layer):
    """A layer that takes a list of inputs, even for a single one."""

    takes_list = True
    supports_masking = True

    def compute_mask(self, inputs: Sequence[Tensor], mask: Nested = None) -> Tensor | None:  # noqa: ARG002 (Layer's signature)
        """Return where all masks of the inputs are True."""
        found: Tensor | None = reduce(both, leaves(mask))
        return found


class Elementwise(Merging):
    """An elementwise operation with broadcasting; missing axes are added after the batch axis."""

    operation: Callable[[Tensor, Tensor], Tensor]

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Check that the inputs broadcast."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the operation over all inputs."""
        rank = max(x.ndim for x in inputs)
        aligned = [x if x.ndim == rank else ad.reshape(x, _aligned(x.shape, rank)) for x in inputs]
        return reduce(type(self).operation, aligned)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape to which the inputs broadcast.

        Raises:
            LayerArgumentError: If they do not broadcast, or `input_shape` is not a list.
        """
        shapes = _listed(self.name, input_shape)
        rank = max(map(len, shapes))
        lengths = zip(*(_aligned(shape, rank) for shape in shapes), strict=True)
        return tuple(self._broadcast(axis, shapes) for axis in lengths)

    def _broadcast(self, lengths: Sequence[int | None], shapes: Sequence[Shape]) -> int | None:
        known = {size for size in lengths if size not in (None, 1)}
        if len(known) > 1:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected inputs that broadcast, found shapes {shapes}"
            )
        if None in lengths:
            return None
        return known.pop() if known else 1


class Add(Elementwise):
    """The sum of the inputs."""

    operation = staticmethod(ad.add)


class Multiply(Elementwise):
    """The product of the inputs."""

    operation = staticmethod(ad.multiply)


class Maximum(Elementwise):
    """The largest of the inputs, element by element."""

    operation = staticmethod(ad.maximum)


class Minimum(Elementwise):
    """The smallest of the inputs, element by element."""

    operation = staticmethod(ad.minimum)


class Average(Elementwise):
    """The mean of the inputs."""

    operation = staticmethod(ad.add)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the mean of all inputs."""
        return super().call(inputs) / float(len(inputs))


class Subtract(Elementwise):
    """The first input less the second."""

    operation = staticmethod(ad.subtract)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Check that there are two inputs that broadcast."""
        super().build(input_shape)
        if len(input_shape) != 2:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected 2 inputs, found {len(input_shape)}"
            )


@configurable
class Concatenate(Merging):
    """The inputs joined along an axis; the other axes must agree."""

    axis: int = -1

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Check that the inputs can be joined."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the inputs joined."""
        return ad.concatenate(inputs, self.axis)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Nested = None) -> Tensor | None:
        """Return the masks joined; where the features are joined, where all are True."""
        if mask is None or self.axis % inputs[0].ndim == inputs[0].ndim - 1:
            return super().compute_mask(inputs, mask)
        masks = [_mask_of_each(x, one) for x, one in zip(inputs, mask, strict=True)]
        return ad.concatenate(masks, self.axis % inputs[0].ndim)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the common shape with the sum of the lengths along the axis.

        Raises:
            LayerArgumentError: If the shapes differ on other axes.
        """
        shapes = _listed(self.name, input_shape)
        rank = len(shapes[0])
        if {len(shape) for shape in shapes} != {rank} or not -rank <= self.axis < rank:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected inputs of equal rank with axis {self.axis}, "
                f"found shapes {shapes}"
            )
        per_axis = zip(*shapes, strict=True)
        return tuple(
            self._joined(lengths) if a == self.axis % rank else self._common(lengths, shapes)
            for a, lengths in enumerate(per_axis)
        )

    def _joined(self, lengths: Sequence[int | None]) -> int | None:
        known = [size for size in lengths if size is not None]
        return sum(known) if len(known) == len(lengths) else None

    def _common(self, lengths: Sequence[int | None], shapes: Sequence[Shape]) -> int | None:
        known = {size for size in lengths if size is not None}
        if len(known) > 1:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected shapes that differ only on axis {self.axis}, "
                f"found {shapes}"
            )
        return known.pop() if known else None


def _mask_of_each(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mask of an input without its last axis, all True if it has none."""
    return differing(x[..., 0] * 0.0, 1.0) if mask is None else mask


def _listed(layer: str, shapes: Sequence[Shape]) -> Sequence[Shape]:
    if is_shape(shapes) or not shapes:
        raise LayerArgumentError(
            f"layer {layer!r}: expected a list of at least one input, found shape {shapes}"
        )
    return shapes


def _aligned(shape: Sequence[int | None], rank: int) -> tuple[Any, ...]:
    return (shape[0], *[1] * (rank - len(shape)), *shape[1:])
