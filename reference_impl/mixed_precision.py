"""`keras.mixed_precision`."""

from saveproof.reference_impl.optimizers import LossScaleOptimizer

__all__ = ["LossScaleOptimizer"]
