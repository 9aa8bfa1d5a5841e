"""`Symbol`: a tensor without a value, in a graph that is being drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np

from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor


class UntraceableOperation(ValueError):
    """A graph cannot express an operation of the model's code; the message names it."""


class Symbol(Tensor):
    """The output of a node: name in the function, shape (None for open lengths) and dtype.

    `compare` draws a comparison of this tensor with a number, the only operation on its value.
    """

    __slots__ = ("_compare", "_dtype", "_shape", "name")

    def __init__(
        self, name: str, shape: Shape, dtype: np.dtype, compare: Callable[..., Tensor]
    ) -> None:
        self.name = name
        self._shape = shape
        self._dtype = dtype
        self._compare = compare
        self.logits = None
        self._keras_mask = None

    @property
    def value(self) -> Any:  # type: ignore[override]  # not known while drawing
        """A placeholder of the value that can only be compared with numbers."""
        return Unknown(self, self._compare)

    @property
    def shape(self) -> Any:
        """The length of each axis; None for an open length."""
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the elements."""
        return self._dtype

    def __bool__(self) -> bool:
        raise _refusal(self, "branches on it")

    def __len__(self) -> int:
        raise _refusal(self, "asks for its length")

    def __repr__(self) -> str:
        return f"<Symbol {self.name!r} shape={self.shape} dtype={self.dtype}>"


class Unknown:
    """The unknown value of a symbol; only comparisons with numbers are supported."""

    __hash__ = None  # type: ignore[assignment]  # as for arrays

    def __init__(self, symbol: Symbol, compare: Callable[..., Tensor]) -> None:
        self._symbol = symbol
        self._compare = compare

    def __ne__(self, other: object) -> Any:
        return self._compare("NotEqual", self._symbol, other)

    def __gt__(self, other: float) -> Tensor:
        return self._compare("Greater", self._symbol, other)

    def __ge__(self, other: float) -> Tensor:
        return self._compare("GreaterEqual", self._symbol, other)

    def __lt__(self, other: float) -> Tensor:
        return self._compare("Less", self._symbol, other)

    def __le__(self, other: float) -> Tensor:
        return self._compare("LessEqual", self._symbol, other)

    def __bool__(self) -> bool:
        raise _refusal(self._symbol, "branches on it")

    def __len__(self) -> int:
        raise _refusal(self._symbol, "asks for its length")

    def __getattr__(self, name: str) -> Any:
        what = "elements" if name.startswith("__array") else repr(name)
        raise _refusal(self._symbol, f"asks for its {what}")


def _refusal(symbol: Symbol, doing: str) -> UntraceableOperation:
    return UntraceableOperation(
        f"tensor of shape {symbol.shape}: call() {doing}, which a graph cannot express; "
        "use the functions of saveproof.reference_impl.numerics.autodiff"
    )
