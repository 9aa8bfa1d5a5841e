"""The signature of a layer's `call`: positional arguments after the inputs, and `training`."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any


@cache
def parameters(call: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a function by name."""
    return inspect.signature(call).parameters


@cache
def positions(call: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of an unbound `call`'s positional arguments after `self` and the inputs."""
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(one.name for one in parameters(call).values() if one.kind in by_position)[2:]


def takes_training(call: Callable[..., Any], training: bool | None) -> bool:  # noqa: FBT001 (a value that is passed on)
    """Return whether to pass the flag to `call`: None only if `training` has no default."""
    parameter = parameters(call).get("training")
    return parameter is not None and (training is not None or parameter.default is parameter.empty)


@cache
def takes_mask(call: Callable[..., Any]) -> bool:
    """Return whether `call` takes the mask of the inputs."""
    return "mask" in parameters(call)


def by_name(
    given: Sequence[Any], names: Sequence[str], arguments: Mapping[str, Any], *, where: str
) -> dict[str, Any]:
    """Return all arguments of a call by name, after the inputs.

    Args:
        given: the positional values.
        names: of the positional arguments.
        arguments: the keyword arguments.
        where: the called layer, for messages.

    Raises:
        TypeError: if there are more values than names, or an argument is given twice.
    """
    if len(given) > len(names):
        raise TypeError(
            f"{where}: expected at most {len(names)} positional arguments after the inputs, "
            f"{list(names)}, found {len(given)}"
        )
    found = dict(zip(names, given, strict=False))
    if twice := sorted(set(found) & set(arguments)):
        raise TypeError(f"{where}: expected each argument once, found {twice} by position and name")
    return {**found, **arguments}
