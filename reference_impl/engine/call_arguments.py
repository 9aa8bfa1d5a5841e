"""Serialization of a symbolic call: the inputs and other arguments of a node in a graph."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.engine.graph_checks import is_address, map_addresses
from saveproof.reference_impl.layers.symbolic import KerasTensor
from saveproof.reference_impl.loading import MalformedEntry
from saveproof.reference_impl.nest import map_leaves
from saveproof.reference_impl.numerics.autodiff import Tensor
from saveproof.reference_impl.plain import with_arrays


def plain_argument(argument: Any, address: Callable[[KerasTensor], list[Any]]) -> Any:
    """Return an argument in tf_keras's form: addresses for tensors, lists for arrays."""

    def plain(leaf: Any) -> Any:
        if isinstance(leaf, KerasTensor):
            return address(leaf)
        array = leaf.value if isinstance(leaf, Tensor) else leaf
        return array.tolist() if isinstance(array, np.ndarray) else leaf

    return map_leaves(plain, argument)


def addresses_in(argument: Any, names: Container[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the addresses of tensors among a call's other arguments."""
    if isinstance(argument, Mapping):
        for item in argument.values():
            yield from addresses_in(item, names)
    elif isinstance(argument, list):
        if _is_address_of(argument, names):
            yield tuple(argument)
        else:
            for item in argument:
                yield from addresses_in(item, names)


def _is_address_of(item: list[Any], names: Container[str]) -> bool:
    exact = len(item) == 3 and isinstance(item[0], str) and item[0] in names
    return exact and all(type(number) is int for number in item[1:])


def with_tensors(argument: Any, named: Mapping[tuple[Any, ...], KerasTensor | None]) -> Any:
    """Return the arguments with tensors instead of their addresses."""
    if isinstance(argument, Mapping):
        return {key: with_tensors(item, named) for key, item in argument.items()}
    if not isinstance(argument, list):
        return argument
    address = tuple(argument) if all(isinstance(item, str | int) for item in argument) else ()
    if address in named:
        return named[address]
    return [with_tensors(item, named) for item in argument]


def call_of(node: Any, names: Sequence[str] = ()) -> tuple[Any, dict[str, Any]]:
    """Return the address of a call's input, or a list of addresses, and its other arguments.

    `names` are those of the layer's positional arguments after the inputs.

    Raises:
        MalformedEntry: if Keras 3's form has more positional arguments.
    """
    if _is_keras_3_call(node):
        first, *others = node["args"]
        if len(others) > len(names):
            raise MalformedEntry(
                f"expected at most {1 + len(names)} positional arguments, "
                f"found {node['args']!r:.200}"
            )
        named = {**(node.get("kwargs") or {}), **dict(zip(names, others, strict=False))}
        arguments = {
            key: _keras_3_argument(with_arrays(value))
            for key, value in named.items()
            if value is not None
        }
        return _keras_3_address(first), arguments
    given: dict[str, Any] = {}

    def address(item: Sequence[Any]) -> Any:
        given.update(item[3] if len(item) > 3 else {})
        return item[:3]

    addresses = map_addresses(address, node)
    alone = isinstance(addresses, list) and len(addresses) == 1
    return (addresses[0] if alone else addresses), given


def _is_keras_3_call(node: Any) -> bool:
    return isinstance(node, Mapping) and "args" in node and not is_address(node["args"])


def _keras_3_address(argument: Any) -> Any:
    if isinstance(argument, Mapping) and "config" in argument:
        return list(argument["config"]["keras_history"])
    return [_keras_3_address(item) for item in argument]


def _keras_3_argument(argument: Any) -> Any:
    """Return a Keras 3 argument with the addresses of tensors in tf_keras's form."""
    if isinstance(argument, list):
        return [_keras_3_argument(item) for item in argument]
    if not isinstance(argument, Mapping):
        return argument
    if argument.get("class_name") == "__keras_tensor__":
        return list(argument["config"]["keras_history"])
    return {key: _keras_3_argument(item) for key, item in argument.items()}
