"""Metrics by their Keras names, and how they are chosen, written and read."""

from collections.abc import Mapping, Sequence
from typing import Any

from reference_impl.catalogue import Catalogue, CustomObjects
from reference_impl.losses import Loss
from reference_impl.losses.functions import (
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
from reference_impl.metrics.confusion import Precision, Recall
from reference_impl.metrics.functions import (
    FUNCTIONS,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    cosine_similarity,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from reference_impl.metrics.means import (
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
from reference_impl.metrics.metric import Mean, MeanMetricWrapper, Metric, RootMeanSquaredError, Sum
from reference_impl.naming import snake_case

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
    "metric_for",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

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

# Which function "accuracy" and "crossentropy" stand for: binary, sparse, one-hot.
_BY_SHAPE = {
    "accuracy": (binary_accuracy, sparse_categorical_accuracy, categorical_accuracy),
    "crossentropy": (
        binary_crossentropy,
        sparse_categorical_crossentropy,
        categorical_crossentropy,
    ),
}
_ABBREVIATIONS = {"acc": "accuracy", "ce": "crossentropy"}


def metric_for(
    identifier: Any,
    true_shape: Sequence[int | None],
    pred_shape: Sequence[int | None],
    *,
    custom_objects: CustomObjects | None = None,
) -> Metric | None:
    """Return the metric that an argument of `compile` stands for, for targets of this shape.

    A function becomes a MeanMetricWrapper named as the user wrote it. Source: the rules of
    https://keras.io/2.16/api/models/model_training_apis/#compile-method under `metrics`.
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    short = str(identifier).lower()
    kinds = _BY_SHAPE.get(_ABBREVIATIONS.get(short, short))
    found = get(identifier, custom_objects=custom_objects) if kinds is None else None
    if kinds is not None:
        binary, sparse, one_hot = kinds
        ranks_differ = len(true_shape) < len(pred_shape)
        classes = pred_shape[-1]
        indices = ranks_differ or (true_shape[-1] == 1 and classes is not None and classes > 1)
        found = binary if classes == 1 else sparse if indices else one_hot
    if isinstance(found, Metric):
        return found
    return MeanMetricWrapper(found, name=_name_of(identifier))


def _name_of(identifier: Any) -> str:
    if isinstance(identifier, str):
        return identifier
    if isinstance(identifier, Loss):
        return identifier.name or snake_case(type(identifier).__name__)
    return str(identifier.__name__)


def get(identifier: Any, *, custom_objects: CustomObjects | None = None) -> Any:
    """Return the metric function or Metric that a name, an entry or a callable stands for."""
    return METRICS.get(identifier, custom_objects=custom_objects)


def deserialize(
    entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
) -> Any:
    """Return the metric function or Metric that an entry describes."""
    return METRICS.deserialize(entry, custom_objects=custom_objects)


def serialize(metric: Any, *, use_legacy_format: bool = False) -> Any:
    """Return the entry that describes a metric, or in the legacy format a function's name."""
    return METRICS.serialize(metric, use_legacy_format=use_legacy_format)
