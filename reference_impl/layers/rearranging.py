"""Layers that repeat, reorder or leave out elements, such as Permute and UpSampling1D."""

from collections.abc import Sequence
from typing import Any

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.layers.arguments import (
    CHANNELS_LAST,
    SIZES,
    LayerArgumentError,
    UnsupportedArgumentError,
    at_least_one,
    check_rank,
    where,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.padding import Padding, pairs_per_axis
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, reshape, stack, transpose


def _order(layer: Layer, name: str, value: Sequence[int]) -> tuple[int, ...]:
    found = tuple(value)
    if sorted(found) != list(range(1, len(found) + 1)):
        raise LayerArgumentError(
            f"{where(layer, name)}: expected the numbers from 1 to that of the axes of a sample, "
            f"each once, found {value!r}"
        )
    return found


def _nearest(layer: Layer, name: str, value: str) -> str:
    if value != "nearest":
        raise UnsupportedArgumentError(
            f"layer {layer.name!r}: {name}={value!r} is not supported; use 'nearest'"
        )
    return value


@configurable
class RepeatVector(Layer):
    """x (batch, features) repeated n times, as (batch, n, features)."""

    n: int = argument(Form(at_least_one))

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        check_rank(input_shape, 2, self.name)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs repeated."""
        return stack([inputs] * self.n, 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, n, features)."""
        return input_shape[0], self.n, input_shape[1]


@configurable
class Permute(Layer):
    """The axes of each sample in another order; `dims` counts them from 1."""

    dims: Any = argument(Form(_order, takes=Sequence[int]))

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        check_rank(input_shape, len(self.dims) + 1, self.name)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs with their axes reordered."""
        return transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's lengths in the new order."""
        return tuple(input_shape[axis] for axis in (0, *self.dims))


@configurable
class Cropping(Layer):
    """x (batch, *space, channels) without elements at the ends of its `rank` spatial axes."""

    rank = 0

    amounts: Any = argument(
        Form(pairs_per_axis, lambda layer, _: layer.cropping, takes=Padding),
        default=1,
        alias="cropping",
    )

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs cropped."""
        kept = [slice(before, -after if after else None) for before, after in self.amounts]
        return inputs[(slice(None), *kept)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *cropped space, channels).

        Raises:
            LayerArgumentError: If the input has another number of axes, or nothing is left.
        """
        check_rank(input_shape, self.rank + 2, self.name)
        lengths = zip(input_shape[1:-1], self.amounts, strict=True)
        space = [None if n is None else n - before - after for n, (before, after) in lengths]
        if any(n is not None and n < 1 for n in space):
            raise LayerArgumentError(
                f"layer {self.name!r}: cropping {self.amounts} leaves nothing of an input of shape "
                f"{input_shape}"
            )
        return input_shape[0], *space, input_shape[-1]


class Cropping1D(Cropping):
    """x (batch, steps, channels) without its first and last steps."""

    rank = 1

    @property
    def cropping(self) -> tuple[int, int]:
        """The numbers of steps left out at the start and at the end."""
        before, after = self.amounts[0]
        return before, after


@configurable
class Cropping2D(Cropping):
    """x (batch, height, width, channels) without its margins."""

    rank = 2

    amounts: Any = argument(
        Form(pairs_per_axis, lambda layer, _: layer.cropping, takes=Padding),
        default=((0, 0), (0, 0)),
        alias="cropping",
    )
    data_format: Any = argument(CHANNELS_LAST, default=None)

    @property
    def cropping(self) -> tuple[tuple[int, int], ...]:
        """The numbers left out before and after on each axis."""
        return tuple(self.amounts)


@configurable
class UpSampling1D(Layer):
    """Each step of x (batch, steps, features) repeated `size` times."""

    size: int = argument(Form(at_least_one), default=2)

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        check_rank(input_shape, 3, self.name)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs with repeated steps."""
        return _repeated(inputs[:, None], self.size)[:, 0]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, steps * size, features)."""
        batch, steps, features = input_shape
        return batch, None if steps is None else steps * self.size, features


@configurable
class UpSampling2D(Layer):
    """Each row and column of x (batch, height, width, channels) repeated `size` times."""

    rank = 2

    size: Any = argument(SIZES, default=2)
    data_format: Any = argument(CHANNELS_LAST, default=None)
    interpolation: str = argument(Form(_nearest), default="nearest")

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        check_rank(input_shape, 4, self.name)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs with repeated rows and columns."""
        swapped, (rows, columns) = (0, 2, 1, 3), self.size
        wide = transpose(_repeated(inputs, columns), swapped)
        return transpose(_repeated(wide, rows), swapped)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, height * size, width * size, channels)."""
        batch, *space, channels = input_shape
        lengths = zip(space, self.size, strict=True)
        return batch, *(None if n is None else n * size for n, size in lengths), channels


def _repeated(x: Tensor, times: int) -> Tensor:
    """Return x (batch, rows, columns, channels) with each column repeated."""
    sizes: Shape = x.shape
    batch, rows, columns, channels = sizes
    length = -1 if columns is None else columns * times
    shape: Any = (batch, rows, length, channels)
    return reshape(stack([x] * times, 3), shape)
