"""Conversion of NumPy scalars, arrays and dtypes to Python numbers, lists and names.

Constructors of built-in classes convert their arguments, so that a configuration stores the values
that the object computes with.
"""

import inspect
import json
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

ARRAY = "__numpy__"
"""The class of an array in a configuration, as tf_keras and Keras 3 write it."""


def plain(value: Any) -> Any:
    """Return NumPy scalars, arrays and dtypes, also inside containers, as plain Python values.

    A value without any of them, and the serialized entry of an object, is returned unchanged.

    >>> plain((np.int64(3), np.dtype("float32"), None))
    (3, 'float32', None)
    """
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic | np.dtype | type):
        return _plain_scalar(value)
    if type(value) in (list, tuple):
        items = [plain(item) for item in value]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return type(value)(items) if changed else value
    if type(value) is dict and "class_name" not in value:
        entries = {plain(key): plain(item) for key, item in value.items()}
        changed = any(
            new is not old
            for pair, other in zip(entries.items(), value.items(), strict=True)
            for new, old in zip(pair, other, strict=True)
        )
        return entries if changed else value
    return value


def _plain_scalar(value: Any) -> Any:
    """Return a NumPy scalar or dtype as a Python number or string; other values unchanged."""
    if isinstance(value, type):
        return np.dtype(value).name if issubclass(value, np.generic) else value
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, np.floating) or value.dtype.name == "bfloat16":
        return float(value)
    return value.item()


def plain_but_arrays(value: Any) -> Any:
    """Return a NumPy number as a Python number; other values, such as arrays, unchanged."""
    return plain(value) if isinstance(value, np.generic | np.ndarray) and not value.ndim else value


def with_plain_arguments(*, arrays: Collection[str] = ()) -> Callable[[Function], Function]:
    """Return a decorator that converts a function's arguments with `plain`, except `arrays`."""

    def decorated(function: Function) -> Function:
        ways = [plain_but_arrays if name in arrays else plain for name in _names(function)]

        @wraps(function)
        def taking(*args: Any, **kwargs: Any) -> Any:
            more = [plain] * (len(args) - len(ways))
            given = [way(value) for way, value in zip([*ways, *more], args, strict=False)]
            named = {
                name: plain_but_arrays(value) if name in arrays else plain(value)
                for name, value in kwargs.items()
            }
            return function(*given, **named)

        return cast("Function", taking)

    return decorated


def _names(function: Callable[..., Any]) -> list[str]:
    """Return the names of the positional arguments."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = inspect.signature(function).parameters.values()
    return [parameter.name for parameter in given if parameter.kind in kinds]


def is_ours(item: Any) -> bool:
    """Return whether a class or function belongs to this package rather than to user code."""
    return bool(item.__module__.startswith(f"{__package__}."))


def json_text(value: Any, **arguments: Any) -> str:
    """Return a configuration as JSON text, arrays as entries of the class `__numpy__`."""
    return json.dumps(value, default=_json_value, **arguments)


def _json_value(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim:
        return array_entry(value)
    found = plain(value)
    if found is value:
        raise TypeError(
            f"configuration: expected values that JSON can represent, found {value!r:.200} of type "
            f"{type(value).__name__}; return such values from get_config()"
        )
    return found


def array_entry(array: np.ndarray) -> dict[str, Any]:
    """Return the configuration entry of an array."""
    return {
        "class_name": ARRAY,
        "config": {"value": array.tolist(), "dtype": array.dtype.name},
    }


def with_arrays(config: Any) -> Any:
    """Return a configuration in which arrays replace their entries."""
    if isinstance(config, Mapping):
        if config.get("class_name") == ARRAY and isinstance(config.get("config"), Mapping):
            return _array(config["config"])
        return {key: with_arrays(value) for key, value in config.items()}
    if isinstance(config, list):
        return [with_arrays(item) for item in config]
    return config


def _array(config: Mapping[str, Any]) -> np.ndarray:
    """Return the array of an entry.

    Raises:
        ValueError: if the entry is not that of an array.
    """
    try:
        return np.array(config["value"], np.dtype(config["dtype"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"array: expected 'value' and 'dtype' of an array, found {dict(config)!r:.200}"
        ) from error
