"""`keras.utils`."""

import numpy as np
import numpy.typing as npt

from saveproof.reference_impl.custom_objects import (
    custom_object_scope,
    get_custom_objects,
    register_keras_serializable,
)
from saveproof.reference_impl.limits import allow_size
from saveproof.reference_impl.random import set_random_seed

__all__ = [
    "CustomObjectScope",
    "allow_size",
    "custom_object_scope",
    "get_custom_objects",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]

CustomObjectScope = custom_object_scope


def to_categorical(y: npt.ArrayLike, num_classes: int | None = None) -> np.ndarray:
    """Return one-hot rows (samples, classes), float32, for integer class numbers."""
    classes = np.asarray(y, np.int64)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    count = num_classes or int(classes.max()) + 1
    return np.eye(count, dtype=np.float32)[classes]
