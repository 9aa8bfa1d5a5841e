"""Arguments that several layers take, checked and brought into one form."""

from collections.abc import Sequence

from reference_impl.loading import Located


class LayerArgumentError(ValueError):
    """A layer was given an argument that it has no meaning for."""


class UnsupportedArgumentError(Located, LayerArgumentError):
    """Keras has a meaning for the argument that this implementation does not offer."""


def sizes(value: int | Sequence[int], rank: int, name: str) -> tuple[int, ...]:
    """One positive number for each of `rank` axes; a single number stands for all of them."""
    numbers = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(numbers) != rank or any(number < 1 for number in numbers):
        raise LayerArgumentError(
            f"{name}: expected a positive number or {rank} of them, found {value!r}"
        )
    return numbers


def one_of(value: str, choices: Sequence[str], name: str) -> str:
    """The value in lower case, which must be among the choices."""
    if value.lower() not in choices:
        raise LayerArgumentError(f"{name}: expected one of {sorted(choices)}, found {value!r}")
    return value.lower()


def channels_last(data_format: str | None, layer: str) -> str:
    """The only data format that windows slide over here.

    Raises:
        UnsupportedArgumentError: For channels_first, as TensorFlow itself does on a CPU.
    """
    if one_of(data_format or "channels_last", DATA_FORMATS, "data_format") == "channels_first":
        raise UnsupportedArgumentError(
            f"{layer}: data_format='channels_first' is not supported; use 'channels_last'"
        )
    return "channels_last"


DATA_FORMATS = ("channels_first", "channels_last")


def axes(axis: int | Sequence[int], rank: int, layer: str) -> list[int]:
    """The axes counted from the front, each once.

    Raises:
        LayerArgumentError: If one is out of range or is given twice.
    """
    given = [axis] if isinstance(axis, int) else list(axis)
    found = [a + rank if a < 0 else a for a in given]
    if any(not 0 <= a < rank for a in found) or len(set(found)) != len(found):
        raise LayerArgumentError(
            f"{layer}: axis: expected different axes of an input of rank {rank}, found {axis!r}"
        )
    return found
