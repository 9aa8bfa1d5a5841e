"""LossScaleOptimizer: keeps gradients of short floating-point numbers from becoming zero."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from saveproof.reference_impl.catalogue import Catalogue, Config
from saveproof.reference_impl.config_types import construct
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.numerics.autodiff import Tape, Tensor, Variable
from saveproof.reference_impl.numerics.indexed_slices import parts, scaled_by
from saveproof.reference_impl.optimizers.legacy.optimizer import LegacyOptimizer
from saveproof.reference_impl.optimizers.missing_gradients import present
from saveproof.reference_impl.optimizers.optimizer import Optimizer
from saveproof.reference_impl.optimizers.updating import deserialize_updating, serialize_updating

FIRST_SCALE, GROWTH_STEPS, MULTIPLIER = 2.0**15, 2000, np.float32(2)

TF_KERAS_NAME = "LossScaleOptimizerV3"
"""The name of the class in files of tf_keras, for optimizers since TensorFlow 2.11."""


class _OfInner:
    """An attribute that belongs to the inner optimizer."""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else getattr(owner.inner_optimizer, self._name)

    def __set__(self, owner: Any, value: Any) -> None:
        setattr(owner.inner_optimizer, self._name, value)


def _of_inner() -> Any:
    return _OfInner()


class LossScaleOptimizer(Optimizer):
    """An optimizer around another, which trains on a scaled loss and unscaled gradients.

    A dynamic scale is doubled after `dynamic_growth_steps` steps with finite gradients. A step with
    others halves it, down to 1, and only counts the iteration.
    Source: Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740, section 3.2, with the rule
    of https://keras.io/2.16/api/mixed_precision/loss_scale_optimizer/.

    Its arguments are all its own, so the constructor is not derived from fields.

    Args:
        inner_optimizer: updates the weights; all settings but the scale belong to it.
        dynamic: whether the scale changes.
        initial_scale: 2^15 by default; required unless dynamic.
        dynamic_growth_steps: 2000 by default; None unless dynamic.

    Raises:
        TypeError: if the inner optimizer is none, a legacy one, or scales the loss itself.
        ValueError: if the other arguments do not go together.
    """

    name = _of_inner()
    built = _of_inner()
    iterations = _of_inner()
    variables = _of_inner()
    slots = _of_inner()
    learning_rate = _of_inner()
    lr = _of_inner()
    schedule = _of_inner()
    restoring = _of_inner()
    use_ema = _of_inner()
    ema_momentum = _of_inner()

    def __init__(
        self,
        inner_optimizer: Any,
        dynamic: bool = True,  # noqa: FBT001 (Keras's signature)
        initial_scale: float | None = None,
        dynamic_growth_steps: int | None = None,
    ) -> None:
        _check(inner_optimizer, initial_scale, dynamic_growth_steps, dynamic=dynamic)
        self.inner_optimizer: Optimizer = inner_optimizer
        self.dynamic = dynamic
        self.initial_scale = float(FIRST_SCALE if initial_scale is None else initial_scale)
        steps = GROWTH_STEPS if dynamic_growth_steps is None else dynamic_growth_steps
        self.dynamic_growth_steps = int(steps) if dynamic else None
        self._scale = _variable(np.float32(self.initial_scale), "current_loss_scale")
        self._counter = _variable(np.int64(0), "good_steps")

    @property
    def updating(self) -> Optimizer:
        """The inner optimizer."""
        return self.inner_optimizer

    @property
    def loss_scale(self) -> np.ndarray:
        """The current scale, float32."""
        return self._scale.value

    @property
    def dynamic_counter(self) -> Variable | None:
        """The number of steps with finite gradients since the last change; None unless dynamic."""
        return self._counter if self.dynamic else None

    @property
    def scale_state(self) -> dict[str, Variable]:
        """The scale and the counter by tf_keras's names; empty unless dynamic."""
        if not self.dynamic:
            return {}
        return {"current_loss_scale": self._scale, "good_steps": self._counter}

    @property
    def extra_state(self) -> dict[str, Variable]:
        """The state of the scale, and that of the inner optimizer."""
        return {**self.inner_optimizer.extra_state, **self.scale_state}

    @property
    def built_for(self) -> list[Variable]:
        """The variables that the inner optimizer was built with."""
        return self.inner_optimizer.built_for

    def build(self, var_list: Sequence[Variable]) -> None:
        """Create the inner optimizer's slots."""
        self.inner_optimizer.build(var_list)

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self.inner_optimizer.build_slots(variables)

    def unbuild(self) -> None:
        """Remove the inner optimizer's slots."""
        self.inner_optimizer.unbuild()

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        self.inner_optimizer.update_step(gradient, variable)

    def exclude_from_weight_decay(
        self, var_list: Sequence[Variable] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Exclude variables from the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Set the variables to the inner optimizer's averages, if it has any."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Assign the inner optimizer's variables."""
        self.inner_optimizer.set_weights(weights)

    def minimize(self, loss: Tensor, var_list: Sequence[Variable], tape: Tape) -> None:
        """Take one step along the unscaled gradients of the scaled loss."""
        with np.errstate(over="ignore", invalid="ignore"):  # too large a scale skips the step
            scaled = tape.gradients(loss, var_list, scale=float(self.loss_scale))
        gradients = self.get_unscaled_gradients(scaled)
        self.apply_gradients(zip(gradients, var_list, strict=True))

    def get_scaled_loss(self, loss: Tensor) -> Tensor:
        """Return the loss times the scale."""
        return loss * float(self.loss_scale)

    def get_unscaled_gradients(self, grads: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
        """Return the gradients divided by the scale."""
        reciprocal = np.float32(1) / self.loss_scale
        return [None if g is None else scaled_by(g, reciprocal) for g in grads]

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[np.ndarray | None, Variable]]
    ) -> Variable:
        """Take one step with unscaled gradients if all are finite; adapt the scale.

        Raises:
            MissingGradientsError: If every gradient is None.
        """
        pairs = list(grads_and_vars)
        self.build([variable for _, variable in pairs])
        gradients, variables = present(pairs)
        finite = all(bool(np.isfinite(parts(gradient)).all()) for gradient in gradients)
        if self.dynamic:
            self._adapt(finite=finite)
        if finite or not self.dynamic:
            return self.inner_optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self.iterations.value = self.iterations.value + np.ones((), np.int64)
        return cast("Variable", self.iterations)

    def _adapt(self, *, finite: bool) -> None:
        scale, count = self._scale.value, int(self._counter.value) + 1
        if not finite:
            count, scale = 0, np.maximum(scale / MULTIPLIER, np.float32(1))
        elif count >= (self.dynamic_growth_steps or 0):
            with np.errstate(over="ignore"):
                grown = scale * MULTIPLIER
            count, scale = 0, grown if np.isfinite(grown) else scale
        self._scale.value, self._counter.value = np.asarray(scale), np.asarray(count, np.int64)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, the inner optimizer as its entry."""
        return {
            "inner_optimizer": serialize_updating(self.inner_optimizer),
            "dynamic": self.dynamic,
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], *, custom_objects: CustomObjects | None = None
    ) -> Self:
        """Return an unbuilt optimizer from its configuration in tf_keras or Keras 3."""
        arguments = {name: value for name, value in config.items() if name != "name"}
        inner = arguments.get("inner_optimizer")
        if isinstance(inner, Mapping):
            with at("inner_optimizer"):
                inner = deserialize_updating(inner, custom_objects=custom_objects)
        return construct(cls, {**arguments, "inner_optimizer": inner})


LOSS_SCALE: Catalogue[LossScaleOptimizer] = Catalogue(
    kind="optimizer",
    module="tf_keras.src.mixed_precision.loss_scale_optimizer",
    entries={"LossScaleOptimizer": LossScaleOptimizer, TF_KERAS_NAME: LossScaleOptimizer},
)


def serialize_loss_scale(optimizer: LossScaleOptimizer, *, use_legacy_format: bool) -> Config:
    """Return the serialized entry, as tf_keras writes it."""
    entry: Config = {"class_name": TF_KERAS_NAME, "config": optimizer.get_config()}
    if use_legacy_format:
        return entry
    return {"module": LOSS_SCALE.module, **entry, "registered_name": TF_KERAS_NAME}


def _check(inner: object, scale: float | None, growth_steps: int | None, *, dynamic: bool) -> None:
    if not isinstance(inner, Optimizer) or isinstance(inner, LegacyOptimizer | LossScaleOptimizer):
        raise TypeError(
            "LossScaleOptimizer: inner_optimizer: expected an optimizer that is neither legacy nor "
            f"a LossScaleOptimizer, found {inner!r:.200}"
        )
    if not isinstance(dynamic, bool):
        raise TypeError(f"LossScaleOptimizer: dynamic: expected True or False, found {dynamic!r}")
    if not dynamic and (scale is None or growth_steps is not None):
        raise ValueError(
            "LossScaleOptimizer: expected an initial_scale and no dynamic_growth_steps if dynamic "
            f"is False, found {scale!r} and {growth_steps!r}"
        )


def _variable(value: np.generic, name: str) -> Variable:
    return Variable(np.asarray(value), name=f"{name}:0", trainable=False)
