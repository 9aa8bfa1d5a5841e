"""Losses by their Keras names, and their serialization."""

from collections.abc import Mapping
from typing import Any

from saveproof.reference_impl.catalogue import Catalogue
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.keras_names import refusing
from saveproof.reference_impl.losses.classes import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from saveproof.reference_impl.losses.functions import (
    ALIASES,
    FUNCTIONS,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from saveproof.reference_impl.losses.loss import Loss, LossFunctionWrapper, reduced

__all__ = [
    "LOSSES",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "bce",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "log_cosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "poisson",
    "reduced",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

__getattr__ = refusing("losses", __all__)

mse = mean_squared_error
mae = mean_absolute_error
mape = mean_absolute_percentage_error
msle = mean_squared_logarithmic_error
bce = binary_crossentropy
kld = kl_divergence

LOSSES: Catalogue[Loss] = Catalogue(
    kind="loss",
    module="keras.losses",
    entries={
        **FUNCTIONS.entries,
        "LossFunctionWrapper": LossFunctionWrapper,
        "MeanSquaredError": MeanSquaredError,
        "MeanAbsoluteError": MeanAbsoluteError,
        "MeanAbsolutePercentageError": MeanAbsolutePercentageError,
        "MeanSquaredLogarithmicError": MeanSquaredLogarithmicError,
        "LogCosh": LogCosh,
        "Hinge": Hinge,
        "SquaredHinge": SquaredHinge,
        "CategoricalHinge": CategoricalHinge,
        "KLDivergence": KLDivergence,
        "Poisson": Poisson,
        "Huber": Huber,
        "CosineSimilarity": CosineSimilarity,
        "BinaryCrossentropy": BinaryCrossentropy,
        "CategoricalCrossentropy": CategoricalCrossentropy,
        "SparseCategoricalCrossentropy": SparseCategoricalCrossentropy,
    },
    aliases=ALIASES,
)


def get(identifier: Any, *, custom_objects: CustomObjects | None = None) -> Any:
    """Return the loss function or Loss for a name, an entry or a callable."""
    return LOSSES.get(identifier, custom_objects=custom_objects)


def deserialize(
    entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
) -> Any:
    """Return the loss function or Loss for a serialized entry."""
    return LOSSES.deserialize(entry, custom_objects=custom_objects)


def serialize(loss: Any, *, use_legacy_format: bool = False) -> Any:
    """Return the serialized entry of a loss; in the legacy format, the name of a function."""
    return LOSSES.serialize(loss, use_legacy_format=use_legacy_format)
