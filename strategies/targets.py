"""Targets: the kind of values that each loss compares predictions with."""

from enum import StrEnum

from saveproof.strategies.case import InvalidCase, Object


class Target(StrEnum):
    """The kind of values that a loss compares a prediction with."""

    REAL = "real"
    BINARY = "binary"
    ONE_HOT = "one_hot"
    CLASS = "class"


TARGETS: dict[Target, frozenset[str]] = {
    Target.REAL: frozenset(
        {
            "mse", "MSE", "mean_squared_error", "MeanSquaredError",
            "mae", "MAE", "mean_absolute_error", "MeanAbsoluteError",
            "huber", "Huber", "log_cosh", "LogCosh", "cosine_similarity", "CosineSimilarity",
        }
    ),
    Target.BINARY: frozenset({"binary_crossentropy", "BinaryCrossentropy"}),
    Target.ONE_HOT: frozenset(
        {
            "categorical_crossentropy", "CategoricalCrossentropy",
            "kl_divergence", "KLDivergence",
        }
    ),
    Target.CLASS: frozenset({"sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"}),
}  # fmt: skip

_TARGET_BY_LOSS = {loss: target for target, losses in TARGETS.items() for loss in losses}


def target_of(loss: str | Object) -> Target:
    """Return the kind of targets that the loss takes; of a class outside the table, real values.

    Raises:
        InvalidCase: it is named by a text that the table does not have.
    """
    if not isinstance(loss, str):
        return _TARGET_BY_LOSS.get(loss.class_name, Target.REAL)
    target = _TARGET_BY_LOSS.get(loss)
    if target is None:
        raise InvalidCase(f"loss {loss!r}: expected one of {sorted(_TARGET_BY_LOSS)}")
    return target
