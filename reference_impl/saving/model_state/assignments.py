"""Atomic assignment of arrays to variables: all arrays are converted before the first is set."""

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
    """The weights do not match the model, which is unchanged; names the layer and both shapes."""


def assignment(
    variable: Variable, name: str, value: Array, where: str
) -> tuple[Variable, np.ndarray]:
    """Return the variable and its new array: converted to its dtype, and not shared.

    Args:
        variable: of the model or its optimizer.
        name: of the array.
        value: from the file; it is read after its shape is checked.
        where: the layer or object, for messages.

    Raises:
        WeightsMismatch: if the shape differs, or the dtypes are incompatible.
    """
    if variable.shape != value.shape:
        raise WeightsMismatch(
            f"{where}: weight {variable.name!r}: expected shape {variable.shape}, found {name!r} "
            f"of shape {value.shape}; nothing was changed"
        )
    found = numbers(array_of(value))
    same_kind = found.dtype.kind == variable.dtype.kind
    if found.dtype.kind in "fiub" or is_floating(found.dtype) or found.dtype == variable.dtype:
        with np.errstate(all="ignore"):
            converted = variable.converted(found)
            if same_kind or is_floating(variable.dtype) or np.array_equal(converted, found):
                return variable, converted
    raise WeightsMismatch(
        f"{where}: weight {variable.name!r}: expected dtype {variable.dtype}, found {name!r} of "
        f"incompatible dtype {found.dtype}; nothing was changed"
    )


def commit(changes: Assignments) -> None:
    """Set every variable to its array, without conversions that could fail half-way."""
    for variable, value in changes:
        variable.adopt(value)


@contextmanager
def undone_if_raised(*objects: Any) -> Iterator[None]:
    """Restore the attributes of the objects if the block raises.

    This includes the items of lists and dictionaries, but not the values of variables.
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
