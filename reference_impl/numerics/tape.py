"""Tensors, variables, and the tape that differentiates functions of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from saveproof.reference_impl.numerics import primitives
from saveproof.reference_impl.numerics.indexed_slices import added
from saveproof.reference_impl.numerics.primitives import Key, Primitive, Pullback


class VariableShapeError(ValueError):
    """A value with another shape was assigned to a variable."""


class ItemError(ValueError):
    """A tensor with more than one element cannot be converted to a number."""


class Tensor:
    """An array; a `Tape` records the operations that compute it.

    `logits` is the input of the softmax or sigmoid activation that computed this tensor, if one
    did: Keras computes cross-entropies from it, rather than from the rounded probabilities.
    `_keras_mask` is the mask of its steps, if a layer set one.
    """

    __slots__ = ("_keras_mask", "logits", "value")
    __array_ufunc__ = None  # so that `ndarray * Tensor` is a Tensor

    def __init__(self, value: npt.ArrayLike) -> None:
        self.value: np.ndarray = np.asarray(value)
        self.logits: Tensor | None = None
        self._keras_mask: Tensor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the elements."""
        return self.value.dtype

    def numpy(self) -> np.ndarray:
        """The elements as an array; do not write into it."""
        return self.value

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001 (NumPy's protocol)
    ) -> np.ndarray:
        if copy is None:  # NumPy 1 has no such argument
            return np.asarray(self.value, dtype)
        return np.array(self.value, dtype, copy=copy)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} shape={self.shape} dtype={self.dtype} {self.value!r}>"

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        if self.value.size != 1:
            raise ItemError(f"float(): expected a tensor of one element, found shape {self.shape}")
        return float(self.value.item())

    def __add__(self, other: "Operand") -> "Tensor":
        return binary(primitives.add, self, other)

    def __radd__(self, other: "Operand") -> "Tensor":
        return binary(primitives.add, other, self)

    def __sub__(self, other: "Operand") -> "Tensor":
        return binary(primitives.subtract, self, other)

    def __rsub__(self, other: "Operand") -> "Tensor":
        return binary(primitives.subtract, other, self)

    def __mul__(self, other: "Operand") -> "Tensor":
        return binary(primitives.multiply, self, other)

    def __rmul__(self, other: "Operand") -> "Tensor":
        return binary(primitives.multiply, other, self)

    def __truediv__(self, other: "Operand") -> "Tensor":
        return binary(primitives.divide, self, other)

    def __rtruediv__(self, other: "Operand") -> "Tensor":
        return binary(primitives.divide, other, self)

    def __matmul__(self, other: "Operand") -> "Tensor":
        return binary(primitives.matmul, self, other)

    def __rmatmul__(self, other: "Operand") -> "Tensor":
        return binary(primitives.matmul, other, self)

    def __pow__(self, exponent: float) -> "Tensor":
        return unary(primitives.power, self, exponent)

    def __neg__(self) -> "Tensor":
        return unary(primitives.negative, self)

    def __getitem__(self, key: Key) -> "Tensor":
        return applied(primitives.getitem, (self,), key)


Operand = Tensor | np.ndarray | float


class Variable(Tensor):
    """A tensor with an assignable value: a weight, an optimizer slot, a metric's total.

    Assignment replaces the array instead of writing into it: a tape may still hold the old one.
    The array is in C order, as after a load, since NumPy's sums round differently in other orders.
    """

    __slots__ = ("constraint", "name", "regularizer", "trainable")

    def __init__(
        self,
        value: npt.ArrayLike,
        *,
        name: str,
        trainable: bool = True,
        constraint: Callable[[np.ndarray], np.ndarray] | None = None,
        regularizer: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(np.array(value, order="C"))
        self.name = name
        self.trainable = trainable
        self.constraint = constraint
        self.regularizer = regularizer

    def assign(self, value: Operand) -> None:
        """Set a new value of the same shape, cast to this variable's dtype.

        Raises:
            VariableShapeError: If the shape differs; the value is unchanged.
        """
        if (tracer := _TRACER.get()) is not None:
            tracer.assigned(self, value)
            return
        self.value = self.converted(np.array(value_of(value), dtype=self.value.dtype, order="C"))

    def assign_add(self, value: Operand) -> None:
        """Add a value, as `assign` does."""
        self.assign(self + value)

    def assign_sub(self, value: Operand) -> None:
        """Subtract a value, as `assign` does."""
        self.assign(self - value)

    def adopt(self, value: np.ndarray) -> None:
        """Set a new value as `assign` does, without a copy if possible.

        A copy is needed if the array has another dtype, is not in C order, or is read-only, such as
        a view of a file. The caller must not write into the array afterwards.

        Raises:
            VariableShapeError: As `assign`.
        """
        if _TRACER.get() is not None:
            self.assign(value)
        else:
            self.value = self.converted(value)

    def converted(self, value: np.ndarray) -> np.ndarray:
        """Return the array that `adopt` sets: in this variable's dtype, in C order, writable."""
        if value.shape != self.value.shape:
            raise VariableShapeError(
                f"variable {self.name!r}: expected shape {self.value.shape}, found {value.shape}"
            )
        fresh = value.flags.carray and value.dtype == self.value.dtype
        return value if fresh else np.array(value, dtype=self.value.dtype, order="C")

    def __repr__(self) -> str:
        return f"<Variable {self.name!r} shape={self.shape} dtype={self.dtype} {self.value!r}>"


class Tape:
    """Records primitives applied within its `with` block; of nested tapes, only the innermost."""

    __slots__ = ("_records", "_token")

    def __init__(self) -> None:
        self._records: list[tuple[Tensor, tuple[Operand, ...], Pullback]] = []

    def __enter__(self) -> Self:
        self._token: Token[Tape | None] = _ACTIVE.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _ACTIVE.reset(self._token)

    def gradients(
        self, target: Tensor, sources: Sequence[Tensor], *, scale: float = 1
    ) -> list[np.ndarray | None]:
        """Return the gradient of `scale` times the sum of `target` for each source, in its dtype.

        The gradient is None if the target does not depend on the source, and a `Gathered` if the
        target depends on it only through gathered rows. Arrays are in C order.
        """
        reached = {id(source) for source in sources}
        relevant = []
        for record in self._records:
            if not reached.isdisjoint(map(id, record[1])):
                reached.add(id(record[0]))
                relevant.append(record)
        found: dict[int, np.ndarray] = {id(target): np.full_like(target.value, scale)}
        for out, inputs, pullback in reversed(relevant):
            g_out = found.get(id(out))
            if g_out is None:
                continue
            for x, g in zip(inputs, pullback(g_out), strict=True):
                key = id(x)
                if key in reached and isinstance(x, Tensor):
                    g = g if g.dtype == x.value.dtype else g.astype(x.value.dtype)
                    found[key] = added(found[key], g) if key in found else g
        gradients = [found.get(id(source)) for source in sources]
        return [None if g is None else np.asanyarray(g, order="C") for g in gradients]


_ACTIVE: ContextVar[Tape | None] = ContextVar("active tape", default=None)


class Tracer(Protocol):
    """Records operations on tensors instead of executing them."""

    def applied(
        self, primitive: Primitive, inputs: tuple[Operand, ...], args: tuple[object, ...]
    ) -> Tensor:
        """Return a symbol for the value of a primitive."""

    def assigned(self, variable: Variable, value: Operand) -> None:
        """Record that a value is assigned to a variable."""

    def called(self, layer: Any, inputs: Any, arguments: dict[str, Any]) -> Any:
        """Return symbols for the outputs of a layer's call."""


_TRACER: ContextVar[Tracer | None] = ContextVar("tracer", default=None)


def current_tracer() -> Tracer | None:
    """Return the active tracer, or None."""
    return _TRACER.get()


@contextmanager
def traced_by(tracer: Tracer | None) -> Iterator[None]:
    """Activate a tracer within the block; None for no tracer."""
    token = _TRACER.set(tracer)
    try:
        yield
    finally:
        _TRACER.reset(token)


def value_of(x: Operand) -> np.ndarray | float:
    """Return the array of a tensor; other values unchanged."""
    return x.value if isinstance(x, Tensor) else x


def applied(primitive: Primitive, inputs: tuple[Operand, ...], *args: object) -> Tensor:
    """The value of a primitive, recorded on the active tape if there is one."""
    tracer = _TRACER.get()
    if tracer is not None:
        return tracer.applied(primitive, inputs, args)
    value, pullback = primitive(*[value_of(x) for x in inputs], *args)
    out = Tensor(value)
    tape = _ACTIVE.get()
    if tape is not None:
        tape._records.append((out, inputs, pullback))
    return out


def unary(primitive: Primitive, x: Operand, *args: object) -> Tensor:
    """`applied` to one operand."""
    return applied(primitive, (x if isinstance(x, Tensor) else np.asarray(x),), *args)


def binary(primitive: Primitive, x: Operand, y: Operand, *args: object) -> Tensor:
    """`applied` to two operands that broadcast; a plain number takes the other's dtype."""
    return applied(primitive, (_matched(x, y), _matched(y, x)), *args)


def _matched(x: Operand, other: Operand) -> Operand:
    """Return a Python number in the other operand's dtype, so that it does not widen bfloat16."""
    if isinstance(x, Tensor | np.ndarray):
        return x
    dtype = other.dtype if isinstance(other, Tensor | np.ndarray) else None
    return np.asarray(x, dtype if dtype is not None and dtype.kind in "fV" else None)
