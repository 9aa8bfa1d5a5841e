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


def _amounts(layer: "ZeroPadding", name: str, padding: Any) -> tuple[tuple[int, int], ...]:
    """Return (before, after) for each axis.

    Raises:
        LayerArgumentError: If they are not whole numbers from 0 on, one or two an axis.
    """
    per_axis = [padding] * layer.rank if isinstance(padding, int) else list(padding)
    if layer.rank == 1 and len(per_axis) == 2:
        per_axis = [per_axis]
    pairs = [(one, one) if isinstance(one, int) else tuple(one) for one in per_axis]
    if len(pairs) != layer.rank or any(
        len(pair) != 2 or not all(isinstance(n, int) and n >= 0 for n in pair) for pair in pairs
    ):
        raise LayerArgumentError(
            f"{where(layer, name)}: expected a number from 0 on, or one or (before, after) for "
            f"each of {layer.rank} axes, found {padding!r}"
        )
    return tuple((before, after) for before, after in pairs)


AMOUNTS = Form(_amounts, lambda layer, _: layer.padding, takes=Padding)


@configurable
class ZeroPadding(Layer):
    """Zeros before and after each of the `rank` axes of space of x (batch, *space, channels)."""

    rank = 0

    amounts: tuple[tuple[int, int], ...] = argument(AMOUNTS, default=1, alias="padding")
    data_format: str = argument(CHANNELS_LAST, default=None)

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs with zeros around them."""
        return pad(inputs, [(0, 0), *self.amounts, (0, 0)])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *longer space, channels).

        Raises:
            LayerArgumentError: If the input has another number of axes of space.
        """
        check_rank(input_shape, self.rank + 2, self.name)
        lengths = zip(input_shape[1:-1], self.amounts, strict=True)
        space = [None if n is None else before + n + after for n, (before, after) in lengths]
        return input_shape[0], *space, input_shape[-1]


@configurable
class ZeroPadding1D(ZeroPadding):
    """Zeros before and after the steps of x (batch, steps, channels)."""

    rank = 1
    data_format: str = argument(CHANNELS_LAST, default=None, in_config=False)

    @property
    def padding(self) -> tuple[int, int]:
        """How many zeros stand before and after."""
        return self.amounts[0]


class ZeroPadding2D(ZeroPadding):
    """Zeros around the height and the width of x (batch, height, width, channels)."""

    rank = 2

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """How many zeros stand before and after on each axis."""
        return self.amounts
