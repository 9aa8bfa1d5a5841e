"""Serialization of layers and models as Keras entries {class_name, config}."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NotRequired

from saveproof.reference_impl.catalogue import ClassEntry, may_be_built_in
from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.custom_objects import (
    CustomObjects,
    active_custom_objects,
    custom_object_scope,
    registered_name,
)
from saveproof.reference_impl.keras_names import in_file, of_keras
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.stated import stated_config
from saveproof.reference_impl.limits import building
from saveproof.reference_impl.loading import LoadError, MalformedEntry, at
from saveproof.reference_impl.plain import with_arrays

Entry = dict[str, Any]

_BUILT_IN: dict[str, type[Layer]] = {}

# Arguments of Keras 3 that Keras 2 lacks, with the values that have no effect.
_KERAS_3_ARGUMENTS: Mapping[str, tuple[object, ...]] = {
    "quantization_config": (None,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "synchronized": (False,),
    "renorm": (False,),
    "renorm_clipping": (None,),
    "renorm_momentum": (0.99,),
    "rms_scaling": (False,),
    "seed": (None,),
    "zero_output_for_mask": (False,),
    "flash_attention": (None, False),
    "sliding_window": (None,),
    "use_gate": (False,),
    "input_axes": (None,),
    "output_axes": (None,),
}


_SHARED: ContextVar[dict[Any, Layer] | None] = ContextVar("shared_layers", default=None)


class UnknownLayer(LoadError):
    """An entry names a class that is neither built in nor a custom object."""


class LayerEntry(ClassEntry):
    """An entry of a layer, with a number if the layer is shared."""

    shared_object_id: NotRequired[int | None]


@contextmanager
def sharing_layers() -> Iterator[None]:
    """Within the block, load entries with equal `shared_object_id` as one layer."""
    token = _SHARED.set({})
    try:
        yield
    finally:
        _SHARED.reset(token)


def serialize_layer(layer: Layer) -> Entry:
    """Return the entry {class_name, config} of a layer or model."""
    config = stated_config(layer, serialize_layer)
    return {"class_name": class_name(layer), "config": config, **name_beside(layer, config)}


def complete_entry(layer: Layer) -> Entry:
    """Return the entry of a layer with its module, as tf_keras's wrappers write it."""
    kind = type(layer)
    found = {"class_name": class_name(layer), "config": stated_config(layer, complete_entry)}
    if is_built_in(kind):
        return {"module": "keras.layers", **found, "registered_name": None}
    return {"module": kind.__module__, **found, "registered_name": registered_name(kind)}


def name_beside(layer: Layer, config: Any) -> Entry:
    """Return {name} for a layer's entry if its config has no name; Keras ignores it.

    Otherwise the loaded layer would get a new name, possibly that of another layer.
    """
    return {} if "name" in config else {"name": layer.name}


def class_name(layer: Layer) -> str:
    """Return the name under which a layer's class is written."""
    name = registered_name(type(layer))
    return "Functional" if name == "Model" else name


def deserialize_layer(entry: Any, custom_objects: CustomObjects | None = None) -> Layer:
    """Return a layer or model from its entry, with fresh weights.

    Raises:
        MalformedEntry: if it is not an entry.
        UnknownLayer: if its class is unknown; the message says to pass `custom_objects`.
    """
    if not isinstance(entry, Mapping) or not {"class_name", "config"} <= set(entry):
        raise MalformedEntry(
            f"layer entry: expected a mapping with class_name and config, found {entry!r:.200}"
        )
    found: Any = checked(entry, LayerEntry)
    shared, number = _SHARED.get(), found.get("shared_object_id")
    if shared is not None and number in shared:
        return shared[number]
    with custom_object_scope(custom_objects or {}), building():
        known = layer_class(found.get("registered_name") or found["class_name"], found)
        with at("config", who=f"layer {_layer_name(found)} ({found['class_name']})"):
            layer = known.from_config(with_arrays(_arguments(found["config"])))
    if not isinstance(layer, Layer):
        raise MalformedEntry(
            f"{entry['class_name']!r}: expected from_config() to return a layer, "
            f"found a {type(layer).__name__}"
        )
    name = name_in(entry)
    if name is not None and layer.name != name:
        layer.rename(name)
    if shared is not None and number is not None:
        shared[number] = layer
    return layer


def name_in(entry: Mapping[str, Any]) -> str | None:
    """Return the layer's name from its entry or the config in it; None if neither has one."""
    config = entry["config"]
    inside = config.get("name") if isinstance(config, Mapping) else None
    name = entry.get("name") or inside
    return name if isinstance(name, str) else None


def _arguments(config: Any) -> Any:
    """Return a config without arguments that only Keras 3 has, also in its initializers."""
    if not isinstance(config, Mapping):
        return config
    return {
        key: _arguments(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in _KERAS_3_ARGUMENTS or value not in _KERAS_3_ARGUMENTS[key]
    }


def layer_class(name: str, entry: Any) -> Any:
    """Return the class with that name; custom objects take precedence, as in Keras."""
    custom = active_custom_objects()
    bare = str(entry["class_name"]).rpartition(">")[2]
    for candidate in (name, str(entry["class_name"]), bare):
        if candidate in custom:
            return custom[candidate]
    found = built_in(bare)
    if found is not None and may_be_built_in(entry):
        return found
    if of_keras(bare, entry):
        raise UnknownLayer(f"layer {_layer_name(entry)}: {in_file('layers', bare, _layers())}")
    raise UnknownLayer(
        f"layer {_layer_name(entry)}: unknown class {name!r}; expected a built-in layer or one of "
        f"the custom objects {sorted(custom)}; pass custom_objects={{{bare!r}: <the class>}}"
    )


def _layers() -> list[str]:
    """Return the names of the built-in layers, without models."""
    package = Layer.__module__.rpartition(".")[0]
    return [name for name, kind in _BUILT_IN.items() if kind.__module__.startswith(package)]


def register_built_in(classes: Mapping[str, type[Layer]]) -> None:
    """Register built-in layer and model classes by the names used in entries."""
    _BUILT_IN.update(classes)


def built_in(name: str) -> type[Layer] | None:
    """Return the built-in layer or model class with that name, or None."""
    return _BUILT_IN.get(name)


def is_built_in(kind: type[Layer]) -> bool:
    """Return whether a class is the built-in one with its name."""
    return built_in(kind.__name__) is kind


def _layer_name(entry: Mapping[str, Any]) -> str:
    return repr(name_in(entry) or "(unnamed)")
