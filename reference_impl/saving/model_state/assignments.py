"""Which variable takes which array: all are made ready before the first is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from saveproof.reference_impl.layers.policy import is_floating
from saveproof.reference_impl.layers.weights import numbers
from saveproof.reference_impl.loading import LoadError
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.state import Array, array_of

Assignments = list[tuple[Variable, np.ndarray]]


class WeightsMismatch(LoadError):
    """The weights do not fit the model; the layer and both shapes are named. Nothing changed."""


def assignment(
    variable: Variable, name: str, value: Array, where: str
) -> tuple[Variable, np.ndarray]:
    """Return the variable with the array that it takes: in its dtype, and made for it alone.

    Args:
        variable: of the model or its optimizer.
        name: of the array.
        value: as the file has it; it is read once its shape is found to fit.
        where: of what it is, for messages.

    Raises:
        WeightsMismatch: if it is of another shape, or its numbers are none of the variable's dtype.
    """
    if variable.shape != value.shape:
        raise WeightsMismatch(
            f"{where}: weight {variable.name!r} has shape {variable.shape}, found {name!r} of "
            f"shape {value.shape}; nothing was changed"
        )
    found = numbers(array_of(value))
    same_kind = found.dtype.kind == variable.dtype.kind
    if found.dtype.kind in "fiub" or is_floating(found.dtype) or found.dtype == variable.dtype:
        with np.errstate(all="ignore"):
            converted = variable.converted(found)
            if same_kind or is_floating(variable.dtype) or np.array_equal(converted, found):
                return variable, converted
    raise WeightsMismatch(
        f"{where}: weight {variable.name!r} of dtype {variable.dtype} can't take {name!r} of "
        f"dtype {found.dtype}; nothing was changed"
    )


def commit(changes: Assignments) -> None:
    """Give every variable its array: nothing is converted here, so that nothing fails half-way."""
    for variable, value in changes:
        variable.adopt(value)


@contextmanager
def undone_if_raised(*objects: Any) -> Iterator[None]:
    """Give the objects back their attributes as they were, if the block raises.

    Lists and dictionaries are as they were, too; the values of variables are not looked at.
    """
    before = [(one, {name: _copied(value) for name, value in vars(one).items()}) for one in objects]
    try:
        yield
    except BaseException:
        for one, attributes in before:
            vars(one).clear()
            vars(one).update(attributes)
        raise


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, list | dict | set) else value
