"""Atomic assignment of lists of weights, and bfloat16 arrays from files."""

from collections.abc import Sequence

import ml_dtypes
import numpy as np

from saveproof.reference_impl.numerics.autodiff import Variable

OPAQUE = np.dtype("V2")
"""The dtype of bfloat16 arrays in HDF5: two opaque bytes per number."""


def assign_all(where: str, variables: Sequence[Variable], values: Sequence[np.ndarray]) -> None:
    """Assign each value to its variable, or none if one does not match.

    Raises:
        ValueError: naming `where`, the variable, the expected and the found shape.
    """
    if len(variables) != len(values):
        raise ValueError(f"{where}: expected {len(variables)} weights, found {len(values)}")
    for variable, value in zip(variables, values, strict=True):
        if tuple(variable.shape) != tuple(value.shape):
            raise ValueError(
                f"{where}: weight {variable.name!r}: expected shape {tuple(variable.shape)}, "
                f"found {tuple(value.shape)}"
            )
    # Copy all values in their variables' dtypes before assigning the first.
    copies = [
        np.array(value, variable.dtype, order="C")
        for variable, value in zip(variables, values, strict=True)
    ]
    for variable, copy in zip(variables, copies, strict=True):
        variable.adopt(copy)


def each_once(variables: Sequence[Variable]) -> list[Variable]:
    """Return the variables in order without duplicates."""
    return list({id(variable): variable for variable in variables}.values())


def numbers(value: np.ndarray) -> np.ndarray:
    """Return an array from a file, with opaque two-byte elements as bfloat16."""
    return value.view(ml_dtypes.bfloat16) if value.dtype == OPAQUE else value
