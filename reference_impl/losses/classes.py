"""The built-in losses as classes."""

from saveproof.reference_impl.fields import Form, argument, config_of_fields, configurable
from saveproof.reference_impl.losses.functions import (
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
from saveproof.reference_impl.losses.loss import REDUCTION, LossFunctionWrapper


class _FunctionLoss(LossFunctionWrapper):
    """A loss with the arguments of its function in addition to those of every loss."""

    def __post_init__(self) -> None:
        config = config_of_fields(self)
        self.kwargs = {key: config[key] for key in config if key not in ("reduction", "name")}


def _or_that_of_the_function(owner: LossFunctionWrapper, _: str, value: str | None) -> str:
    return value or owner.fn.__name__


@configurable
class _PlainLoss(_FunctionLoss):
    """A loss whose function has no further arguments."""

    reduction: str = argument(REDUCTION, default="auto")
    name: str | None = argument(Form(_or_that_of_the_function), default=None)


class MeanSquaredError(_PlainLoss):
    """The reduced `mean_squared_error`."""

    fn = staticmethod(mean_squared_error)


class MeanAbsoluteError(_PlainLoss):
    """The reduced `mean_absolute_error`."""

    fn = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(_PlainLoss):
    """The reduced `mean_absolute_percentage_error`."""

    fn = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_PlainLoss):
    """The reduced `mean_squared_logarithmic_error`."""

    fn = staticmethod(mean_squared_logarithmic_error)


class LogCosh(_PlainLoss):
    """The reduced `log_cosh`."""

    fn = staticmethod(log_cosh)


class Hinge(_PlainLoss):
    """The reduced `hinge`."""

    fn = staticmethod(hinge)


class SquaredHinge(_PlainLoss):
    """The reduced `squared_hinge`."""

    fn = staticmethod(squared_hinge)


class CategoricalHinge(_PlainLoss):
    """The reduced `categorical_hinge`."""

    fn = staticmethod(categorical_hinge)


class KLDivergence(_PlainLoss):
    """The reduced `kl_divergence`."""

    fn = staticmethod(kl_divergence)


class Poisson(_PlainLoss):
    """The reduced `poisson`."""

    fn = staticmethod(poisson)


@configurable
class Huber(_FunctionLoss):
    """The reduced `huber`."""

    fn = staticmethod(huber)
    delta: float = 1.0
    reduction: str = argument(REDUCTION, default="auto")
    name: str = "huber_loss"


@configurable
class CosineSimilarity(_FunctionLoss):
    """The reduced `cosine_similarity`."""

    fn = staticmethod(cosine_similarity)
    axis: int | list[int] = -1
    reduction: str = argument(REDUCTION, default="auto")
    name: str = "cosine_similarity"


@configurable
class BinaryCrossentropy(_FunctionLoss):
    """The reduced `binary_crossentropy`."""

    fn = staticmethod(binary_crossentropy)
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int | list[int] = -1
    reduction: str = argument(REDUCTION, default="auto")
    name: str = "binary_crossentropy"


@configurable
class CategoricalCrossentropy(_FunctionLoss):
    """The reduced `categorical_crossentropy`."""

    fn = staticmethod(categorical_crossentropy)
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int | list[int] = -1
    reduction: str = argument(REDUCTION, default="auto")
    name: str = "categorical_crossentropy"


@configurable
class SparseCategoricalCrossentropy(_FunctionLoss):
    """The reduced `sparse_categorical_crossentropy`."""

    fn = staticmethod(sparse_categorical_crossentropy)
    from_logits: bool = False
    ignore_class: int | None = None
    reduction: str = argument(REDUCTION, default="auto")
    name: str = "sparse_categorical_crossentropy"
