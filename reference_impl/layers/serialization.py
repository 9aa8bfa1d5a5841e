"""Layers and models to and from their Keras entries {class_name, config}."""

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
from saveproof.reference_impl.keras_names import advice, of_keras
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.stated import stated_config
from saveproof.reference_impl.limits import building
from saveproof.reference_impl.loading import LoadError, MalformedEntry, at
from saveproof.reference_impl.plain import with_arrays

Entry = dict[str, Any]

_BUILT_IN: dict[str, type[Layer]] = {}

# Arguments that Keras 3 writes and Keras 2 lacks, with the values that ask for nothing.
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
    "zero_output_for_mask": (False, True),  # there are no masks here
    "input_axes": (None,),
    "output_axes": (None,),
}


_SHARED: ContextVar[dict[Any, Layer] | None] = ContextVar("shared_layers", default=None)


class UnknownLayer(LoadError):
    """An entry names a class that is neither built in nor among the custom objects."""


class LayerEntry(ClassEntry):
    """An entry of a layer, and its number if it stands in several places."""

    shared_object_id: NotRequired[int | None]


@contextmanager
def sharing_layers() -> Iterator[None]:
    """Let entries with one `shared_object_id` be one layer within the block."""
    token = _SHARED.set({})
    try:
        yield
    finally:
        _SHARED.reset(token)


def serialize_layer(layer: Layer) -> Entry:
    """Return the entry {class_name, config} that describes a layer or model."""
    config = stated_config(layer, serialize_layer)
    return {"class_name": class_name(layer), "config": config, **name_beside(layer, config)}


def name_beside(layer: Layer, config: Any) -> Entry:
    """Return the layer's name for its entry where its config says none; Keras reads over it there.

    Without it the layer comes back under a new name, which may be another layer's.
    """
    return {} if "name" in config else {"name": layer.name}


def class_name(layer: Layer) -> str:
    """Return the name under which a layer's class is written."""
    name = registered_name(type(layer))
    return "Functional" if name == "Model" else name


def deserialize_layer(entry: Any, custom_objects: CustomObjects | None = None) -> Layer:
    """Return the layer or model that an entry describes, with fresh weights.

    Raises:
        MalformedEntry: if it is not an entry.
        UnknownLayer: if its class is unknown; the message says to pass `custom_objects`.
    """
    if not isinstance(entry, Mapping) or not {"class_name", "config"} <= set(entry):
        raise MalformedEntry(
            f"layer entry: expected a mapping with class_name and config, found {entry!r:.200}"
        )
    told: Any = checked(entry, LayerEntry)
    shared, number = _SHARED.get(), told.get("shared_object_id")
    if shared is not None and number in shared:
        return shared[number]
    with custom_object_scope(custom_objects or {}), building():
        known = layer_class(told.get("registered_name") or told["class_name"], told)
        with at("config", who=f"layer {_layer_name(told)} ({told['class_name']})"):
            layer = known.from_config(with_arrays(_arguments(told["config"])))
    if not isinstance(layer, Layer):
        raise MalformedEntry(
            f"{entry['class_name']!r}: from_config() gave a {type(layer).__name__}"
        )
    name = name_in(entry)
    if name is not None and layer.name != name:
        layer.rename(name)
    if shared is not None and number is not None:
        shared[number] = layer
    return layer


def name_in(entry: Mapping[str, Any]) -> str | None:
    """Return the name that an entry gives its layer, beside the config or in it, or None."""
    config = entry["config"]
    inside = config.get("name") if isinstance(config, Mapping) else None
    name = entry.get("name") or inside
    return name if isinstance(name, str) else None


def _arguments(config: Any) -> Any:
    """Return a config without Keras 3's own arguments, in it and in the initializers inside."""
    if not isinstance(config, Mapping):
        return config
    return {
        key: _arguments(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in _KERAS_3_ARGUMENTS or value not in _KERAS_3_ARGUMENTS[key]
    }


def layer_class(name: str, entry: Any) -> Any:
    """Return the class of that name: a custom object first, as in Keras, then a built-in."""
    custom = active_custom_objects()
    bare = str(entry["class_name"]).rpartition(">")[2]
    for candidate in (name, str(entry["class_name"]), bare):
        if candidate in custom:
            return custom[candidate]
    found = built_in(bare)
    if found is not None and may_be_built_in(entry):
        return found
    own = f"pass custom_objects={{{bare!r}: <the class>}}"
    raise UnknownLayer(
        f"layer {_layer_name(entry)}: unknown class {name!r}; expected a built-in layer or one of "
        f"the custom objects {sorted(custom)}; {advice(bare) if of_keras(bare, entry) else own}"
    )


def register_built_in(classes: Mapping[str, type[Layer]]) -> None:
    """Make classes of layers and models known by the names that entries give them."""
    _BUILT_IN.update(classes)


def built_in(name: str) -> type[Layer] | None:
    """Return the built-in layer or model of that name, or None."""
    return _BUILT_IN.get(name)


def is_built_in(kind: type[Layer]) -> bool:
    """Return whether a class is the built-in one of its name."""
    return built_in(kind.__name__) is kind


def _layer_name(entry: Mapping[str, Any]) -> str:
    return repr(name_in(entry) or "(unnamed)")
