"""Everything that a checkpoint can hold, as plain data between models and file formats."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

KERAS_VERSION = "2.21.0"
"""The release of tf_keras whose layouts are written."""

BACKEND = "tensorflow"

KERAS_3_VERSION = "3.0.5"
"""The release of Keras 3 whose words are written: every later one reads them, too."""

Entry = Mapping[str, Any]
Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StoredArray:
    """An array in a file that takes more memory than it has bytes there: read when asked for.

    Its shape is compared with that of the variable it is for before it is. NumPy's functions read
    it; `array_of` does for those who need an array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]

    @property
    def nbytes(self) -> int:
        """The bytes it takes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 (NumPy's protocol)
        """Return its value."""
        return np.array(self.read(), dtype=dtype, copy=copy)


Array = np.ndarray | StoredArray


def array_of(value: Array) -> np.ndarray:
    """Return the array itself, read from the file if it is not yet."""
    return value.read() if isinstance(value, StoredArray) else value


@dataclass(frozen=True, slots=True)
class NamedArray:
    """An array and the name under which the file has it; `value` reads it if it is not yet."""

    name: str
    held: Array

    @property
    def value(self) -> np.ndarray:
        """The array itself."""
        return array_of(self.held)


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """A layer's weights in order: the trainable ones first."""

    layer: str
    weights: tuple[NamedArray, ...]


@dataclass(frozen=True, slots=True)
class WeightsState:
    """The weights of a model: layer by layer in order, then those of the model itself.

    `trainable` is the flag of each layer, as `Extras` has it, where it is known: the order of the
    weights of layers in layers follows from them.
    """

    layers: tuple[LayerWeights, ...]
    top_level: tuple[NamedArray, ...] = ()
    trainable: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Extras:
    """State that an exact resume needs and that Keras's layouts have no place for.

    Attributes:
        trainable: the flag of each layer, the model's first, depth first.
        layer_states: generators' and recurrent states, by `<number of the layer>/<name>`.
        metrics: the metrics' variables, in order.
        optimizer: the optimizer's variables that are not in its list, by name.
        optimized: positions among the model's weights of those that the optimizer was built with.
        compiled_trainable: the flags as they were when the model was compiled, which count.
        run_eagerly: as given to `compile`.
        output_shapes: of each output's targets and predictions, by which the metrics were made.
        own: the architecture and compile settings in the words of Keras 2, where the file has them
            in another dialect's, which lacks some.
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
    """A whole model: architecture, weights, compile settings, optimizer, and the extras.

    `training` and `optimizer` are None where the model was not compiled, or had taken no step.
    `build` is the input shape of a model that its configuration does not build; `prefixed` says
    that the metrics of several outputs go by the output's name before their own. `places` are those
    of the architecture and the compile settings in the file, for messages.
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
