"""Faults that show only where the code that loads is not the code that saved."""

from collections.abc import Callable, Sequence
from typing import Any

from saveproof.conformance.mutants.injection import instead
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import Optimizer
from saveproof.reference_impl.saving.checkpoint.restoration import Restoration
from saveproof.reference_impl.saving.hdf5 import model_h5
from saveproof.reference_impl.saving.model_state import restore, restore_training
from saveproof.reference_impl.saving.model_state.assignments import Assignments, WeightsMismatch
from saveproof.reference_impl.state import Extras, NamedArray, WeightsState


@instead(model_h5, "fitting")
def layers_of_other_names_left_out(_: object) -> Callable[..., Any]:
    """A weights file restores layers by their names, and leaves those of other names as made."""

    def fitting(model: Trainer, weights: WeightsState) -> Assignments:
        return restore.fitting_by_name(model, weights)

    return fitting


@instead(restore, "paired")
def layers_of_other_shapes_left_out(original: Callable[..., Any]) -> Callable[..., Any]:
    """A weights file leaves layers as made whose weights have other shapes."""

    def paired(*given: Any, **options: Any) -> Assignments:
        try:
            return list(original(*given, **options))
        except WeightsMismatch:
            return []

    return paired


@instead(Restoration, "advance")
def later_variables_left_out(_: object) -> Callable[..., None]:
    """A checkpoint does not restore variables that are made after the load."""
    return lambda *_: None


@instead(restore_training, "_listed_values")
def slots_in_the_order_of_their_shapes(_: object) -> Callable[..., Any]:
    """The optimizer's variables get the arrays of their shapes in order, whatever now trains."""

    def listed(
        model: Trainer, optimizer: Optimizer, arrays: Sequence[NamedArray], _: Extras
    ) -> dict[Variable, NamedArray]:
        optimizer.build(model.trainable_weights)
        values: dict[Variable, NamedArray] = {}
        left = list(arrays)
        for variable in optimizer.variables:
            fitting = [array for array in left if array.held.shape == variable.shape]
            if fitting:
                left.remove(fitting[0])
                values[variable] = fitting[0]
        return values

    return listed
