"""Built-in metrics that are means of a function."""

from dataclasses import KW_ONLY
from typing import Any, ClassVar

from saveproof.reference_impl.fields import Form, argument, config_of_fields, configurable
from saveproof.reference_impl.losses import functions as lf
from saveproof.reference_impl.metrics import functions as mf
from saveproof.reference_impl.metrics.metric import DTYPE, NAME, MeanMetricWrapper


class _FunctionMean(MeanMetricWrapper):
    """A mean with the arguments of its function in addition to those of every metric."""

    def __post_init__(self) -> None:
        super().__post_init__()
        config = config_of_fields(self)
        self.kwargs = {key: config[key] for key in config if key not in ("name", "dtype")}


def _or_default(owner: Any, _: str, value: str | None) -> str:
    return value or str(owner.default_name)


@configurable
class _NamedMean(_FunctionMean):
    """The mean of a function without further arguments."""

    default_name: ClassVar[str]
    name: Any = argument(Form(_or_default, takes=str | None), default=None)
    dtype: Any = argument(DTYPE, default=None)


class Accuracy(_NamedMean):
    """The fraction of predictions equal to their target."""

    fn, default_name = staticmethod(mf.accuracy), "accuracy"


class CategoricalAccuracy(_NamedMean):
    """The fraction of samples whose largest score is at the largest target."""

    fn, default_name = staticmethod(mf.categorical_accuracy), "categorical_accuracy"


class SparseCategoricalAccuracy(_NamedMean):
    """The fraction of samples whose largest score is that of the target class."""

    fn = staticmethod(mf.sparse_categorical_matches)
    default_name = "sparse_categorical_accuracy"


class MeanSquaredError(_NamedMean):
    """The mean of `mean_squared_error`."""

    fn, default_name = staticmethod(lf.mean_squared_error), "mean_squared_error"


class MeanAbsoluteError(_NamedMean):
    """The mean of `mean_absolute_error`."""

    fn, default_name = staticmethod(lf.mean_absolute_error), "mean_absolute_error"


class MeanAbsolutePercentageError(_NamedMean):
    """The mean of `mean_absolute_percentage_error`."""

    fn = staticmethod(lf.mean_absolute_percentage_error)
    default_name = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(_NamedMean):
    """The mean of `mean_squared_logarithmic_error`."""

    fn = staticmethod(lf.mean_squared_logarithmic_error)
    default_name = "mean_squared_logarithmic_error"


class LogCoshError(_NamedMean):
    """The mean of `log_cosh`."""

    fn, default_name = staticmethod(lf.log_cosh), "logcosh"


class KLDivergence(_NamedMean):
    """The mean of `kl_divergence`."""

    fn, default_name = staticmethod(lf.kl_divergence), "kullback_leibler_divergence"


class Poisson(_NamedMean):
    """The mean of `poisson`."""

    fn, default_name = staticmethod(lf.poisson), "poisson"


class Hinge(_NamedMean):
    """The mean of `hinge`."""

    fn, default_name = staticmethod(lf.hinge), "hinge"


class SquaredHinge(_NamedMean):
    """The mean of `squared_hinge`."""

    fn, default_name = staticmethod(lf.squared_hinge), "squared_hinge"


class CategoricalHinge(_NamedMean):
    """The mean of `categorical_hinge`."""

    fn, default_name = staticmethod(lf.categorical_hinge), "categorical_hinge"


@configurable
class BinaryAccuracy(_FunctionMean):
    """The fraction of elements whose target equals (p > threshold)."""

    fn = staticmethod(mf.binary_matches)
    name: Any = argument(NAME, default="binary_accuracy")
    dtype: Any = argument(DTYPE, default=None)
    threshold: float = 0.5


@configurable
class TopKCategoricalAccuracy(_FunctionMean):
    """The fraction of samples whose largest target is among the k largest scores."""

    fn = staticmethod(mf.top_k_categorical_accuracy)
    k: int = 5
    name: Any = argument(NAME, default="top_k_categorical_accuracy")
    dtype: Any = argument(DTYPE, default=None)


@configurable
class SparseTopKCategoricalAccuracy(_FunctionMean):
    """The fraction of samples whose target class is among the k largest scores."""

    fn = staticmethod(mf.sparse_top_k_categorical_accuracy)
    k: int = 5
    name: Any = argument(NAME, default="sparse_top_k_categorical_accuracy")
    dtype: Any = argument(DTYPE, default=None)


@configurable
class CosineSimilarity(_FunctionMean):
    """The mean cosine of the angle between target and prediction."""

    fn = staticmethod(mf.cosine_similarity)
    name: Any = argument(NAME, default="cosine_similarity")
    dtype: Any = argument(DTYPE, default=None)
    axis: int | list[int] = -1


@configurable
class BinaryCrossentropy(_FunctionMean):
    """The mean of `binary_crossentropy`."""

    fn = staticmethod(lf.binary_crossentropy)
    name: Any = argument(NAME, default="binary_crossentropy")
    dtype: Any = argument(DTYPE, default=None)
    _: KW_ONLY
    from_logits: bool = False
    label_smoothing: float = 0


@configurable
class CategoricalCrossentropy(_FunctionMean):
    """The mean of `categorical_crossentropy`."""

    fn = staticmethod(lf.categorical_crossentropy)
    name: Any = argument(NAME, default="categorical_crossentropy")
    dtype: Any = argument(DTYPE, default=None)
    _: KW_ONLY
    from_logits: bool = False
    label_smoothing: float = 0
    axis: int | list[int] = -1


@configurable
class SparseCategoricalCrossentropy(_FunctionMean):
    """The mean of `sparse_categorical_crossentropy`."""

    fn = staticmethod(lf.sparse_categorical_crossentropy)
    name: Any = argument(NAME, default="sparse_categorical_crossentropy")
    dtype: Any = argument(DTYPE, default=None)
    _: KW_ONLY
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int | list[int] = -1
