"""Lists of weights: assigned all or none, each once."""

from collections.abc import Sequence

import numpy as np

from reference_impl.autodiff import Variable


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
