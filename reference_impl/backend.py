"""`keras.backend`: the functions that programs use to save models."""

from saveproof.reference_impl.layers.policy import FLOATX
from saveproof.reference_impl.naming import clear_session

__all__ = ["clear_session", "floatx"]


def floatx() -> str:
    """Return the default dtype of weights."""
    return FLOATX
