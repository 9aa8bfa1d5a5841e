"""The context that a layer's call inherits from enclosing calls: name scope and training flag."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from saveproof.reference_impl.numerics.autodiff import Tensor


@dataclass(frozen=True, slots=True)
class CallFrame:
    """One running call: the names of the enclosing layers, and the training flag, None if not set.

    `activity` collects the activity regularization, and the losses that were added, of all layers
    called within the outermost one.
    """

    scope: tuple[str, ...] = ()
    training: bool | None = None
    activity: list[Tensor] = field(default_factory=list)


_OUTSIDE = CallFrame()
_FRAME: ContextVar[CallFrame] = ContextVar("reference_impl_call_frame", default=_OUTSIDE)


def current_frame() -> CallFrame:
    """Return the innermost running call, or an empty frame outside any call."""
    return _FRAME.get()


@contextmanager
def calling(frame: CallFrame) -> Iterator[None]:
    """Make `frame` the innermost call for the duration of the block."""
    token = _FRAME.set(frame)
    try:
        yield
    finally:
        _FRAME.reset(token)
