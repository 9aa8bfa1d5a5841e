"""Optimizer: what every optimizer shares around its update formula.

Long because what every optimizer shares (slots, clipping, decay, averages, config) is one update.
"""

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypedDict

import numpy as np
import numpy.typing as npt

from saveproof.reference_impl import schedules
from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.config_types import made_from
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.clipping import (
    clipped_by_global_norm,
    clipped_by_norm,
    clipped_by_value,
)
from saveproof.reference_impl.plain import PlainArguments
from saveproof.reference_impl.schedules import LearningRateSchedule

_LOGGER = logging.getLogger(__name__)

Rate = float | LearningRateSchedule


class SharedOptions(TypedDict, total=False):
    """The keyword arguments that every optimizer takes in the same way."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    jit_compile: bool
    is_legacy_optimizer: bool


class Options(SharedOptions, total=False):
    """`SharedOptions` and the weight decay, which is off by default in all but AdamW."""

    weight_decay: float | None


class MissingGradientsError(ValueError):
    """No variable has a gradient."""


class UnknownVariableError(KeyError):
    """An optimizer was given a variable that it was not built with."""


class OptimizerStateError(ValueError):
    """State does not fit the optimizer: not built yet, another count, or another shape."""


class Optimizer(PlainArguments, ABC):
    """The steps around the update formula, in the order of tf_keras's new-style optimizers.

    Read the schedule, skip variables without gradient, clip, decay weights, update each variable,
    move the averages, count the iteration, apply the constraints.
    Source: https://keras.io/2.16/api/optimizers/

    Subclasses create their slots in `build_slots` and state their formula in `update_step`.
    """

    restoring: Callable[[], None] | None = None
    """Gives slots just created the values that a checkpoint, loaded before, holds for them."""

    def __init__(
        self,
        learning_rate: Rate,
        *,
        name: str,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = False,  # noqa: ARG002 (saved by Keras; nothing is compiled here)
        is_legacy_optimizer: bool = False,
    ) -> None:
        if is_legacy_optimizer:
            raise ValueError(f"{name}: expected a new-style optimizer, found is_legacy_optimizer")
        if clipnorm is not None and global_clipnorm is not None:
            raise ValueError(
                f"{name}: expected at most one of clipnorm and global_clipnorm, "
                f"found {clipnorm!r} and {global_clipnorm!r}"
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"{name}: expected ema_momentum in [0, 1], found {ema_momentum!r}")
        self.name = name
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.built = False
        self.iterations = Variable(np.zeros((), np.int64), name="iteration:0", trainable=False)
        self.variables: list[Variable] = [self.iterations]
        self.schedule: LearningRateSchedule | None = None
        self._rate = Variable(np.zeros((), np.float32), name="learning_rate:0", trainable=False)
        self._tracked: dict[Variable, int] = {}
        self._averages: list[Variable] = []
        self._undecayed: tuple[list[Variable], list[str]] = ([], [])
        self._set_rate(learning_rate)

    @property
    def learning_rate(self) -> Variable:
        """The rate of the last step, or of the next one if it is not scheduled (float32)."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        if self.schedule is not None and not isinstance(value, LearningRateSchedule):
            raise TypeError(
                f"{self.name}: learning_rate is given by {type(self.schedule).__name__}; expected "
                f"another schedule, found {value!r} (create the optimizer with a number to set it)"
            )
        self._set_rate(value)

    @property
    def lr(self) -> Variable:
        """Alias of `learning_rate`."""
        return self._rate

    @lr.setter
    def lr(self, value: Rate) -> None:
        self.learning_rate = value

    @property
    def extra_state(self) -> dict[str, Variable]:
        """State that the framework keeps outside `variables`, by its attribute name."""
        return {}

    def build(self, var_list: Sequence[Variable]) -> None:
        """Create the slots for these variables; a second call changes nothing."""
        if self.built:
            return
        self._tracked = {variable: i for i, variable in enumerate(var_list)}
        if self.use_ema:
            self._averages = [self.slot(v, "average", initial_value=v.value) for v in var_list]
        self.build_slots(var_list)
        self.built = True
        if self.restoring is not None:
            self.restoring()

    def unbuild(self) -> None:
        """Be as before the first step: without slots, which the next one creates anew."""
        del self.variables[1:]
        self._tracked, self._averages = {}, []
        self.built = False

    @abstractmethod
    def build_slots(self, variables: Sequence[Variable]) -> None:
        """Create this optimizer's slots, in the order in which files list them."""

    @abstractmethod
    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        """Update one variable and its slots from its gradient."""

    def slot(
        self, variable: Variable, name: str, *, initial_value: npt.ArrayLike | None = None
    ) -> Variable:
        """Append to `variables` a slot of the variable's shape and dtype, zeros by default."""
        value = np.zeros_like(variable.value)
        if initial_value is not None:
            value[...] = initial_value
        made = Variable(value, name=f"{self.name}/{name}/{variable.name}", trainable=False)
        self.variables.append(made)
        return made

    def index_of(self, variable: Variable) -> int:
        """The position of a variable among those that the optimizer was built with.

        Raises:
            UnknownVariableError: If it is not one of them.
        """
        try:
            return self._tracked[variable]
        except KeyError:
            raise UnknownVariableError(
                f"{self.name}: variable {variable.name!r} is not among the {len(self._tracked)} "
                f"that the optimizer was built with; build it with all trainable variables first"
            ) from None

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[np.ndarray | None, Variable]]
    ) -> Variable:
        """Take one step; variables whose gradient is None keep their value and slots.

        Raises:
            MissingGradientsError: If every gradient is None.
        """
        if self.schedule is not None:
            self._rate.assign(float(self.schedule(self.iterations.value)))
        pairs = list(grads_and_vars)
        if not pairs:
            return self.iterations
        self.build([variable for _, variable in pairs])
        gradients, variables = _present(pairs)
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
        """Compute what is shared by the updates of one step; nothing by default."""
        return

    def rate_as(self, dtype: np.dtype) -> np.ndarray:
        """The learning rate as a 0-d array of `dtype`; it has float32 precision at most."""
        return self._rate.value.astype(dtype)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Name variables that do not decay, themselves or by a pattern found in their name.

        Raises:
            OptimizerStateError: If the optimizer is built already.
        """
        if self.built:
            raise OptimizerStateError(
                f"{self.name}: exclude_from_weight_decay is only possible before the first step"
            )
        self._undecayed = (list(var_list or ()), list(var_names or ()))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Give the variables their moving averages, if there are any, as at the end of fit."""
        if self.use_ema:
            for variable in var_list:
                variable.assign(self._averages[self.index_of(variable)].value)

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Assign all of `variables`, in order; nothing is changed if one does not fit.

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
        # All are copied, in their variables' dtypes, before one is given.
        pairs = zip(self.variables, weights, strict=True)
        copies = [np.array(weight, variable.dtype, order="C") for variable, weight in pairs]
        for variable, copy in zip(self.variables, copies, strict=True):
            variable.adopt(copy)

    def get_config(self) -> Config:
        """Return the constructor's arguments; a number for the rate is float32, widened."""
        return {
            "name": self.name,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "jit_compile": False,
            "is_legacy_optimizer": False,
            "learning_rate": schedules.serialize(self.schedule)
            if self.schedule is not None
            else float(self._rate.value),
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, custom_objects: CustomObjects | None = None
    ) -> Self:
        """Return the optimizer that `get_config` described, not built, at iteration 0."""
        arguments = dict(config)
        if isinstance(arguments.get("learning_rate"), Mapping):
            with at("learning_rate"):
                arguments["learning_rate"] = schedules.deserialize(
                    arguments["learning_rate"], custom_objects=custom_objects
                )
        return made_from(cls, arguments)

    def _set_rate(self, value: Rate) -> None:
        if isinstance(value, LearningRateSchedule):
            self.schedule = value
            self._rate.assign(float(value(self.iterations.value)))
        else:
            self._rate.assign(value)

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
            average = self._averages[self.index_of(variable)]
            momentum = np.asarray(self.ema_momentum, average.dtype)
            rest = np.asarray(1 - self.ema_momentum, average.dtype)
            # average := momentum * average + (1 - momentum) * w
            average.value = np.asarray(momentum * average.value + rest * variable.value)
            if overwrite:
                variable.assign(average.value)


def as_cast(number: float, dtype: np.dtype) -> np.ndarray:
    """A number as `tf.cast` makes it: a 0-d array of `dtype`, by way of float32.

    Only float64 variables tell the difference; they see 0.9 as 0.89999998.
    """
    return np.asarray(number, np.float32).astype(dtype)


def _present(
    pairs: Sequence[tuple[np.ndarray | None, Variable]],
) -> tuple[list[np.ndarray], list[Variable]]:
    """The gradients that exist, with their variables; the others are named in a log warning."""
    present = [(g, v) for g, v in pairs if g is not None]
    missing = [v.name for g, v in pairs if g is None]
    if not present:
        raise MissingGradientsError(f"no gradient for any variable: {missing}")
    if missing:
        _LOGGER.warning(
            "Gradients do not exist for variables %s when minimizing the loss.", missing
        )
    return [g for g, _ in present], [v for _, v in present]
