"""Optimizers by their Keras names, and their serialization."""

from collections.abc import Mapping
from typing import Any, cast

from saveproof.reference_impl import schedules
from saveproof.reference_impl.catalogue import Catalogue, Config
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.keras_names import refusing
from saveproof.reference_impl.optimizers import legacy
from saveproof.reference_impl.optimizers.adagrad import Adadelta, Adagrad, RMSprop
from saveproof.reference_impl.optimizers.adam import Adam, Adamax, AdamW
from saveproof.reference_impl.optimizers.legacy.optimizer import OLD_ARGUMENTS, LegacyOptimizer
from saveproof.reference_impl.optimizers.nadam import Nadam
from saveproof.reference_impl.optimizers.optimizer import (
    MissingGradientsError,
    Optimizer,
    OptimizerStateError,
    UnknownVariableError,
)
from saveproof.reference_impl.optimizers.sgd import SGD

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "LegacyOptimizer",
    "MissingGradientsError",
    "Nadam",
    "Optimizer",
    "OptimizerStateError",
    "RMSprop",
    "UnknownVariableError",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]

__getattr__ = refusing("optimizers", __all__)

OPTIMIZERS: Catalogue[Optimizer] = Catalogue(
    kind="optimizer",
    module="keras.optimizers",
    entries={
        "SGD": SGD,
        "RMSprop": RMSprop,
        "Adam": Adam,
        "AdamW": AdamW,
        "Adamax": Adamax,
        "Nadam": Nadam,
        "Adagrad": Adagrad,
        "Adadelta": Adadelta,
    },
)

# Arguments of Keras 3, with the values that have no effect.
_FOREIGN_KEYS: Mapping[str, tuple[object, ...]] = {
    "loss_scale_factor": (None,),
    "gradient_accumulation_steps": (None,),
}


def get(
    identifier: str | Mapping[str, Any] | Optimizer,
    *,
    custom_objects: CustomObjects | None = None,
) -> Optimizer:
    """Return the optimizer for a name or an entry; return an optimizer unchanged.

    Raises:
        UnknownNameError: If the identifier has another type or its name is unknown.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str | Mapping):
        return deserialize(identifier, custom_objects=custom_objects)
    return cast("Optimizer", OPTIMIZERS.get(identifier))


def deserialize(
    entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
) -> Optimizer:
    """Return an unbuilt optimizer from its entry.

    An entry with an argument that only optimizers before TensorFlow 2.11 have gives one of
    `legacy`. Keys of other dialects are dropped if they have no effect, otherwise rejected.
    """
    catalogue: Catalogue[Any] = OPTIMIZERS
    if isinstance(entry, Mapping) and isinstance(entry.get("config"), Mapping):
        config = entry["config"]
        if set(config) & set(OLD_ARGUMENTS):
            catalogue = legacy.LEGACY_OPTIMIZERS
        kept = {k: v for k, v in config.items() if v not in _FOREIGN_KEYS.get(k, ())}
        entry = {**entry, "config": kept}
    return cast("Optimizer", catalogue.deserialize(entry, custom_objects=custom_objects))


def serialize(optimizer: Optimizer, *, use_legacy_format: bool = False) -> Config:
    """Return the serialized entry of an optimizer.

    In HDF5 files the class is `Custom>Adam`; `Adam` means the legacy optimizer.
    """
    catalogue: Catalogue[Any] = OPTIMIZERS
    if isinstance(optimizer, LegacyOptimizer):
        catalogue = legacy.LEGACY_OPTIMIZERS
    entry: Config = catalogue.serialize(optimizer, use_legacy_format=use_legacy_format)
    if use_legacy_format and type(optimizer) in OPTIMIZERS.entries.values():
        entry["class_name"] = f"Custom>{entry['class_name']}"
    return entry
