"""What a layer's `call` takes beside its inputs: which argument a value by position is."""

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
    """Return the names of what an unbound `call` takes by position after `self` and the inputs."""
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(one.name for one in parameters(call).values() if one.kind in by_position)[2:]


def takes_training(call: Callable[..., Any], training: bool | None) -> bool:  # noqa: FBT001 (a value that is passed on)
    """Say whether `call` is to be told this flag: None only where it has no default for it."""
    parameter = parameters(call).get("training")
    return parameter is not None and (training is not None or parameter.default is parameter.empty)


def by_name(
    given: Sequence[Any], names: Sequence[str], arguments: Mapping[str, Any], *, where: str
) -> dict[str, Any]:
    """Return the arguments of a call with those that were given by position.

    Args:
        given: the values by position after the inputs.
        names: of what the call takes there.
        arguments: those that were given by name.
        where: what is called, for the message.

    Raises:
        TypeError: if there are more values than names, or an argument is given twice.
    """
    if len(given) > len(names):
        raise TypeError(
            f"{where}: expected at most {len(names)} values by position after the inputs, "
            f"{list(names)}, found {len(given)}"
        )
    found = dict(zip(names, given, strict=False))
    if twice := sorted(set(found) & set(arguments)):
        raise TypeError(f"{where}: {twice} are given by position and by name")
    return {**found, **arguments}
