"""The arguments of a symbolic call beside its inputs, to and from a graph's configuration."""

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import numpy as np

from reference_impl.autodiff import Tensor
from reference_impl.layers.base import KerasTensor
from reference_impl.nest import map_leaves


def plain_argument(argument: Any, address: Callable[[KerasTensor], list[Any]]) -> Any:
    """Return an argument as tf_keras writes it: addresses for tensors, lists for arrays."""

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
    """Return the arguments with the tensors in place of their addresses."""
    if isinstance(argument, Mapping):
        return {key: with_tensors(item, named) for key, item in argument.items()}
    if not isinstance(argument, list):
        return argument
    address = tuple(argument) if all(isinstance(item, str | int) for item in argument) else ()
    if address in named:
        return named[address]
    return [with_tensors(item, named) for item in argument]


def keras_3_argument(argument: Any) -> Any:
    """Return an argument of Keras 3 with addresses of tensors, as tf_keras has them, and arrays."""
    if isinstance(argument, list):
        return [keras_3_argument(item) for item in argument]
    if not isinstance(argument, Mapping):
        return argument
    kind = argument.get("class_name")
    if kind == "__keras_tensor__":
        return list(argument["config"]["keras_history"])
    if kind == "__numpy__":
        return np.array(argument["config"]["value"], argument["config"]["dtype"])
    return {key: keras_3_argument(item) for key, item in argument.items()}
