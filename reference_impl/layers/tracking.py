"""Tracking of layers, weights and containers assigned to a layer's attributes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Configured
from saveproof.reference_impl.layers.weights import each_once
from saveproof.reference_impl.numerics.autodiff import Variable


class Tracking(Configured):
    """An object that tracks values assigned to its attributes, in the order of assignment."""

    name: str
    dtype_policy: str
    restoring: Callable[[], None] | None = None
    """Assigns a checkpoint's values to weights created after the checkpoint was loaded."""
    _tracked: dict[str, Any]
    _own_weights: list[Variable]
    _extra_state: dict[str, Variable]

    def __setattr__(self, attribute: str, value: Any) -> None:
        """Track layers, weights and containers of layers in the order of assignment.

        Assigning another weight to an attribute stops tracking the previous one.
        """
        if isinstance(value, Tracking | Variable | list | tuple | dict):
            self._check_begun()
            replaced = self._tracked.pop(attribute, None)
            self._tracked[attribute] = value
            if isinstance(replaced, Variable) and replaced is not value:
                self._own_weights[:] = [one for one in self._own_weights if one is not replaced]
        object.__setattr__(self, attribute, value)
        if self.restoring is not None:
            self.restoring()

    def __delattr__(self, attribute: str) -> None:
        """Stop tracking the attribute's value."""
        self._tracked.pop(attribute, None)
        object.__delattr__(self, attribute)

    def _check_begun(self) -> None:
        if "_tracked" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}: call super().__init__() first in __init__, before setting "
                "attributes"
            )

    @property
    def tracked(self) -> Mapping[str, Any]:
        """The layers, weights and containers assigned to attributes, in the order of assignment."""
        return self._tracked

    @property
    def created_weights(self) -> list[Variable]:
        """The weights that this layer created with `add_weight`, in order."""
        return list(self._own_weights)

    def own_weights(self, *, trainable: bool | None = None) -> list[Variable]:
        """Return this layer's own weights: all, or those created with this trainable flag."""
        assigned = [value for value in self._tracked.values() if isinstance(value, Variable)]
        states = {id(variable) for variable in self._extra_state.values()}
        return [
            variable
            for variable in each_once([*self._own_weights, *assigned])
            if trainable in (None, variable.trainable) and id(variable) not in states
        ]

    def add_state(self, name: str, value: np.ndarray) -> Variable:
        """Add state that Keras does not count as a weight, such as a generator's."""
        variable = Variable(value, name=f"{self.name}/{name}:0", trainable=False)
        self._extra_state[name] = variable
        return variable

    @property
    def extra_state(self) -> dict[str, Variable]:
        """This layer's own state that is not a weight, by name."""
        return self._extra_state
