"""Keras's namespace `keras.backend`, as far as programs that save models use it."""

from saveproof.reference_impl.layers.policy import FLOATX
from saveproof.reference_impl.naming import clear_session

__all__ = ["clear_session", "floatx"]


def floatx() -> str:
    """Return the dtype of weights that were given none."""
    return FLOATX
