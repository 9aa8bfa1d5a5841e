"""Conv1DTranspose and Conv2DTranspose."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY
from typing import Any

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.layers.arguments import LayerArgumentError, items_of, where
from saveproof.reference_impl.layers.convolutional import Convolution
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    cast,
    conv,
    pad,
    reshape,
    transpose,
)
from saveproof.reference_impl.numerics.windows import output_length, pad_amounts


def _output_padding(layer: "TransposedConvolution", name: str, value: Any) -> Any:
    if value is None:
        return None
    found = [value] * layer.rank if isinstance(value, int) else items_of(value)
    pairs = zip(found or (), layer.strides, strict=False)
    if found is None or len(found) != layer.rank or not all(0 <= n < s for n, s in pairs):
        raise LayerArgumentError(
            f"{where(layer, name)}: expected one or {layer.rank} integers from 0 to below the "
            f"strides {layer.strides}, found {value!r}"
        )
    return tuple(found)


OUTPUT_PADDING = Form(_output_padding, takes=int | Sequence[int] | None)


@configurable
class TransposedConvolution(Convolution):
    """activation(gradient of a cross-correlation with kernel, for x as its outputs' + bias).

    x (batch, *space, channels), kernel (*window, filters, channels), bias (filters,).
    `output_padding` sets the output's length on each axis: (n - 1) stride + reach of the window,
    less twice half of it for "same" padding, + `output_padding`.
    Source: Zeiler et al. (2010); https://arxiv.org/abs/1603.07285; tf_keras Conv2DTranspose.
    """

    _: KW_ONLY
    output_padding: Any = argument(OUTPUT_PADDING, default=None)

    def _add_kernels(self, channels: int) -> None:
        self.kernel = self.add_weight_of("kernel", (*self.kernel_size, self.filters, channels))

    def _correlation(self, inputs: Tensor) -> Tensor:
        """Return the correlation of the spread inputs with the kernel turned around."""
        lengths = list(zip(self._lengths(inputs.shape), self._reaches(), strict=True))
        starts = [
            pad_amounts(length, size, stride, dilation, self.padding)[0]
            for (length, _), size, stride, dilation in self._axes(lengths)
        ]
        x, widths = inputs, []
        for axis, (start, (length, reach)) in enumerate(zip(starts, lengths, strict=True), 1):
            x = _spread(x, axis, self.strides[axis - 1])
            before = reach - 1 - start
            widths.append((before, length + reach - 1 - x.shape[axis] - before))
        turned = [slice(None, None, -1)] * self.rank
        order = (*range(self.rank), self.rank + 1, self.rank)
        kernel = transpose(cast(self.kernel, x.dtype)[tuple(turned)], order)
        once = (1,) * self.rank
        return conv(
            pad(x, [(0, 0), *widths, (0, 0)]), kernel, strides=once, dilation=self.dilation_rate
        )

    def _axes(self, lengths: Sequence[Any]) -> Iterator[tuple[Any, int, int, int]]:
        return zip(lengths, self.kernel_size, self.strides, self.dilation_rate, strict=True)

    def _reaches(self) -> list[int]:
        """Return how far the window reaches on each axis."""
        pairs = zip(self.kernel_size, self.dilation_rate, strict=True)
        return [(size - 1) * dilation + 1 for size, dilation in pairs]

    def _lengths(self, input_shape: Shape) -> list[Any]:
        """Return the lengths of the output; None for an open one."""
        found: list[int | None] = []
        for axis, (n, reach) in enumerate(zip(input_shape[1:-1], self._reaches(), strict=True)):
            stride, extra = self.strides[axis], self.output_padding
            if n is None:
                found.append(None)
            elif extra is not None:
                half = reach // 2 if self.padding == "same" else 0
                found.append((n - 1) * stride + reach - 2 * half + extra[axis])
            else:
                found.append(
                    n * stride + (max(reach - stride, 0) if self.padding == "valid" else 0)
                )
        return found

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *space, filters).

        Raises:
            LayerArgumentError: If a convolution has no outputs of the input's shape.
        """
        lengths = self._lengths(input_shape)
        counts = [
            None if length is None else output_length(length, size, stride, dilation, self.padding)
            for length, size, stride, dilation in self._axes(lengths)
        ]
        if counts != list(input_shape[1:-1]):
            raise LayerArgumentError(
                f"layer {self.name!r}: output_padding={self.output_padding} does not fit an input "
                f"of shape {input_shape}: a convolution of its output, of lengths {lengths}, has "
                "other lengths"
            )
        return input_shape[0], *lengths, self.filters


class Conv1DTranspose(TransposedConvolution):
    """Transposed convolution over one axis."""

    rank = 1


class Conv2DTranspose(TransposedConvolution):
    """Transposed convolution over height and width."""

    rank = 2


def _spread(x: Tensor, axis: int, stride: int) -> Tensor:
    """Return x with stride - 1 zeros between its elements along an axis."""
    if stride == 1:
        return x
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    widths = [(0, 0)] * (x.ndim + 1)
    widths[axis + 1] = (0, stride - 1)
    wide = pad(reshape(x, (*before, n, 1, *after)), widths)
    whole: tuple[slice, ...] = (slice(None),) * axis
    return reshape(wide, (*before, n * stride, *after))[(*whole, slice(0, (n - 1) * stride + 1))]
