"""Pooling: the maximum or mean of each window, or over all spatial axes."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY
from typing import Any, ClassVar

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.layers.arguments import (
    CHANNELS_LAST,
    DATA_FORMAT,
    PADDING,
    SIZES,
    LayerArgumentError,
    check_rank,
    sizes,
    where,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.masks import first_mask
from saveproof.reference_impl.nest import Nested, Shape
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    average_pool,
    cast,
    divide,
    max,
    max_pool,
    mean,
    sum,
)
from saveproof.reference_impl.numerics.windows import output_length


def _sizes_or_pool_size(layer: "Pooling", name: str, value: Any) -> tuple[int, ...]:
    return sizes(layer.pool_size if value is None else value, layer.rank, where(layer, name))


SIZES_OR_POOL_SIZE = Form(_sizes_or_pool_size, takes=int | Sequence[int] | None)


@configurable
class Pooling(Layer):
    """One number per window and channel of x (batch, *space, channels), over `rank` axes."""

    rank = 0
    paddings = ("valid", "same")
    pool: ClassVar[Callable[..., Tensor]]

    pool_size: Any = argument(SIZES, default=2)
    strides: Any = argument(SIZES_OR_POOL_SIZE, default=None)
    padding: str = argument(PADDING, default="valid")
    data_format: Any = argument(CHANNELS_LAST, default=None)
    first_in_config = (*Layer.first_in_config, "pool_size", "padding")

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the maxima or the means."""
        return type(self).pool(
            inputs, sizes=self.pool_size, strides=self.strides, padding=self.padding
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *windows, channels).

        Raises:
            LayerArgumentError: If the input has another number of axes, or no window fits.
        """
        if len(input_shape) != self.rank + 2:
            axes = ("steps",) if self.rank == 1 else ("height", "width")
            raise LayerArgumentError(
                f"layer {self.name!r}: expected (batch, {', '.join(axes)}, channels), "
                f"found {input_shape}"
            )
        per_axis = zip(input_shape[1:-1], self.pool_size, self.strides, strict=True)
        space = [
            None if n is None else output_length(n, p, s, 1, self.padding) for n, p, s in per_axis
        ]
        if 0 in space:
            raise LayerArgumentError(
                f"layer {self.name!r}: no window of {self.pool_size} fits an input of shape "
                f"{input_shape}"
            )
        return input_shape[0], *space, input_shape[-1]


class MaxPooling1D(Pooling):
    """The largest element of each window of x (batch, steps, channels)."""

    rank = 1
    pool = staticmethod(max_pool)


class MaxPooling2D(Pooling):
    """The largest element of each window of x (batch, height, width, channels)."""

    rank = 2
    pool = staticmethod(max_pool)


class AveragePooling1D(Pooling):
    """The mean of each window of x (batch, steps, channels), padding left out."""

    rank = 1
    pool = staticmethod(average_pool)


class AveragePooling2D(Pooling):
    """The mean of each window of x (batch, height, width, channels), padding left out."""

    rank = 2
    pool = staticmethod(average_pool)


@configurable
class GlobalPooling(Layer):
    """One number per channel over all spatial axes, which keep length 1 with `keepdims`."""

    rank = 0
    reduce: ClassVar[Callable[..., Tensor]]

    data_format: Any = argument(DATA_FORMAT, default=None)
    _: KW_ONLY
    keepdims: bool = False

    def space(self) -> tuple[int, ...]:
        """Return the spatial axes."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, self.rank + first))

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the means or the maxima."""
        return type(self).reduce(inputs, self.space(), keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, channels); with `keepdims`, spatial axes of length 1 too.

        Raises:
            LayerArgumentError: If the input has another number of spatial axes.
        """
        check_rank(input_shape, self.rank + 2, self.name)
        space = self.space()
        if self.keepdims:
            return tuple(1 if a in space else size for a, size in enumerate(input_shape))
        return tuple(size for a, size in enumerate(input_shape) if a not in space)


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over the steps of x (batch, steps, features) that the mask (batch, steps) keeps."""

    rank = 1
    reduce = staticmethod(mean)

    def call(self, inputs: Tensor, mask: Nested = None) -> Tensor:
        """Return the means; NaN for a sample without a step in the mask, as in tf_keras."""
        found = first_mask(mask)
        if found is None:
            return super().call(inputs)
        kept = cast(found, inputs.dtype)
        kept = kept[:, :, None] if self.data_format == "channels_last" else kept[:, None]
        totals = (sum(x, self.space(), keepdims=self.keepdims) for x in (inputs * kept, kept))
        return divide(*totals)


class GlobalAveragePooling2D(GlobalPooling):
    """The mean over height and width of x (batch, height, width, channels)."""

    rank = 2
    reduce = staticmethod(mean)


class GlobalMaxPooling1D(GlobalPooling):
    """The largest element over the steps of x (batch, steps, features)."""

    rank = 1
    reduce = staticmethod(max)


class GlobalMaxPooling2D(GlobalPooling):
    """The largest element over height and width of x (batch, height, width, channels)."""

    rank = 2
    reduce = staticmethod(max)
