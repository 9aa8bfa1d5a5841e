"""Training data: arrays, or batches from a generator, dataset or sequence."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from saveproof.reference_impl.engine import batches as arrays
from saveproof.reference_impl.engine.batches import Rows, rows_of, weighted_by_class
from saveproof.reference_impl.engine.errors import DataMismatch, EmptyLoop
from saveproof.reference_impl.nest import Nested
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable
from saveproof.reference_impl.random import process_generator

_LOGGER = logging.getLogger(__name__)

ARRAYS = (str, bytes, list, tuple, Mapping, Tensor, Variable)


@dataclass(slots=True)
class Stream:
    """Batches from an iterable: each x, (x, y) or (x, y, sample_weight).

    Attributes:
        source: the iterable; an iterator continues in each epoch where the previous one ended.
        steps: batches per epoch; by default all.
        class_weight: as given to `fit`.
    """

    source: Iterable[Any]
    steps: int | None = None
    class_weight: Mapping[int, float] | None = None
    _begun: bool = False

    def epoch(self) -> Iterator[Rows]:
        """Yield an epoch's batches; log a warning if the source ends early.

        Raises:
            EmptyLoop: if the first epoch has no batch.
        """
        number = 0
        for batch in self._taken():
            number += 1
            yield weighted_by_class(rows_of(*_parts(batch)), self.class_weight)
        if not number and not self._begun:
            raise EmptyLoop("data: expected at least one batch, found none")
        if number < (self.steps or 1):
            _LOGGER.warning("data: ran out after %d of %s batches", number, self.steps or "the")
        self._begun = True

    def _taken(self) -> Iterator[Any]:
        given = iter(self.source)
        if self.steps is None:
            yield from given
            return
        # Take no more than this epoch uses: the next one continues from there.
        for _, batch in zip(range(self.steps), given, strict=False):
            yield batch


def _parts(batch: Any) -> tuple[Any, ...]:
    if not isinstance(batch, tuple):
        return (batch,)
    if not 1 <= len(batch) <= 3:
        raise DataMismatch(
            "data: expected batches of x, (x, y) or (x, y, sample_weight), found a tuple of "
            f"{len(batch)}"
        )
    return batch


Data = Rows | Stream


def data_of(
    x: Nested, y: Nested = None, sample_weight: Nested = None, *, steps: int | None = None
) -> Data:
    """Return arrays as rows and an iterable as a stream.

    Raises:
        DataMismatch: if targets are given beside batches, or `steps` beside arrays.
    """
    own = isinstance(x, Iterable) and not isinstance(x, ARRAYS)
    if own and getattr(x, "__array__", None) is None:
        if y is not None or sample_weight is not None:
            raise DataMismatch(
                f"data: x provides batches ({type(x).__name__}): expected targets and sample "
                "weights in them, as (x, y, sample_weight), found y or sample_weight as arguments"
            )
        return Stream(x, steps)
    if steps is not None:
        raise DataMismatch(
            f"data: expected no number of steps for arrays, found {steps!r}; pass batch_size"
        )
    return rows_of(x, y, sample_weight)


def weighted(data: Data, class_weight: Mapping[int, float] | None) -> Data:
    """Return the data with sample weights multiplied by the weights of the samples' classes."""
    if isinstance(data, Stream):
        return replace(data, class_weight=class_weight)
    return weighted_by_class(data, class_weight)


def split_validation(
    data: Data,
    validation_data: Any,
    validation_split: float,
    validation_steps: int | None,
) -> tuple[Data, Data | None]:
    """Return the data for training and the data for validation, or None."""
    if validation_data is not None and not isinstance(validation_data, Sequence):
        return data, data_of(validation_data, steps=validation_steps)
    if isinstance(data, Rows):
        return arrays.split_validation(data, validation_data, validation_split)
    if validation_split:
        raise DataMismatch("validation_split: expected arrays to take samples from, found batches")
    return data, None if validation_data is None else data_of(*validation_data)


def batch_size_of(data: Data | None, given: int | None) -> int:
    """Return the number of samples per batch of arrays; a stream ignores it.

    Raises:
        EmptyLoop: if there are no samples, or the number is not positive.
    """
    return arrays.batch_size_of(None if isinstance(data, Stream) else data, given)


def batches(data: Data, batch_size: int, *, shuffle: bool = False) -> Iterator[Rows]:
    """Yield batches; with `shuffle`, arrays in a new random order."""
    if isinstance(data, Stream):
        return data.epoch()
    order = process_generator().permutation(len(data)) if shuffle else None
    return arrays.batches(data, batch_size, order)
