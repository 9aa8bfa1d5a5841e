"""Arrays of training data with equal numbers of samples, and their batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saveproof.reference_impl.engine.errors import DataMismatch, EmptyLoop
from saveproof.reference_impl.layers.policy import FLOATX, is_floating
from saveproof.reference_impl.nest import Nested, leaves, map_leaves
from saveproof.reference_impl.numerics.autodiff import Tensor, cast, reshape

DEFAULT_BATCH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Rows:
    """Inputs, targets and sample weights whose first axis is the sample."""

    x: Nested
    y: Nested = None
    sample_weight: Nested = None

    def __len__(self) -> int:
        return len(next(leaves(self.x)))

    def __getitem__(self, index: "slice | np.ndarray") -> "Rows":
        def cut(structure: Nested) -> Nested:
            return map_leaves(lambda leaf: None if leaf is None else leaf[index], structure)

        return Rows(cut(self.x), cut(self.y), cut(self.sample_weight))


def rows_of(
    x: Nested,
    y: Nested = None,
    sample_weight: Nested = None,
) -> Rows:
    """Return the data as arrays, with floating-point numbers in float32 as in Keras.

    Raises:
        DataMismatch: if the numbers of samples differ.
    """
    rows = Rows(*(_arrays(structure) for structure in (x, y, sample_weight)))
    lengths = {
        len(leaf)
        for part in (rows.x, rows.y, rows.sample_weight)
        for leaf in leaves(part)
        if leaf is not None
    }
    if len(lengths) != 1:
        raise DataMismatch(
            f"data: expected equally many samples in x, y and sample_weight, "
            f"found {sorted(lengths)}"
        )
    return rows


def _arrays(structure: Nested) -> Nested:
    """Return the structure with each leaf and each list of numbers as an array."""
    if isinstance(structure, dict):
        return {key: _arrays(item) for key, item in structure.items()}
    if isinstance(structure, list | tuple) and not _of_numbers(structure):
        return type(structure)(_arrays(item) for item in structure)
    return _array(structure)


def _of_numbers(structure: Nested) -> bool:
    while isinstance(structure, list | tuple) and structure:
        structure = structure[0]
    return isinstance(structure, bool | int | float | str | np.generic)


def _array(value: Any) -> np.ndarray | None:
    if value is None:
        return None
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataMismatch(f"data: expected numbers of one shape, found {error}") from error
    if array.dtype == np.object_ or not array.ndim:
        raise DataMismatch(
            f"data: expected arrays, lists of numbers, or an iterable of batches, found "
            f"{value!r:.80} of type {type(value).__name__}"
        )
    if is_floating(array.dtype) and str(array.dtype) != FLOATX:
        return array.astype(FLOATX)
    return array


def weighted_by_class(rows: Rows, class_weight: Mapping[int, float] | None) -> Rows:
    """Return the rows with sample weights multiplied by the weights of the samples' classes.

    Raises:
        DataMismatch: if a class has no weight, or the model has several outputs.
    """
    if class_weight is None:
        return rows
    if not isinstance(rows.y, np.ndarray):
        raise DataMismatch("class_weight: expected a model with a single output")
    # Targets are one-hot columns or class numbers.
    if rows.y.ndim == 2 and rows.y.shape[-1] > 1:
        classes = np.argmax(rows.y, axis=1)
    else:
        classes = rows.y.reshape(len(rows.y)).astype(np.int64)
    missing = sorted({int(number) for number in classes} - set(class_weight))
    if missing:
        raise DataMismatch(
            f"class_weight: expected a weight for every class, found none for {missing}"
        )
    weights = np.array([class_weight[int(number)] for number in classes], FLOATX)
    own = 1 if rows.sample_weight is None else rows.sample_weight
    return Rows(rows.x, rows.y, weights * own)


def batch_size_of(rows: Rows | None, given: int | None) -> int:
    """Return the number of samples per batch, 32 by default.

    Raises:
        EmptyLoop: if there are no samples, or the number is not positive.
    """
    if rows is not None and not len(rows):
        raise EmptyLoop("data: expected at least one sample, found none")
    return positive("batch_size", DEFAULT_BATCH_SIZE if given is None else given)


def positive(argument: str, number: int) -> int:
    """Return the number after checking it.

    Raises:
        EmptyLoop: if it is below 1; names the argument.
    """
    if number < 1:
        raise EmptyLoop(f"{argument}: expected a positive number, found {number!r}")
    return number


def batches(rows: Rows, batch_size: int, order: np.ndarray | None = None) -> Iterator[Rows]:
    """Yield batches in the given order of samples, by default unshuffled; the last may be short."""
    for start in range(0, len(rows), batch_size):
        part = slice(start, start + batch_size)
        yield rows[part] if order is None else rows[order[part]]


def split_validation(
    rows: Rows, validation_data: Sequence[Nested] | None, validation_split: float
) -> tuple[Rows, Rows | None]:
    """Return the rows for training and those for validation, or None.

    Without `validation_data`, the last fraction `validation_split` of the rows is for validation.
    """
    if validation_data is not None:
        return rows, _rows_of_validation(validation_data)
    return _split(rows, validation_split) if validation_split else (rows, None)


def _split(rows: Rows, fraction: float) -> tuple[Rows, Rows]:
    at = int(np.floor(len(rows) * (1.0 - fraction)))
    if at in (0, len(rows)):
        raise DataMismatch(
            f"validation_split={fraction!r}: expected samples for training and for validation, "
            f"found {at} of {len(rows)} for training"
        )
    return rows[:at], rows[at:]


def _rows_of_validation(data: Sequence[Nested]) -> Rows:
    if not isinstance(data, list | tuple) or len(data) not in (2, 3):
        raise DataMismatch("validation_data: expected (x, y) or (x, y, sample_weight)")
    return rows_of(*data)


def tensor_of(value: Any) -> Tensor | None:
    """Return the value as a tensor; None for None."""
    return None if value is None else Tensor(value)


def matched_targets(
    target: Tensor, prediction: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Return targets and weights with the rank of the predictions.

    Targets are cast to the dtype of the predictions if both or neither are floating-point.
    """
    flat = len(prediction.shape) == 2
    if flat and len(target.shape) == 1:
        target = reshape(target, (-1, 1))
    if is_floating(target.dtype) == is_floating(prediction.dtype):
        target = cast(target, prediction.dtype)
    if weight is None:
        return target, None
    if flat and len(weight.shape) == 1:
        weight = reshape(weight, (-1, 1))
    return target, cast(weight, prediction.dtype)


def joined(parts: Sequence[Nested]) -> Nested:
    """Return the outputs of all batches concatenated to one array per output."""
    flat = zip(*(leaves(part) for part in parts), strict=True)
    arrays = iter([np.concatenate([tensor.value for tensor in output]) for output in flat])
    return map_leaves(lambda _: next(arrays), parts[0])


def reported(logs: dict[str, Any], *, return_dict: bool) -> Any:
    """Return a batch's logs by name, or as a list of values; a single value without a list."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def pseudo_names(count: int) -> list[str]:
    """Return default names `output_1`… for the outputs of a subclassed model."""
    return [f"output_{number}" for number in range(1, count + 1)]
