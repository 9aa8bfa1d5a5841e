"""A module of one's own that holds a module which speaks the Keras API."""

from saveproof import reference_impl as keras

__all__ = ["keras"]
