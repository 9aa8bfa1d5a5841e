"""Clipping of gradients: by the norm of each, by the norm of all, by value.

Gradients of gathered rows, as from an Embedding, are clipped row by row before rows of the same
index are summed, as in TensorFlow.
"""

from collections.abc import Sequence

import numpy as np

from saveproof.reference_impl.numerics.indexed_slices import Gathered, parts


def clipped_by_norm(gradient: np.ndarray, limit: float) -> np.ndarray:
    """Return the gradient, scaled down if its L2 norm exceeds `limit`.

    Source: https://www.tensorflow.org/api_docs/python/tf/clip_by_norm
    """
    limit_ = np.asarray(limit, gradient.dtype)
    # g * limit / max(|g|, limit)
    return np.asarray(
        gradient * limit_ / np.maximum(np.sqrt(np.square(parts(gradient)).sum()), limit_)
    )


def clipped_by_global_norm(gradients: Sequence[np.ndarray], limit: float) -> list[np.ndarray]:
    """Return the gradients, all scaled down by one factor if their joint L2 norm exceeds `limit`.

    Source: Pascanu et al. 2013, https://arxiv.org/abs/1211.5063, algorithm 1; a norm that is not
    finite turns every gradient into NaN, as in TensorFlow.
    """
    first, *rest = (np.square(parts(g)).sum() / g.dtype.type(2) for g in gradients)
    half = sum(rest, start=first)
    norm = np.sqrt(half * type(half)(2))
    one, limit_ = type(norm)(1), type(norm)(limit)
    with np.errstate(divide="ignore"):
        scale = limit_ * np.minimum(one / norm, one / limit_)
    scale = scale if np.isfinite(norm) else type(norm)(np.nan)
    return [g * g.dtype.type(scale) for g in gradients]


def clipped_by_value(gradient: np.ndarray, limit: float) -> np.ndarray:
    """Return the gradient with every element clipped to [-limit, limit]."""
    limit_ = np.asarray(limit, gradient.dtype)
    clipped = np.asarray(np.minimum(np.maximum(parts(gradient), -limit_), limit_))
    if isinstance(gradient, Gathered) and gradient.indices is not None:
        return Gathered.of(clipped, gradient.indices, gradient)
    return clipped
