"""Everything that a checkpoint can hold, as plain data between models and file formats."""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class NamedArray:
    """An array and the name under which the file has it."""

    name: str
    value: np.ndarray


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
    that the metrics of several outputs go by the output's name before their own.
    """

    architecture: Entry
    weights: WeightsState
    training: Entry | None = None
    optimizer: tuple[NamedArray, ...] | None = None
    extras: Extras | None = None
    keras_version: str = KERAS_VERSION
    build: Any = None
    prefixed: bool = True
