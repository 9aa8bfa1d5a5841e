"""The built-in metrics that are means of a function."""

from saveproof.reference_impl.losses import functions as lf
from saveproof.reference_impl.metrics import functions as mf
from saveproof.reference_impl.metrics.functions import MetricFunction
from saveproof.reference_impl.metrics.metric import MeanMetricWrapper


class _NamedMean(MeanMetricWrapper):
    """The mean of a function that takes no arguments of its own."""

    function: MetricFunction
    default_name: str

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(self.function, name or self.default_name, dtype)


class Accuracy(_NamedMean):
    """The share of predictions equal to their target."""

    function, default_name = staticmethod(mf.accuracy), "accuracy"


class CategoricalAccuracy(_NamedMean):
    """The share of samples whose largest score is that of the largest target."""

    function, default_name = staticmethod(mf.categorical_accuracy), "categorical_accuracy"


class SparseCategoricalAccuracy(_NamedMean):
    """The share of samples whose largest score is that of the target class."""

    function = staticmethod(mf.sparse_categorical_matches)
    default_name = "sparse_categorical_accuracy"


class MeanSquaredError(_NamedMean):
    """The mean of `mean_squared_error`."""

    function, default_name = staticmethod(lf.mean_squared_error), "mean_squared_error"


class MeanAbsoluteError(_NamedMean):
    """The mean of `mean_absolute_error`."""

    function, default_name = staticmethod(lf.mean_absolute_error), "mean_absolute_error"


class MeanAbsolutePercentageError(_NamedMean):
    """The mean of `mean_absolute_percentage_error`."""

    function = staticmethod(lf.mean_absolute_percentage_error)
    default_name = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(_NamedMean):
    """The mean of `mean_squared_logarithmic_error`."""

    function = staticmethod(lf.mean_squared_logarithmic_error)
    default_name = "mean_squared_logarithmic_error"


class LogCoshError(_NamedMean):
    """The mean of `log_cosh`."""

    function, default_name = staticmethod(lf.log_cosh), "logcosh"


class KLDivergence(_NamedMean):
    """The mean of `kl_divergence`."""

    function, default_name = staticmethod(lf.kl_divergence), "kullback_leibler_divergence"


class Poisson(_NamedMean):
    """The mean of `poisson`."""

    function, default_name = staticmethod(lf.poisson), "poisson"


class Hinge(_NamedMean):
    """The mean of `hinge`."""

    function, default_name = staticmethod(lf.hinge), "hinge"


class SquaredHinge(_NamedMean):
    """The mean of `squared_hinge`."""

    function, default_name = staticmethod(lf.squared_hinge), "squared_hinge"


class CategoricalHinge(_NamedMean):
    """The mean of `categorical_hinge`."""

    function, default_name = staticmethod(lf.categorical_hinge), "categorical_hinge"


class BinaryAccuracy(MeanMetricWrapper):
    """The share of elements whose target equals (p > threshold)."""

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: str | None = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(mf.binary_matches, name, dtype, threshold=threshold)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose largest target is among the k largest scores."""

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: str | None = None
    ) -> None:
        super().__init__(mf.top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """The share of samples whose target class is among the k largest scores."""

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(mf.sparse_top_k_categorical_accuracy, name, dtype, k=k)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between target and prediction."""

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: str | None = None, axis: int = -1
    ) -> None:
        super().__init__(mf.cosine_similarity, name, dtype, axis=axis)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of `binary_crossentropy`."""

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            lf.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `categorical_crossentropy`."""

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            lf.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of `sparse_categorical_crossentropy`."""

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        *,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            lf.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
