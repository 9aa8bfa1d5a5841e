"""`keras.optimizers`: optimizers, and their serialization."""

from collections.abc import Mapping
from typing import Any, cast

from saveproof.reference_impl import schedules
from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.keras_names import refusing
from saveproof.reference_impl.optimizers import legacy
from saveproof.reference_impl.optimizers.adafactor import Adafactor
from saveproof.reference_impl.optimizers.adagrad import Adadelta, Adagrad, RMSprop
from saveproof.reference_impl.optimizers.adam import Adam, Adamax, AdamW
from saveproof.reference_impl.optimizers.ftrl import Ftrl
from saveproof.reference_impl.optimizers.legacy.optimizer import LegacyOptimizer
from saveproof.reference_impl.optimizers.lion import Lion
from saveproof.reference_impl.optimizers.loss_scale import (
    LOSS_SCALE,
    LossScaleOptimizer,
    serialize_loss_scale,
)
from saveproof.reference_impl.optimizers.missing_gradients import MissingGradientsError
from saveproof.reference_impl.optimizers.nadam import Nadam
from saveproof.reference_impl.optimizers.optimizer import (
    Optimizer,
    OptimizerStateError,
    UnknownVariableError,
)
from saveproof.reference_impl.optimizers.sgd import SGD
from saveproof.reference_impl.optimizers.updating import (
    OPTIMIZERS,
    deserialize_updating,
    serialize_updating,
)

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "LegacyOptimizer",
    "Lion",
    "LossScaleOptimizer",
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
    """Return an unbuilt optimizer from its entry, by `deserialize_updating` or `LOSS_SCALE`."""
    if isinstance(entry, Mapping):
        name = str(entry.get("registered_name") or entry.get("class_name"))
        if name.rpartition(">")[2] in LOSS_SCALE.entries:
            return cast("Optimizer", LOSS_SCALE.deserialize(entry, custom_objects=custom_objects))
    return deserialize_updating(entry, custom_objects=custom_objects)


def serialize(optimizer: Optimizer, *, use_legacy_format: bool = False) -> Config:
    """Return the serialized entry of an optimizer, in HDF5's form on request."""
    if isinstance(optimizer, LossScaleOptimizer):
        return serialize_loss_scale(optimizer, use_legacy_format=use_legacy_format)
    return serialize_updating(optimizer, use_legacy_format=use_legacy_format)
