"""The built-in losses as classes."""

from saveproof.reference_impl.losses.functions import (
    LossFunction,
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
from saveproof.reference_impl.losses.loss import LossFunctionWrapper


class _PlainLoss(LossFunctionWrapper):
    """A loss whose function takes no arguments of its own."""

    function: LossFunction

    def __init__(self, reduction: str = "auto", name: str | None = None) -> None:
        super().__init__(self.function, reduction, name or self.function.__name__)


class MeanSquaredError(_PlainLoss):
    """The reduced `mean_squared_error`."""

    function = staticmethod(mean_squared_error)


class MeanAbsoluteError(_PlainLoss):
    """The reduced `mean_absolute_error`."""

    function = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(_PlainLoss):
    """The reduced `mean_absolute_percentage_error`."""

    function = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_PlainLoss):
    """The reduced `mean_squared_logarithmic_error`."""

    function = staticmethod(mean_squared_logarithmic_error)


class LogCosh(_PlainLoss):
    """The reduced `log_cosh`."""

    function = staticmethod(log_cosh)


class Hinge(_PlainLoss):
    """The reduced `hinge`."""

    function = staticmethod(hinge)


class SquaredHinge(_PlainLoss):
    """The reduced `squared_hinge`."""

    function = staticmethod(squared_hinge)


class CategoricalHinge(_PlainLoss):
    """The reduced `categorical_hinge`."""

    function = staticmethod(categorical_hinge)


class KLDivergence(_PlainLoss):
    """The reduced `kl_divergence`."""

    function = staticmethod(kl_divergence)


class Poisson(_PlainLoss):
    """The reduced `poisson`."""

    function = staticmethod(poisson)


class Huber(LossFunctionWrapper):
    """The reduced `huber`."""

    def __init__(
        self, delta: float = 1.0, reduction: str = "auto", name: str = "huber_loss"
    ) -> None:
        super().__init__(huber, reduction, name, delta=delta)


class CosineSimilarity(LossFunctionWrapper):
    """The reduced `cosine_similarity`."""

    def __init__(
        self, axis: int = -1, reduction: str = "auto", name: str = "cosine_similarity"
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, axis=axis)


class BinaryCrossentropy(LossFunctionWrapper):
    """The reduced `binary_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,  # noqa: FBT001 (Keras's signature)
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "auto",
        name: str = "binary_crossentropy",
    ) -> None:
        super().__init__(
            binary_crossentropy,
            reduction,
            name,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """The reduced `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,  # noqa: FBT001 (Keras's signature)
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str = "auto",
        name: str = "categorical_crossentropy",
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """The reduced `sparse_categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,  # noqa: FBT001 (Keras's signature)
        ignore_class: int | None = None,
        reduction: str = "auto",
        name: str = "sparse_categorical_crossentropy",
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            from_logits=from_logits,
            ignore_class=ignore_class,
        )
