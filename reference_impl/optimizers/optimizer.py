"""Optimizer: the base class, with everything except the update formulas."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from saveproof.reference_impl import schedules
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.numerics.autodiff import Tape, Tensor, Variable
from saveproof.reference_impl.optimizers.clipping import (
    clipped_by_global_norm,
    clipped_by_norm,
    clipped_by_value,
)
from saveproof.reference_impl.optimizers.learning_rate import RATE, LearningRate, as_cast
from saveproof.reference_impl.optimizers.missing_gradients import present

AVERAGE = "average"
"""The slot of a variable's moving average."""


class UnknownVariableError(KeyError):
    """A variable is not among those that the optimizer was built with."""


class OptimizerStateError(ValueError):
    """The optimizer is not built, or the number or shapes of weights do not match."""


def _new_style(owner: Any, name: str, value: bool) -> bool:  # noqa: FBT001 (what is given)
    if value:
        raise ValueError(f"{owner.name}: expected a new-style optimizer, found {name}")
    return False


NOT_COMPILED = Form(lambda *_: False)
"""Form of `jit_compile`, which Keras saves; always False here."""


@configurable
class Optimizer(LearningRate, ABC):
    """Base class of optimizers, with the steps of tf_keras's new-style optimizers.

    `apply_gradients` reads the schedule, skips variables without gradient, clips, decays weights,
    updates each variable and the averages, counts the iteration and applies the constraints.
    Source: https://keras.io/2.16/api/optimizers/

    Subclasses create their slots in `build_slots` and define the formula in `update_step`.
    """

    restoring: Callable[[], None] | None = attribute(default=None)
    """Assigns to new slots the values of a checkpoint that was loaded before their creation."""

    learning_rate: Any = argument(RATE)
    _: KW_ONLY
    name: str
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    jit_compile: bool = argument(NOT_COMPILED, default=False)
    is_legacy_optimizer: bool = argument(Form(_new_style), default=False)

    first_in_config: ClassVar[tuple[str, ...]] = (
        *("name", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema"),
        *("ema_momentum", "ema_overwrite_frequency", "jit_compile", "is_legacy_optimizer"),
    )

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        super().__pre_init__(given)
        self.built = False
        self.variables: list[Variable] = [self.iterations]
        self._tracked: dict[Variable, int] = {}
        self.slots: dict[str, list[Variable]] = {}
        self._undecayed: tuple[list[Variable], list[str]] = ([], [])

    def __post_init__(self) -> None:
        if self.clipnorm is not None and self.global_clipnorm is not None:
            raise ValueError(
                f"{self.name}: expected at most one of clipnorm and global_clipnorm, "
                f"found {self.clipnorm!r} and {self.global_clipnorm!r}"
            )
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            raise ValueError(
                f"{self.name}: expected ema_momentum in [0, 1], found {self.ema_momentum!r}"
            )

    @property
    def updating(self) -> "Optimizer":
        """The optimizer that updates the weights: this one, unless it wraps another."""
        return self

    @property
    def extra_state(self) -> dict[str, Variable]:
        """State outside Keras's `variables`, by attribute name."""
        return {}

    def build(self, var_list: Sequence[Variable]) -> None:
        """Create the slots for these variables; a second call changes nothing."""
        if self.built:
            return
        self._tracked = {variable: i for i, variable in enumerate(var_list)}
        if self.use_ema:
            for variable in var_list:
                self.slot(variable, AVERAGE, initial_value=variable.value)
        self.build_slots(var_list)
        self.built = True
        if self.restoring is not None:
            self.restoring()

    def unbuild(self) -> None:
        """Remove all slots, as before the first step; the next step creates them."""
        del self.variables[1:]
        self._tracked, self.slots = {}, {}
        self.built = False

    @abstractmethod
    def build_slots(self, variables: Sequence[Variable]) -> None:
        """Create this optimizer's slots, in the order in which files list them."""

    @abstractmethod
    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        """Update one variable and its slots from its gradient."""

    def slot(
        self,
        variable: Variable,
        name: str,
        *,
        initial_value: npt.ArrayLike | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> Variable:
        """Add a slot of the variable's dtype and shape, zeros by default, and return it."""
        value = np.zeros(variable.shape if shape is None else shape, variable.dtype)
        if initial_value is not None:
            value[...] = initial_value
        made = self._named_slot(variable, name, value)
        self.variables.append(made)
        return made

    def placeholder(self, variable: Variable, name: str) -> Variable:
        """Return a constant in place of a slot that the variable does not need.

        It keeps the place in the slot's list in checkpoints; `variables` does not contain it.
        """
        return self._named_slot(variable, name, np.zeros((), np.int32))

    def _named_slot(self, variable: Variable, name: str, value: np.ndarray) -> Variable:
        made = Variable(value, name=f"{self.name}/{name}/{variable.name}", trainable=False)
        self.slots.setdefault(name, []).append(made)
        return made

    @property
    def built_for(self) -> list[Variable]:
        """The variables that the optimizer was built with, in the order of each slot's list."""
        return list(self._tracked)

    def index_of(self, variable: Variable) -> int:
        """Return the position of a variable among those that the optimizer was built with.

        Raises:
            UnknownVariableError: If the optimizer was not built with it.
        """
        try:
            return self._tracked[variable]
        except KeyError:
            raise UnknownVariableError(
                f"{self.name}: variable {variable.name!r} is not among the {len(self._tracked)} "
                f"that the optimizer was built with; build it with all trainable variables first"
            ) from None

    def minimize(self, loss: Tensor, var_list: Sequence[Variable], tape: Tape) -> None:
        """Take one step along the gradients of a loss that the tape has recorded."""
        gradients = tape.gradients(loss, var_list)
        self.apply_gradients(zip(gradients, var_list, strict=True))

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[np.ndarray | None, Variable]]
    ) -> Variable:
        """Take one step; variables whose gradient is None keep their value and slots.

        Raises:
            MissingGradientsError: If every gradient is None.
        """
        self.follow_schedule()
        pairs = list(grads_and_vars)
        if not pairs:
            return self.iterations
        self.build([variable for _, variable in pairs])
        gradients, variables = present(pairs)
        gradients = [np.asarray(gradient) for gradient in self._clipped(gradients)]
        if self.weight_decay is not None:
            self._decay_weights(variables)
        self.begin_step()
        for gradient, variable in zip(gradients, variables, strict=True):
            self.update_step(gradient, variable)
        if self.use_ema:
            self._move_averages(variables)
        self.iterations.value = self.iterations.value + np.ones((), np.int64)
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        return self.iterations

    def begin_step(self) -> None:
        """Compute values shared by all updates of one step; does nothing by default."""
        return

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Exclude variables from weight decay, by identity or by a regular expression.

        Raises:
            OptimizerStateError: If the optimizer is already built.
        """
        if self.built:
            raise OptimizerStateError(
                f"{self.name}: exclude_from_weight_decay is only possible before the first step"
            )
        self._undecayed = (list(var_list or ()), list(var_names or ()))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """With `use_ema`, set the variables to their moving averages, as at the end of fit."""
        if self.use_ema:
            for variable in var_list:
                variable.assign(self.slots[AVERAGE][self.index_of(variable)].value)

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Assign all of `variables`, in order, or none if one does not match.

        Raises:
            OptimizerStateError: If the optimizer is not built, or a count or shape differs.
        """
        if not self.built:
            raise OptimizerStateError(
                f"{self.name}: expected a built optimizer; call build(trainable_variables) first"
            )
        found = [np.shape(weight) for weight in weights]
        expected = [variable.shape for variable in self.variables]
        if found != expected:
            raise OptimizerStateError(f"{self.name}: expected shapes {expected}, found {found}")
        # Copy all values in their variables' dtypes before assigning the first.
        pairs = zip(self.variables, weights, strict=True)
        copies = [np.array(weight, variable.dtype, order="C") for variable, weight in pairs]
        for variable, copy in zip(self.variables, copies, strict=True):
            variable.adopt(copy)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, custom_objects: CustomObjects | None = None
    ) -> Self:
        """Return an unbuilt optimizer from its configuration, at iteration 0."""
        arguments = dict(config)
        if isinstance(arguments.get("learning_rate"), Mapping):
            with at("learning_rate"):
                arguments["learning_rate"] = schedules.deserialize(
                    arguments["learning_rate"], custom_objects=custom_objects
                )
        return super().from_config(arguments)

    def _clipped(self, gradients: list[np.ndarray]) -> list[np.ndarray]:
        if self.clipnorm and self.clipnorm > 0:
            return [clipped_by_norm(g, self.clipnorm) for g in gradients]
        if self.global_clipnorm and self.global_clipnorm > 0:
            return clipped_by_global_norm(gradients, self.global_clipnorm)
        if self.clipvalue and self.clipvalue > 0:
            return [clipped_by_value(g, self.clipvalue) for g in gradients]
        return gradients

    def _decay_weights(self, variables: Sequence[Variable]) -> None:
        """Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2, line 12."""
        kept, patterns = self._undecayed
        for variable in variables:
            excluded = any(variable is v for v in kept)
            if excluded or any(re.search(pattern, variable.name) for pattern in patterns):
                continue
            w = variable.value
            decay = as_cast(self.weight_decay or 0.0, w.dtype)
            # w - w * decay * rate
            variable.value = np.asarray(w - w * decay * self.rate_as(w.dtype))

    def _move_averages(self, variables: Sequence[Variable]) -> None:
        frequency = self.ema_overwrite_frequency
        overwrite = bool(frequency) and (int(self.iterations.value) + 1) % (frequency or 1) == 0
        for variable in variables:
            average = self.slots[AVERAGE][self.index_of(variable)]
            momentum = np.asarray(self.ema_momentum, average.dtype)
            rest = np.asarray(1 - self.ema_momentum, average.dtype)
            # average := momentum * average + (1 - momentum) * w
            average.value = np.asarray(momentum * average.value + rest * variable.value)
            if overwrite:
                variable.assign(average.value)
