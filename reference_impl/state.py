"""The state of a model as plain data, exchanged between models and file formats."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

KERAS_VERSION = "2.21.0"
"""The tf_keras release whose file layouts are written."""

BACKEND = "tensorflow"

KERAS_3_VERSION = "3.0.5"
"""The Keras 3 release whose configurations are written; later releases read them too."""

Entry = Mapping[str, Any]
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StoredArray:
    """A compressed array in a file, read on demand.

    Its shape is compared with the variable's before it is read. NumPy functions read it through
    `__array__`; `array_of` returns the array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]

    @property
    def nbytes(self) -> int:
        """The number of bytes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (NumPy's protocol)
        """Return its value."""
        return np.array(self.read(), dtype=dtype, copy=copy)


Array = np.ndarray | StoredArray


def array_of(value: Array) -> np.ndarray:
    """Return the array, reading it from the file if needed."""
    return value.read() if isinstance(value, StoredArray) else value


@dataclass(frozen=True, slots=True)
class NamedArray:
    """An array and its name in the file; `value` reads it if needed."""

    name: str
    held: Array

    @property
    def value(self) -> np.ndarray:
        """The array, read from the file if needed."""
        return array_of(self.held)


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The weights of a layer in order, trainable ones first."""

    layer: str
    weights: tuple[NamedArray, ...]


@dataclass(frozen=True, slots=True)
class WeightsState:
    """The weights of a model: layer by layer, then those of the model itself.

    `trainable` is the flag of each layer, as in `Extras`, if known: the order of the weights of
    nested layers depends on them.
    """

    layers: tuple[LayerWeights, ...]
    top_level: tuple[NamedArray, ...] = ()
    trainable: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Extras:
    """State that an exact resume needs and Keras's file layouts do not store.

    Attributes:
        trainable: the flag of each layer, the model's first, depth first.
        layer_states: generator and recurrent states, by `<number of the layer>/<name>`.
        metrics: the metrics' variables, in order.
        optimizer: the optimizer's variables outside its list, by name.
        optimized: positions in the model's weights of those that the optimizer was built with.
        compiled_trainable: the flags at compile time, which training uses.
        run_eagerly: as given to `compile`.
        output_shapes: of each output's targets and predictions, which the metrics depend on.
        own: architecture and compile settings in Keras 2's form, if the file's dialect omits some.
    """

    trainable: tuple[bool, ...] = ()
    layer_states: Mapping[str, np.ndarray] = field(default_factory=dict)
    metrics: tuple[np.ndarray, ...] = ()
    optimizer: Mapping[str, np.ndarray] = field(default_factory=dict)
    optimized: tuple[int, ...] = ()
    compiled_trainable: tuple[bool, ...] = ()
    run_eagerly: bool | None = None
    output_shapes: tuple[tuple[Shape, Shape], ...] = ()
    own: Entry | None = None


@dataclass(frozen=True, slots=True)
class ModelState:
    """A whole model: architecture, weights, compile settings, optimizer, and extras.

    `training` is None if the model was not compiled, `optimizer` also if it took no step.
    `build` is the input shape of a model that its configuration does not build. `prefixed` is
    whether metric names start with the output's name. `places` locate the architecture and the
    compile settings in the file, for messages.
    """

    architecture: Entry
    weights: WeightsState
    training: Entry | None = None
    optimizer: tuple[NamedArray, ...] | None = None
    extras: Extras | None = None
    keras_version: str = KERAS_VERSION
    build: Any = None
    prefixed: bool = True
    places: tuple[str, str] = ("model_config", "training_config")
