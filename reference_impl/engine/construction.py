"""How a model was made: of tensors that its class was given, or of a graph that its class makes.

In the second case its configuration is the arguments of the constructor, as in tf_keras, if they
are plain.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.symbolic import KerasTensor
from saveproof.reference_impl.nest import leaves, map_leaves
from saveproof.reference_impl.plain import is_ours

GRAPH = frozenset({"inputs", "outputs", "name", "trainable", "dtype"})
"""The arguments that every functional model is made of."""

PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Construction:
    """What a class was called with.

    Attributes:
        of_tensors: whether symbolic tensors were among it.
        own: the class's own arguments, by name.
        plain: whether a configuration can hold these.
    """

    of_tensors: bool = True
    own: Mapping[str, Any] = field(default_factory=dict)
    plain: bool = True


def construction(
    constructor: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Construction:
    """Return what a class of the user's is called with, by its constructor's names."""
    if is_ours(constructor):
        return Construction()
    try:
        bound = inspect.signature(constructor).bind(None, *args, **kwargs)
    except TypeError:  # The constructor itself is about to say so.
        return Construction()
    _, *given = bound.arguments.items()
    named: dict[str, Any] = {}
    nameless: tuple[Any, ...] = ()
    for name, value in given:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            nameless = value
        else:
            named |= value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    every = [*leaves(list(named.values())), *leaves(nameless)]
    of_tensors = any(isinstance(leaf, KerasTensor) for leaf in every)
    common = GRAPH if of_tensors else {"name", "trainable"}
    own = {name: map_leaves(_number, value) for name, value in named.items() if name not in common}
    plain = all(isinstance(leaf, PLAIN) for leaf in leaves(list(own.values())))
    return Construction(of_tensors, own, plain and (of_tensors or not nameless))


def _number(leaf: Any) -> Any:
    return leaf.item() if isinstance(leaf, np.generic) else leaf


def takes(constructor: Callable[..., Any], *names: str, exactly: bool = False) -> bool:
    """Return whether a constructor takes these arguments; among `**kwargs`, unless `exactly`."""
    parameters = inspect.signature(constructor).parameters
    kind = inspect.Parameter.VAR_POSITIONAL if exactly else inspect.Parameter.VAR_KEYWORD
    open_ended = any(one.kind is kind for one in parameters.values())
    return open_ended or set(names) <= set(parameters)


def check_arguments(model: Layer, made: Construction) -> None:
    """Refuse arguments that the configuration of a functional model does not hold.

    Raises:
        NotImplementedError: if there are any.
    """
    if not made.plain or (made.own and not model.makes_own_graph):
        raise NotImplementedError(
            f"model {model.name!r}: {type(model).__name__} took the arguments {sorted(made.own)} "
            "and must state get_config() to be saved"
        )


def own_arguments(
    constructor: Callable[..., Any], made: Construction, named: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the configuration of a class that makes its graph; `named` if it takes them."""
    taken = {name: value for name, value in named.items() if takes(constructor, name)}
    return {**taken, **(made.own if made.plain else {})}


def check_takes(kind: Any, config: Mapping[str, Any]) -> None:
    """Refuse a class that can't be given the graph of a configuration.

    Raises:
        TypeError: if its constructor takes no inputs and outputs.
    """
    if not takes(kind.__init__, "inputs", "outputs", "name"):
        raise TypeError(
            f"model {config.get('name')!r}: the configuration describes a graph, but the "
            f"constructor of {kind.__name__} takes no inputs and outputs: load it without the "
            "class, or let the class state get_config() and from_config()"
        )
