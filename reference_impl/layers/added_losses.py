"""The losses that `add_loss` takes."""

from typing import Any

import numpy as np

from saveproof.reference_impl.layers.call_context import CallFrame
from saveproof.reference_impl.layers.policy import FLOATX
from saveproof.reference_impl.layers.symbolic import KerasTensor
from saveproof.reference_impl.nest import Nested, leaves
from saveproof.reference_impl.numerics.autodiff import Tensor


def loss_tensors(losses: Nested, frame: CallFrame, *, where: str) -> list[Tensor]:
    """Return the scalar losses as tensors; None is left out.

    Raises:
        NotImplementedError: for a function or a symbolic tensor, which no file could keep.
        ValueError: outside a call, or for a loss with axes.
    """
    return [_tensor(loss, frame, where) for loss in leaves(losses) if loss is not None]


def _tensor(loss: Any, frame: CallFrame, where: str) -> Tensor:
    if callable(loss) or isinstance(loss, KerasTensor):
        raise NotImplementedError(
            f"{where}: add_loss: expected a number or a tensor that call() computes, found "
            f"{loss!r:.100}, which no file could keep; compute the loss in a layer's call()"
        )
    if not frame.scope:
        raise ValueError(f"{where}: add_loss: expected to be within call(), found it outside")
    tensor = loss if isinstance(loss, Tensor) else Tensor(np.asarray(loss, FLOATX))
    if tensor.shape:
        raise ValueError(
            f"{where}: add_loss: expected a scalar, found a loss of shape {tensor.shape}; take its "
            "mean or sum"
        )
    return tensor
