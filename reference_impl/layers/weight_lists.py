"""Lists of the weights of a layer and its nested layers, trainable and non-trainable."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from saveproof.reference_impl.layers.tracking import Tracking
from saveproof.reference_impl.layers.weights import assign_all, each_once
from saveproof.reference_impl.numerics.autodiff import Variable


class WeightLists(Tracking):
    """The part of a layer that lists its weights."""

    _trainable: bool

    @abstractmethod
    def sublayers(self) -> Sequence["WeightLists"]:
        """Return the layers directly inside this one, in the order of assignment, each once."""

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes; none while the layer is frozen."""
        if not self._trainable:
            return []
        below = [weight for layer in self.sublayers() for weight in layer.trainable_weights]
        return each_once(self.own_weights(trainable=True) + below)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change; all weights while the layer is frozen."""
        own = self.own_weights(trainable=False)
        if self._trainable:
            below = [weight for layer in self.sublayers() for weight in layer.non_trainable_weights]
        else:
            own = self.own_weights(trainable=True) + own
            below = [weight for layer in self.sublayers() for weight in layer.weights]
        return each_once(own + below)

    @property
    def weights(self) -> list[Variable]:
        """All weights, the trainable ones first."""
        return each_once(self.trainable_weights + self.non_trainable_weights)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`, also if a subclass overrides that."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the values of `weights`."""
        return [np.array(weight.value) for weight in self.weights]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Set the values of `weights`, or none if one does not match.

        Raises:
            ValueError: if the number of arrays or a shape does not match.
        """
        assign_all(f"layer {self.name!r}", self.weights, [np.asarray(value) for value in weights])
