"""Construction of models from configurations in either dialect."""

from collections.abc import Mapping
from typing import Any

from saveproof.reference_impl.custom_objects import custom_object_scope
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.serialization import deserialize_layer
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.saving.dialects.dialect import dialect_of_entry
from saveproof.reference_impl.saving.dialects.entries import read_entry
from saveproof.reference_impl.saving.json_text import json_value


def model_from_config(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Layer:
    """Return a model from its entry {class_name, config}, with fresh weights.

    Raises:
        MalformedEntry: if the entry is invalid; names the keys of the invalid part.
        UnknownLayer: for a class that must be passed in `custom_objects`.
    """
    with custom_object_scope(custom_objects or {}), at():
        return deserialize_layer(read_entry(config, dialect_of_entry(config)))


def model_from_json(text: str, custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """Return a model from the result of `to_json`, with fresh weights.

    Raises:
        MalformedEntry: if the text is not the JSON of a model.
    """
    entry = json_value(text, where="model_from_json", error=MalformedEntry)
    return model_from_config(entry, custom_objects)
