"""Metrics by their Keras names, and their serialization."""

from collections.abc import Mapping
from typing import Any

from saveproof.reference_impl.catalogue import Catalogue
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.keras_names import refusing
from saveproof.reference_impl.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
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
from saveproof.reference_impl.metrics.confusion import Precision, Recall
from saveproof.reference_impl.metrics.functions import (
    FUNCTIONS,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    cosine_similarity,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from saveproof.reference_impl.metrics.means import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SquaredHinge,
    TopKCategoricalAccuracy,
)
from saveproof.reference_impl.metrics.metric import (
    Mean,
    MeanMetricWrapper,
    Metric,
    RootMeanSquaredError,
    Sum,
)

__all__ = [
    "METRICS",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "Poisson",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

__getattr__ = refusing("metrics", __all__)

METRICS: Catalogue[Metric] = Catalogue(
    kind="metric",
    module="keras.metrics",
    entries={
        **FUNCTIONS.entries,
        "Accuracy": Accuracy,
        "CategoricalAccuracy": CategoricalAccuracy,
        "SparseCategoricalAccuracy": SparseCategoricalAccuracy,
        "MeanSquaredError": MeanSquaredError,
        "MeanAbsoluteError": MeanAbsoluteError,
        "MeanAbsolutePercentageError": MeanAbsolutePercentageError,
        "MeanSquaredLogarithmicError": MeanSquaredLogarithmicError,
        "LogCoshError": LogCoshError,
        "KLDivergence": KLDivergence,
        "Poisson": Poisson,
        "Hinge": Hinge,
        "SquaredHinge": SquaredHinge,
        "CategoricalHinge": CategoricalHinge,
        "BinaryAccuracy": BinaryAccuracy,
        "TopKCategoricalAccuracy": TopKCategoricalAccuracy,
        "SparseTopKCategoricalAccuracy": SparseTopKCategoricalAccuracy,
        "CosineSimilarity": CosineSimilarity,
        "BinaryCrossentropy": BinaryCrossentropy,
        "CategoricalCrossentropy": CategoricalCrossentropy,
        "SparseCategoricalCrossentropy": SparseCategoricalCrossentropy,
        "Mean": Mean,
        "MeanMetricWrapper": MeanMetricWrapper,
        "RootMeanSquaredError": RootMeanSquaredError,
        "Sum": Sum,
        "Precision": Precision,
        "Recall": Recall,
    },
    aliases=FUNCTIONS.aliases,
)


def get(identifier: Any, *, custom_objects: CustomObjects | None = None) -> Any:
    """Return the metric function or Metric for a name, an entry or a callable."""
    return METRICS.get(identifier, custom_objects=custom_objects)


def deserialize(
    entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
) -> Any:
    """Return the metric function or Metric for a serialized entry."""
    return METRICS.deserialize(entry, custom_objects=custom_objects)


def serialize(metric: Any, *, use_legacy_format: bool = False) -> Any:
    """Return the serialized entry of a metric; in the legacy format, the name of a function."""
    return METRICS.serialize(metric, use_legacy_format=use_legacy_format)
