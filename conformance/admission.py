"""What a run refuses before anything runs: numbers and names that it can't be made of."""

from collections.abc import Mapping, Sequence, Set
from math import isfinite


class OutOfRange(ValueError):
    """A number that no run can be made with."""


class Unknown(LookupError):
    """A name of something that there is not."""


def refuse_numbers(above_zero: Mapping[str, float | None], *, shrink: float = 0.0) -> None:
    """Refuse numbers, by what they are, that are no finite number above 0; None is no number.

    Raises:
        OutOfRange: one is not; or `shrink`, which may be 0, is below or not finite.
    """
    for what, number in above_zero.items():
        if number is not None and not (isfinite(number) and number > 0):
            raise OutOfRange(f"{what}: expected a number above 0, found {number}")
    if not (isfinite(shrink) and shrink >= 0):
        raise OutOfRange(f"shrink: expected a number of 0 or above, found {shrink}")


def refuse_unknown(what: str, wanted: Sequence[str], known: Set[str]) -> None:
    """Refuse names that are not among the known ones.

    Raises:
        Unknown: one is not; the message lists those that are.
    """
    unknown = sorted(set(wanted) - known)
    if unknown:
        raise Unknown(f"unknown {what} {', '.join(unknown)}; expected one of {sorted(known)}")
