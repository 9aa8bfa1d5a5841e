"""LegacyOptimizer: what the optimizers of Keras 2.0 to TensorFlow 2.10 share.

Source: tf_keras's `optimizers.legacy`, whose numbers they reproduce; the kernels are those of
https://github.com/tensorflow/tensorflow/blob/v2.15.0/tensorflow/core/kernels/training_ops.cc.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypedDict

import numpy as np

from saveproof.reference_impl import schedules
from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.numerics.indexed_slices import Gathered
from saveproof.reference_impl.optimizers.clipping import (
    clipped_by_global_norm,
    clipped_by_norm,
    clipped_by_value,
)
from saveproof.reference_impl.optimizers.optimizer import Optimizer, Rate, as_cast
from saveproof.reference_impl.state import Array

OLD_ARGUMENTS = ("lr", "schedule_decay", "decay")
"""Arguments that only an optimizer before TensorFlow 2.11 has: its configs are told by them."""

ITERATION, RATE, DECAY = "iter", "learning_rate", "decay"
DEFAULT_EPSILON = 1e-7

Slots = dict[str, np.ndarray]


class LegacyOptions(TypedDict, total=False):
    """The keyword arguments that every legacy optimizer takes in the same way."""

    decay: float
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None


@dataclass(frozen=True, slots=True)
class OldList:
    """How the list of an optimizer's state before TensorFlow 2.0 differs from the later one.

    Attributes:
        lacks: the single value that is not in it, and is `start`.
        unused: a slot at its end, one a variable, that nothing is read from.
        unused_shape: of that slot; None if it is the variable's.
    """

    lacks: str = ""
    start: float = 0.0
    unused: str = ""
    unused_shape: tuple[int, ...] | None = None


class LegacyOptimizer(Optimizer):
    """A rate that shrinks by `decay`, hyper-parameters as variables, and slots grouped by name.

    Where rows were gathered, as an Embedding does, the weights change in those rows alone if
    `lazy_weights`, the slots if `lazy_slots`.
    """

    old_list: ClassVar[OldList] = OldList()
    possible_slots: ClassVar[tuple[str, ...]] = ()
    single_names: ClassVar[tuple[str, ...]] = (ITERATION,)
    lazy_slots: bool = False
    lazy_weights: bool = False

    def __init__(
        self,
        learning_rate: Rate,
        hypers: Mapping[str, float],
        *,
        name: str,
        decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            name=name,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
        )
        if decay < 0:
            raise ValueError(f"{name}: expected decay of at least 0, found {decay!r}")
        if not 0 <= hypers.get("momentum", 0) <= 1:
            raise ValueError(f"{name}: expected momentum in [0, 1], found {hypers['momentum']!r}")
        self.decay = decay
        self.iterations.name, self._rate.name = f"{name}/{ITERATION}:0", f"{name}/{RATE}:0"
        self._configured = tuple(hypers)
        values = {**hypers, DECAY: decay}
        made = {key: self._single(key, values[key], np.float32) for key in values}
        self._hypers = made if self.schedule is not None else {**made, RATE: self._rate}
        self.slots: dict[str, list[Variable]] = {}
        self._weights: tuple[Variable, ...] = ()
        self._touched: dict[int, np.ndarray] = {}

    @property
    def hypers(self) -> dict[str, Variable]:
        """The hyper-parameters by name, sorted, as a checkpoint has them."""
        return {key: self._hypers[key] for key in sorted(self._hypers)}

    @property
    def singles(self) -> dict[str, Variable]:
        """The variables of the list that are no slots, by name and in order."""
        return {ITERATION: self.iterations}

    def is_of_class(self, singles: Set[str], slots: Set[str]) -> bool:
        """Return whether an optimizer of this class has such single variables and slots.

        One that took no step may lack any of them.
        """
        possible = {*self.single_names, *self._hypers, RATE}
        required = {*self.single_names, *self._hypers} - {RATE} if slots else set()
        return required <= singles <= possible and slots <= set(self.possible_slots)

    @abstractmethod
    def slot_names(self) -> tuple[str, ...]:
        """Return the slots that these options ask for, in the order of the list."""

    @abstractmethod
    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        """Return the weights and slots after a step."""

    def initial_value(self, name: str) -> float:  # noqa: ARG002 (Adagrad's depends on nothing else)
        """Return what a slot begins with."""
        return 0.0

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._weights = tuple(variables)
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
        """Yield the name of each slot, the variable that it is of, and the slot itself."""
        for name, listed in self.slots.items():
            for variable, slot in zip(self._weights, listed, strict=True):
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
        """A hyper-parameter as a 0-d array of `dtype`; it has float32 precision at most."""
        return self._hypers[name].value.astype(dtype)

    def listed(self, arrays: Sequence[Array]) -> list[Array] | None:
        """Return a list as `variables` has it from that of any release; None if it is none."""
        expected = [variable.shape for variable in self.variables]
        old, singles, found = self.old_list, self.singles, _shapes(arrays)
        if found == expected:
            return list(arrays)
        if old.lacks:
            place = list(singles).index(old.lacks)
            start = np.full_like(singles[old.lacks].value, old.start)
            listed = [*arrays[:place], start, *arrays[place:]]
            return listed if _shapes(listed) == expected else None
        if old.unused and old.unused not in self.slots:
            fixed = old.unused_shape
            unused = [of.shape if fixed is None else fixed for of in self._weights]
            return list(arrays[: len(expected)]) if found == expected + unused else None
        return None

    def get_config(self) -> Config:
        """Return the constructor's arguments; hyper-parameters are float32, widened."""
        clips = {
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
        }
        rate = schedules.serialize(self.schedule) if self.schedule else float(self._rate.value)
        return {
            "name": self.name,
            **{key: value for key, value in clips.items() if value is not None},
            RATE: rate,
            DECAY: self.decay,
            **{key: float(self._hypers[key].value) for key in self._configured},
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, custom_objects: CustomObjects | None = None
    ) -> Self:
        """Return the optimizer that `get_config`, of any release since Keras 2.0, described."""
        names = {"lr": RATE, "schedule_decay": DECAY}
        renamed = {names.get(key, key): value for key, value in config.items()}
        return super().from_config(renamed, custom_objects=custom_objects)

    def _single(self, name: str, value: float, dtype: Any) -> Variable:
        return Variable(np.asarray(value, dtype), name=f"{self.name}/{name}:0", trainable=False)

    def _clipped(self, gradients: list[np.ndarray]) -> list[np.ndarray]:
        """Clip by value, then by each norm, then by that of all, where each is asked for."""
        if self.clipvalue is not None:
            gradients = [clipped_by_value(g, self.clipvalue) for g in gradients]
        if self.clipnorm is not None:
            gradients = [clipped_by_norm(g, self.clipnorm) for g in gradients]
        if self.global_clipnorm is not None:
            gradients = clipped_by_global_norm(gradients, self.global_clipnorm)
        return gradients


def _shapes(arrays: Sequence[Array]) -> list[tuple[int, ...]]:
    return [array.shape for array in arrays]


def _in_rows(rows: np.ndarray | None, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Return the new values, in those rows alone if there are any."""
    if rows is None:
        return np.asarray(new)
    kept = old.copy()
    kept[rows] = new[rows]
    return kept
