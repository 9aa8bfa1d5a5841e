"""LegacyOptimizer: the base class of the optimizers of Keras 2.0 to TensorFlow 2.10.

Source: tf_keras's `optimizers.legacy`, with equal results; the kernels are those of
https://github.com/tensorflow/tensorflow/blob/v2.15.0/tensorflow/core/kernels/training_ops.cc.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, ClassVar, Self

import numpy as np

from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.numerics.indexed_slices import Gathered
from saveproof.reference_impl.optimizers.clipping import (
    clipped_by_global_norm,
    clipped_by_norm,
    clipped_by_value,
)
from saveproof.reference_impl.optimizers.learning_rate import as_cast
from saveproof.reference_impl.optimizers.optimizer import Optimizer

OLD_ARGUMENTS = ("lr", "schedule_decay", "decay")
"""Arguments that only optimizers before TensorFlow 2.11 have, and that identify their configs."""

ITERATION, RATE_NAME, DECAY = "iter", "learning_rate", "decay"
DEFAULT_EPSILON = 1e-7

Slots = dict[str, np.ndarray]


def _single(owner: "LegacyOptimizer", name: str) -> float:
    """Return a hyper-parameter for a configuration: its float32 value as a Python float."""
    return float(owner.hypers[name].value)


HYPER = Form(to_config=_single)
EPSILON = Form(lambda _, __, value: value or DEFAULT_EPSILON, takes=float | None)
UNLESS_NONE = Form(optional=True)


@configurable
class LegacyOptimizer(Optimizer):
    """An optimizer with rate `decay`, hyper-parameters as variables, and slots grouped by name.

    For gradients of gathered rows, as from an Embedding, only these rows change: in the weights if
    `lazy_weights`, in the slots if `lazy_slots`.
    """

    possible_slots: ClassVar[tuple[str, ...]] = ()
    single_names: ClassVar[tuple[str, ...]] = (ITERATION,)
    lazy_slots: bool = attribute(default=False)
    lazy_weights: bool = attribute(default=False)

    decay: float = argument(default=0.0, kw_only=True)
    clipnorm: float | None = argument(UNLESS_NONE, default=None, kw_only=True)
    clipvalue: float | None = argument(UNLESS_NONE, default=None, kw_only=True)
    global_clipnorm: float | None = argument(UNLESS_NONE, default=None, kw_only=True)
    weight_decay: float | None = attribute(default=None)
    use_ema: bool = attribute(default=False)
    ema_momentum: float = attribute(default=0.99)
    ema_overwrite_frequency: int | None = attribute(default=None)
    jit_compile: bool = attribute(default=False)
    is_legacy_optimizer: bool = attribute(default=True)

    first_in_config = ("name", "clipnorm", "clipvalue", "global_clipnorm", RATE_NAME, DECAY)

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        super().__pre_init__(given)
        self._touched: dict[int, np.ndarray] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decay < 0:
            raise ValueError(f"{self.name}: expected decay of at least 0, found {self.decay!r}")
        values = {
            name: getattr(self, name)
            for name, one in type(self).__arguments__.items()
            if one.form is HYPER
        }
        if not 0 <= values.get("momentum", 0) <= 1:
            raise ValueError(
                f"{self.name}: expected momentum in [0, 1], found {values['momentum']!r}"
            )
        self.iterations.name = f"{self.name}/{ITERATION}:0"
        self._rate.name = f"{self.name}/{RATE_NAME}:0"
        values[DECAY] = self.decay
        made = {name: self._single(name, value, np.float32) for name, value in values.items()}
        self._hypers = made if self.schedule is not None else {**made, RATE_NAME: self._rate}

    @property
    def hypers(self) -> dict[str, Variable]:
        """The hyper-parameters by name, sorted, as in checkpoints."""
        return {key: self._hypers[key] for key in sorted(self._hypers)}

    @property
    def singles(self) -> dict[str, Variable]:
        """The listed variables that are not slots, by name, in order."""
        return {ITERATION: self.iterations}

    def is_of_class(self, singles: Set[str], slots: Set[str]) -> bool:
        """Return whether an optimizer of this class may have these single variables and slots.

        An optimizer that has taken no step may lack any of them.
        """
        possible = {*self.single_names, *self._hypers, RATE_NAME}
        required = {*self.single_names, *self._hypers} - {RATE_NAME} if slots else set()
        return required <= singles <= possible and slots <= set(self.possible_slots)

    @abstractmethod
    def slot_names(self) -> tuple[str, ...]:
        """Return the names of the slots for these options, in the order of the list."""

    @abstractmethod
    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        """Return the weights and slots after a step."""

    def initial_value(self, name: str) -> float:  # noqa: ARG002 (Adagrad's depends on nothing else)
        """Return a slot's initial value."""
        return 0.0

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self.slots = {name: [] for name in self.slot_names()}
        for name, listed in self.slots.items():
            for variable in variables:
                value = np.full_like(variable.value, self.initial_value(name))
                owner = variable.name.removesuffix(":0")
                listed.append(
                    Variable(value, name=f"{self.name}/{owner}/{name}:0", trainable=False)
                )
        listed = [slot for group in self.slots.values() for slot in group]
        self.variables = [*self.singles.values(), *listed]

    def slots_by_variable(self) -> Iterator[tuple[str, Variable, Variable]]:
        """Yield each slot's name, its variable and the slot."""
        for name, listed in self.slots.items():
            for variable, slot in zip(self.built_for, listed, strict=True):
                yield name, variable, slot

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[np.ndarray | None, Variable]]
    ) -> Variable:
        """Take one step; variables whose gradient is None keep their value and slots."""
        pairs = list(grads_and_vars)
        if pairs:
            self.build([variable for _, variable in pairs])
        self._touched = {
            self.index_of(variable): np.unique(gradient.indices)
            for gradient, variable in pairs
            if isinstance(gradient, Gathered) and gradient.indices is not None
        }
        return super().apply_gradients(pairs)

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        index = self.index_of(variable)
        slots = {name: listed[index] for name, listed in self.slots.items()}
        before = {name: slot.value for name, slot in slots.items()}
        weights, after = self.updated(gradient, variable.value, before)
        rows = self._touched.get(index)
        for name, slot in slots.items():
            slot.value = _in_rows(rows if self.lazy_slots else None, after[name], slot.value)
        variable.value = _in_rows(rows if self.lazy_weights else None, weights, variable.value)

    def rate_as(self, dtype: np.dtype) -> np.ndarray:
        """The learning rate of this step, as a 0-d array of `dtype`."""
        rate = super().rate_as(dtype)
        if self.decay == 0:
            return rate
        # rate / (1 + decay t)
        step = dtype.type(int(self.iterations.value))
        return np.asarray(rate / (dtype.type(1) + as_cast(self.decay, dtype) * step))

    def number(self, name: str, dtype: np.dtype) -> np.ndarray:
        """Return a hyper-parameter, at most in float32 precision, as a 0-d array of `dtype`."""
        return self._hypers[name].value.astype(dtype)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, custom_objects: CustomObjects | None = None
    ) -> Self:
        """Return the optimizer for a configuration of any release since Keras 2.0."""
        names = {"lr": RATE_NAME, "schedule_decay": DECAY}
        renamed = {names.get(key, key): value for key, value in config.items()}
        return super().from_config(renamed, custom_objects=custom_objects)

    def _single(self, name: str, value: float, dtype: Any) -> Variable:
        return Variable(np.asarray(value, dtype), name=f"{self.name}/{name}:0", trainable=False)

    def _clipped(self, gradients: list[np.ndarray]) -> list[np.ndarray]:
        """Clip by value, by norm, then by global norm, each if its option is set."""
        if self.clipvalue is not None:
            gradients = [clipped_by_value(g, self.clipvalue) for g in gradients]
        if self.clipnorm is not None:
            gradients = [clipped_by_norm(g, self.clipnorm) for g in gradients]
        if self.global_clipnorm is not None:
            gradients = clipped_by_global_norm(gradients, self.global_clipnorm)
        return gradients


def _in_rows(rows: np.ndarray | None, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Return the new values, only in these rows if rows are given."""
    if rows is None:
        return np.asarray(new)
    kept = old.copy()
    kept[rows] = new[rows]
    return kept
