"""ZeroPadding1D and ZeroPadding2D."""

from collections.abc import Sequence
from typing import Any

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.layers.arguments import (
    CHANNELS_LAST,
    LayerArgumentError,
    check_rank,
    where,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, pad

Padding = int | Sequence[int | Sequence[int]]


def pairs_per_axis(layer: Any, name: str, padding: Any) -> tuple[tuple[int, int], ...]:
    """Return (before, after) for each axis.

    Raises:
        LayerArgumentError: If they are not non-negative integers, one or two per axis.
    """
    per_axis = [padding] * layer.rank if isinstance(padding, int) else list(padding)
    if layer.rank == 1 and len(per_axis) == 2:
        per_axis = [per_axis]
    pairs = [(one, one) if isinstance(one, int) else tuple(one) for one in per_axis]
    if len(pairs) != layer.rank or any(
        len(pair) != 2 or not all(isinstance(n, int) and n >= 0 for n in pair) for pair in pairs
    ):
        raise LayerArgumentError(
            f"{where(layer, name)}: expected an integer of at least 0, or one integer or "
            f"(before, after) for each of {layer.rank} axes, found {padding!r}"
        )
    return tuple((before, after) for before, after in pairs)


AMOUNTS = Form(pairs_per_axis, lambda layer, _: layer.padding, takes=Padding)


@configurable
class ZeroPadding(Layer):
    """Zeros before and after each of the `rank` spatial axes of x (batch, *space, channels)."""

    rank = 0

    amounts: Any = argument(AMOUNTS, default=1, alias="padding")
    data_format: Any = argument(CHANNELS_LAST, default=None)

    def build(self, input_shape: Shape) -> None:
        """Check the rank of the input."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs with zeros around them."""
        return pad(inputs, [(0, 0), *self.amounts, (0, 0)])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *padded space, channels).

        Raises:
            LayerArgumentError: If the input has another number of spatial axes.
        """
        check_rank(input_shape, self.rank + 2, self.name)
        lengths = zip(input_shape[1:-1], self.amounts, strict=True)
        space = [None if n is None else before + n + after for n, (before, after) in lengths]
        return input_shape[0], *space, input_shape[-1]


@configurable
class ZeroPadding1D(ZeroPadding):
    """Zeros before and after the steps of x (batch, steps, channels)."""

    rank = 1
    data_format: Any = argument(CHANNELS_LAST, default=None, in_config=False)

    @property
    def padding(self) -> tuple[int, int]:
        """The numbers of zeros before and after."""
        before, after = self.amounts[0]
        return before, after


class ZeroPadding2D(ZeroPadding):
    """Zeros around the height and the width of x (batch, height, width, channels)."""

    rank = 2

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """The numbers of zeros before and after on each axis."""
        return tuple(self.amounts)
