"""The lists of a layer's weights: its own and those of the layers below, trainable or not."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from saveproof.reference_impl.layers.tracking import Tracking
from saveproof.reference_impl.layers.weights import assign_all, each_once
from saveproof.reference_impl.numerics.autodiff import Variable


class WeightLists(Tracking):
    """A layer as far as its weights go."""

    _trainable: bool

    @abstractmethod
    def sublayers(self) -> Sequence["WeightLists"]:
        """Return the layers held directly by this one, in the order of assignment, each once."""

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes: none while the layer is frozen."""
        if not self._trainable:
            return []
        below = [weight for layer in self.sublayers() for weight in layer.trainable_weights]
        return each_once(self.own_weights(trainable=True) + below)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone: all of them while the layer is frozen."""
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
        """The same as `trainable_weights`, whatever the class takes them to be."""
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
        """Set the values of `weights`, after all of them were found to fit.

        Raises:
            ValueError: if the number of arrays or a shape does not fit; nothing is changed then.
        """
        assign_all(f"layer {self.name!r}", self.weights, [np.asarray(value) for value in weights])
