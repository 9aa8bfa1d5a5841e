"""Constructor arguments of functional models: given tensors, or a subclass that builds a graph.

As in tf_keras, the configuration of such a subclass is its constructor's arguments, if they are
plain.
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
"""The constructor arguments of every functional model."""

PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Construction:
    """The arguments that a model's constructor was called with.

    Attributes:
        of_tensors: whether symbolic tensors are among them.
        own: the arguments that the subclass adds, by name.
        plain: whether a configuration can store the latter.
    """

    of_tensors: bool = True
    own: Mapping[str, Any] = field(default_factory=dict)
    plain: bool = True


def construction(
    constructor: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Construction:
    """Return the arguments that a user's class is called with, by name."""
    if is_ours(constructor):
        return Construction()
    try:
        bound = inspect.signature(constructor).bind(None, *args, **kwargs)
    except TypeError:  # The constructor itself raises the error.
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
    """Return whether a constructor takes these arguments, by `**kwargs` too unless `exactly`."""
    parameters = inspect.signature(constructor).parameters
    kind = inspect.Parameter.VAR_POSITIONAL if exactly else inspect.Parameter.VAR_KEYWORD
    open_ended = any(one.kind is kind for one in parameters.values())
    return open_ended or set(names) <= set(parameters)


def check_arguments(model: Layer, made: Construction) -> None:
    """Check that the configuration of a functional model stores all constructor arguments.

    Raises:
        NotImplementedError: if the subclass takes further arguments.
    """
    if not made.plain or (made.own and not model.makes_own_graph):
        raise NotImplementedError(
            f"model {model.name!r}: {type(model).__name__} takes the arguments {sorted(made.own)}; "
            "to save it, define get_config()"
        )


def own_arguments(
    constructor: Callable[..., Any], made: Construction, named: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the configuration of a class that builds its graph, with `named` if it takes them."""
    taken = {name: value for name, value in named.items() if takes(constructor, name)}
    return {**taken, **(made.own if made.plain else {})}


def check_takes(kind: Any, config: Mapping[str, Any]) -> None:
    """Check that a class can be constructed from the graph of a configuration.

    Raises:
        TypeError: if its constructor takes no inputs and outputs.
    """
    if not takes(kind.__init__, "inputs", "outputs", "name"):
        raise TypeError(
            f"model {config.get('name')!r}: the configuration describes a graph, but the "
            f"constructor of {kind.__name__} takes no inputs and outputs; load it without the "
            "class, or define get_config() and from_config() in the class"
        )
