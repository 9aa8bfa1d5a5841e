"""Configurations of user-defined layers as plain data that a file can store."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from saveproof.reference_impl.configuration import UnnamedObject, config_of
from saveproof.reference_impl.custom_objects import registered_name
from saveproof.reference_impl.layers.base import Layer

PLAIN = (str, int, float, type(None), np.generic, np.ndarray, np.dtype)

LayerEntry = Callable[[Layer], Any]
"""Returns the entry of a layer inside another layer's configuration."""


class Unserializable(TypeError):
    """A configuration contains a value that no file can store; the message names its place."""


def stated_config(layer: Layer, entry: LayerEntry) -> dict[str, Any]:
    """Return the result of a layer's `get_config` as plain data.

    Raises:
        NotImplementedError: if its class defines no `get_config`.
        Unserializable: if a file cannot store a value in it.
    """
    where = f"layer {layer.name!r} ({type(layer).__name__})"
    try:
        config = config_of(layer, "layer")
    except UnnamedObject as error:
        raise Unserializable(f"{where}: {error}") from error
    except NotImplementedError as error:
        if str(error):
            raise
        raise NotImplementedError(
            f"{where}: get_config() is not implemented; return the constructor's arguments from "
            "it, or save only the weights"
        ) from error
    if not isinstance(config, Mapping):
        raise Unserializable(
            f"{where}: expected get_config() to return a dictionary, found {config!r:.80}"
        )
    return plain_config(config, where=f"{where}: get_config()", entry=entry)


def plain_config(config: Mapping[str, Any], *, where: str, entry: LayerEntry) -> dict[str, Any]:
    """Return a configuration as plain data.

    A function becomes its name, as in tf_keras, and an object with a configuration its entry.

    Raises:
        Unserializable: for any other value that is not plain.
    """
    return {key: _plain(item, f"{where}[{key!r}]", entry, ()) for key, item in config.items()}


def _plain(value: Any, where: str, entry: LayerEntry, around: tuple[int, ...]) -> Any:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Layer):
        return entry(value)
    if id(value) in around:
        raise Unserializable(f"{where}: expected plain data, found a container that holds itself")
    around = (*around, id(value))
    if isinstance(value, Mapping):
        return {
            key: _plain(item, f"{where}[{key!r}]", entry, around) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{where}[{n}]", entry, around) for n, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, FunctionType) and value.__name__ != "<lambda>":
        return registered_name(value)
    return _plain(entry_of_object(value, where=where), where, entry, around)


def entry_of_object(item: Any, *, where: str) -> dict[str, Any]:
    """Return the entry {class_name, config} of an object with a configuration.

    Raises:
        Unserializable: if it has no configuration.
    """
    get_config = getattr(item, "get_config", None)
    if get_config is None or isinstance(item, type):
        raise Unserializable(
            f"{where}: expected plain data, a function with a name, or an object with get_config(),"
            f" found {item!r:.80} of type {type(item).__name__}, which no file can store"
        )
    return {"class_name": registered_name(type(item)), "config": get_config()}
