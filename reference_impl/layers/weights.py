"""Weights: lists of them, assigned all or none, each once; and their numbers as files have them."""

from collections.abc import Sequence

import ml_dtypes
import numpy as np

from saveproof.reference_impl.numerics.autodiff import Variable

OPAQUE = np.dtype("V2")
"""What HDF5 has of bfloat16: two bytes a number, with no word of what they are."""


def assign_all(where: str, variables: Sequence[Variable], values: Sequence[np.ndarray]) -> None:
    """Assign each value to its variable once all are known to fit.

    Raises:
        ValueError: naming `where`, the variable, the expected and the found shape; nothing changed.
    """
    if len(variables) != len(values):
        raise ValueError(f"{where}: expected {len(variables)} weights, found {len(values)}")
    for variable, value in zip(variables, values, strict=True):
        if tuple(variable.shape) != tuple(value.shape):
            raise ValueError(
                f"{where}: weight {variable.name!r} has shape {tuple(variable.shape)}, "
                f"found an array of shape {tuple(value.shape)}"
            )
    # All are copied, in their variables' dtypes, before one is given.
    copies = [
        np.array(value, variable.dtype, order="C")
        for variable, value in zip(variables, values, strict=True)
    ]
    for variable, copy in zip(variables, copies, strict=True):
        variable.adopt(copy)


def each_once(variables: Sequence[Variable]) -> list[Variable]:
    """Return the variables in order, each only once."""
    return list({id(variable): variable for variable in variables}.values())


def numbers(value: np.ndarray) -> np.ndarray:
    """Return an array of a file with opaque bytes as the bfloat16 numbers that they are."""
    return value.view(ml_dtypes.bfloat16) if value.dtype == OPAQUE else value
