"""Validation and normalization of arguments that several layers share."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from numbers import Integral
from typing import Any

import numpy as np

from saveproof.reference_impl import activations, constraints, initializers, regularizers
from saveproof.reference_impl.fields import Form
from saveproof.reference_impl.loading import Located


class LayerArgumentError(ValueError):
    """An argument of a layer is invalid."""


class UnsupportedArgumentError(Located, LayerArgumentError):
    """Keras accepts the argument, but this implementation does not support it."""


def check_rank(shape: Sequence[Any], rank: int, layer: str) -> None:
    """Check the number of axes of an input.

    Raises:
        LayerArgumentError: If it is not `rank`.
    """
    if len(shape) != rank:
        raise LayerArgumentError(
            f"layer {layer!r}: expected an input of rank {rank}, found {shape}"
        )


def shape_of(
    value: Iterable[int | None], name: str, *, unknown: Sequence[int | None] = (None,)
) -> tuple[Any, ...]:
    """Return a shape argument as a tuple of lengths.

    Args:
        value: the lengths, in any framework's list type.
        name: of the layer and the argument, for messages.
        unknown: values allowed for an unknown length.

    Raises:
        LayerArgumentError: If it is not a list of lengths.
    """
    found = items_of(value)
    if found is None or not all(_is_integer(size, 0) or size in unknown for size in found):
        also = f", {unknown[0]} where it is not known" if unknown else ""
        raise LayerArgumentError(
            f"{name}: expected a list or tuple of the length of each axis{also}, found {value!r}"
        )
    return tuple(found)


def length_of(value: int | None, name: str) -> int | None:
    """Return the length of one axis; None for an open length.

    Raises:
        LayerArgumentError: If it is not a non-negative integer.
    """
    if value is not None and not _is_integer(value, 0):
        raise LayerArgumentError(f"{name}: expected an integer of at least 0, found {value!r}")
    return value


def items_of(value: Any) -> list[Any] | None:
    """Return the items of any framework's list type; None for other values."""
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping | Set):
        return list(value)
    return None


def _is_integer(value: object, least: int) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least


def sizes(value: int | Sequence[int], rank: int, name: str) -> tuple[int, ...]:
    """Return one positive integer for each of `rank` axes; a single one applies to all."""
    found = [value] * rank if isinstance(value, int) else items_of(value)
    if found is None or len(found) != rank or not all(_is_integer(size, 1) for size in found):
        raise LayerArgumentError(
            f"{name}: expected one or {rank} positive integers, found {value!r}"
        )
    return tuple(found)


def at_least_one(layer: Any, name: str, value: int) -> int:
    """Return an integer argument after checking that it is positive."""
    if not _is_integer(value, 1):
        raise LayerArgumentError(f"{where(layer, name)}: expected >= 1, found {value!r}")
    return value


def given_axes(value: object, layer: str) -> int | list[int]:
    """Return an axis, or several as a list."""
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, Sequence) and all(isinstance(axis, int | np.integer) for axis in value):
        return [int(axis) for axis in value]
    raise LayerArgumentError(
        f"{layer}: axis: expected an integer or a list of integers, found {value!r}"
    )


def one_of(value: str, choices: Sequence[str], name: str) -> str:
    """Return the value in lower case after checking that it is one of the choices."""
    if value.lower() not in choices:
        raise LayerArgumentError(f"{name}: expected one of {sorted(choices)}, found {value!r}")
    return value.lower()


def channels_last(data_format: str | None, layer: str) -> str:
    """Return 'channels_last', the only data format supported by convolutions and pooling.

    Raises:
        UnsupportedArgumentError: For channels_first, which TensorFlow also rejects on a CPU.
    """
    if one_of(data_format or "channels_last", DATA_FORMATS, "data_format") == "channels_first":
        raise UnsupportedArgumentError(
            f"{layer}: data_format='channels_first' is not supported; use 'channels_last'"
        )
    return "channels_last"


DATA_FORMATS = ("channels_first", "channels_last")


def axes(axis: int | Sequence[int], rank: int, layer: str) -> list[int]:
    """Return the axes as non-negative numbers.

    Raises:
        LayerArgumentError: If one is out of range or occurs twice.
    """
    given = [axis] if isinstance(axis, int) else list(axis)
    found = [a + rank if a < 0 else a for a in given]
    if any(not 0 <= a < rank for a in found) or len(set(found)) != len(found):
        raise LayerArgumentError(
            f"{layer}: axis: expected distinct axes of an input of rank {rank}, found {axis!r}"
        )
    return found


def _named(get: Callable[[Any], Any], serialize: Callable[[Any], Any]) -> Form:
    """Return the form of an argument that is a name, an entry or an object of a catalogue."""

    def to_config(layer: Any, name: str) -> Any:
        value = getattr(layer, name)
        return None if value is None else serialize(value)

    return Form(lambda _, __, value: get(value), to_config, takes=object)


ACTIVATION = _named(activations.get, activations.serialize)
INITIALIZER = _named(initializers.get, initializers.serialize)
REGULARIZER = _named(regularizers.get, regularizers.serialize)
CONSTRAINT = _named(constraints.get, constraints.serialize)


def where(layer: Any, name: str) -> str:
    """Return the prefix of messages that names a layer and its argument."""
    return f"layer {layer.name!r}: {name}"


def _sizes(layer: Any, name: str, value: int | Sequence[int]) -> tuple[int, ...]:
    return sizes(value, layer.rank, where(layer, name))


def _padding(layer: Any, name: str, value: str) -> str:
    return one_of(value, layer.paddings, where(layer, name))


def _channels_last(layer: Any, _: str, value: str | None) -> str:
    return channels_last(value, f"layer {layer.name!r}")


def _data_format(_: Any, name: str, value: str | None) -> str:
    return one_of(value or "channels_last", DATA_FORMATS, name)


def _axes(layer: Any, _: str, value: int | Sequence[int]) -> int | list[int]:
    return given_axes(value, f"layer {layer.name!r}")


ONLY_IF_SET = Form(to_config=lambda layer, name: getattr(layer, name) or None, optional=True)
WHOLE = Form(lambda _, __, value: int(value))
SIZES = Form(_sizes, takes=int | Sequence[int])
PADDING = Form(_padding)
CHANNELS_LAST = Form(_channels_last, takes=str | None)
DATA_FORMAT = Form(_data_format, takes=str | None)
AXES = Form(_axes, takes=int | Sequence[int])
