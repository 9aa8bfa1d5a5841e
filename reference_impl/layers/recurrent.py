"""SimpleRNN, LSTM and GRU."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.layers.arguments import ACTIVATION
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.numerics.autodiff import Tensor, cast, matmul


class SimpleRNN(Recurrent):
    """h' = activation(x W + h U + b). Source: Elman (1990)."""

    cell_name = "simple_rnn_cell"

    def step(self, drive: Tensor, dropped: Tensor, states: Sequence[Tensor]) -> list[Tensor]:  # noqa: ARG002 (a simple cell has no other state)
        """Return h'."""
        return [self.activation(drive + self._recurrent(dropped))]


def _implementation(layer: Recurrent, _: str, value: int) -> int:
    """Return 1 with `recurrent_dropout`, as tf_keras's cells do."""
    return 1 if layer.recurrent_dropout else value


@configurable
class Gated(Recurrent):
    """A recurrent layer with a separate activation for its gates."""

    recurrent_activation: Any = argument(ACTIVATION, default="sigmoid")
    _: KW_ONLY
    implementation: int = argument(Form(_implementation), default=2)


@configurable
class LSTM(Gated):
    """c' = f c + i g, h' = o activation(c'), gates i, f, g, o in this order.

    Source: Hochreiter and Schmidhuber (1997); the forget gate's bias starts at 1 with
    `unit_forget_bias`, after Jozefowicz et al. (2015).
    """

    cell_name = "lstm_cell"
    gates = 4
    state_count = 2

    _: KW_ONLY
    unit_forget_bias: bool = True

    def _initial_bias(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        if not self.unit_forget_bias:
            return super()._initial_bias(shape, dtype)
        first = super()._initial_bias((self.units,), dtype)
        rest = super()._initial_bias((2 * self.units,), dtype)
        return np.concatenate([first, np.ones((self.units,), first.dtype), rest])

    def step(self, drive: Tensor, dropped: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """Return h' and c'."""
        total = drive + self._recurrent(dropped)
        i, f = (self.recurrent_activation(self._gate(total, index)) for index in (0, 1))
        c = f * states[1] + i * self.activation(self._gate(total, 2))
        return [self.recurrent_activation(self._gate(total, 3)) * self.activation(c), c]


@configurable
class GRU(Gated):
    """h' = z h + (1 - z) g, gates z, r, g in this order.

    With `reset_after`, g = activation(x W + b + r (h U + b')), and the bias has two rows, b and b';
    otherwise g = activation(x W + b + (r h) U). Source: Cho et al. (2014), versions 3 and 1.
    """

    cell_name = "gru_cell"
    gates = 3

    _: KW_ONLY
    reset_after: bool = True

    @property
    def _bias_shape(self) -> tuple[int, ...]:
        return (2, *super()._bias_shape) if self.reset_after else super()._bias_shape

    def drives_of(self, x: Tensor) -> Tensor:
        if self.bias is None or not self.reset_after:
            return super().drives_of(x)
        return matmul(x, cast(self.kernel, x.dtype)) + cast(self.bias, x.dtype)[0]

    def step(self, drive: Tensor, dropped: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """Return h'."""
        inner = self._inner(dropped)
        z, r = (
            self.recurrent_activation(self._gate(drive, index) + self._gate(inner, index))
            for index in (0, 1)
        )
        if self.reset_after:
            candidate = r * self._gate(inner, 2)
        else:
            kernel = cast(self.recurrent_kernel, drive.dtype)[:, 2 * self.units :]
            candidate = matmul(r * dropped, kernel)
        g = self.activation(self._gate(drive, 2) + candidate)
        return [z * states[0] + (1.0 - z) * g]

    def _inner(self, h: Tensor) -> Tensor:
        """Return the state times the recurrent kernel: all gates with `reset_after`, else z, r."""
        if not self.reset_after:
            return matmul(h, cast(self.recurrent_kernel, h.dtype)[:, : 2 * self.units])
        inner = self._recurrent(h)
        return inner if self.bias is None else inner + cast(self.bias, h.dtype)[1]
