"""The order of an optimizer's state in HDF5 and archives, for each release of Keras, as a table.

Source: lists that tf_keras 2.21 and Keras 3.0.5, 3.4.1 and 3.15.1 wrote; for those of Keras 2.0 to
2.3, `set_weights` of tf_keras's `optimizers.legacy`, which reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from saveproof.reference_impl.loading import LoadError
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import (
    SGD,
    Adafactor,
    LegacyOptimizer,
    LossScaleOptimizer,
    Nadam,
    Optimizer,
    legacy,
)
from saveproof.reference_impl.optimizers.optimizer import AVERAGE
from saveproof.reference_impl.saving.dialects.dialect import Dialect
from saveproof.reference_impl.state import Array, NamedArray

RATE = "learning_rate"
SLOT = "slot/"
"""The extras' name of a variable that a dialect's list omits: this and a number."""

UNUSED = "unused"
"""The name of a variable that a dialect lists and no optimizer uses."""

ADVICE = "load without it by load_model(compile=False)"


class OptimizerMismatch(LoadError):
    """The optimizer's state does not match the model, or its layout is not supported."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The order of an optimizer's state in the files of a release.

    Attributes:
        release: of Keras or TensorFlow.
        parts: of the list, in order. "loss scale" is that of a LossScaleOptimizer; "rate" is
            omitted if there is a schedule; "product" is that of Nadam's momenta; "slots" are in the
            order of `Optimizer.build_slots`; "used slots" are the same with placeholders, but empty
            for SGD without momentum.
        classes: the optimizer classes with this layout.
        start: the value of a variable that the list omits.
        unused: a slot that is listed even if the optimizer's options do not use it, and its shape;
            None for the shape of the weight.
    """

    release: str
    parts: tuple[str, ...]
    classes: tuple[type[Optimizer], ...] = (Optimizer,)
    start: float = 0.0
    unused: tuple[str, tuple[int, ...] | None] | None = None


TF_KERAS = Layout("tf_keras since TensorFlow 2.11", ("iteration", "averages", "slots"))
KERAS_3 = Layout(
    "Keras 3", ("loss scale", "iteration", "rate", "averages", "used slots", "product")
)
KERAS_3_0 = Layout(
    "Keras 3.0 to 3.4", ("loss scale", "iteration", "rate", "averages", "product", "used slots")
)
TENSORFLOW_2 = Layout("TensorFlow 2.0 to 2.10", ("iteration", "product", "slots"))
KERAS_2 = (
    Layout("Keras 2", ("slots",), (legacy.RMSprop, legacy.Adagrad, legacy.Adadelta)),
    Layout("Keras 2", ("iteration", "slots"), (legacy.Nadam,), start=1.0),
    Layout("Keras 2", ("iteration", "slots"), (legacy.SGD,), unused=("momentum", None)),
    Layout("Keras 2", ("iteration", "slots"), (legacy.Adam,), unused=("vhat", (1,))),
)


def layouts_of(optimizer: Optimizer) -> list[Layout]:
    """Return the possible layouts for an optimizer's class."""
    if isinstance(optimizer, LegacyOptimizer):
        return [each for each in (TENSORFLOW_2, *KERAS_2) if isinstance(optimizer, each.classes)]
    return [TF_KERAS, KERAS_3, KERAS_3_0]


def listed(layout: Layout, optimizer: Optimizer) -> dict[Variable, Variable | None]:
    """Return the variables of a list in order, each with its weight if it is a slot."""
    weights, averages = optimizer.built_for, optimizer.slots.get(AVERAGE, [])
    product = _product(optimizer)
    apart = {optimizer.iterations, *averages, *product}
    slots = [variable for variable in optimizer.variables if variable not in apart]
    parts = {
        "loss scale": _loss_scale(optimizer),
        "iteration": [optimizer.iterations],
        "rate": [] if optimizer.schedule is not None else [optimizer.learning_rate],
        "product": product,
        "averages": averages,
        "slots": slots,
        "used slots": _used(optimizer, slots),
    }
    name, shape = layout.unused or ("", None)
    unused = [
        Variable(np.zeros(shape or weight.shape), name=name)
        for weight in weights
        if name and name not in optimizer.slots
    ]
    groups = [group for group in (*optimizer.slots.values(), unused) if len(group) == len(weights)]
    owners = {slot: of for group in groups for slot, of in zip(group, weights, strict=True)}
    variables = [variable for part in layout.parts for variable in parts[part]]
    return {variable: owners.get(variable) for variable in (*variables, *unused)}


def _loss_scale(optimizer: Optimizer) -> Sequence[Variable]:
    """Return what Keras 3's LossScaleOptimizer lists before its inner optimizer.

    It has an iteration and a rate that it never uses; the counter and scale come with the slots.
    """
    if not isinstance(optimizer, LossScaleOptimizer) or not optimizer.dynamic:
        return []
    unused = [Variable(np.zeros((), dtype), name=UNUSED) for dtype in (np.int32, np.float32)]
    state = [optimizer.scale_state[name] for name in ("good_steps", "current_loss_scale")]
    return [*unused, *(state if optimizer.built else [])]


def _used(optimizer: Optimizer, slots: Sequence[Variable]) -> Sequence[Variable]:
    """Return the slots that Keras 3 lists: with Adafactor's placeholders, weight by weight.

    Inside a LossScaleOptimizer it lists neither them nor Nadam's product.
    """
    if isinstance(optimizer, Adafactor):
        groups = [group for name, group in optimizer.slots.items() if name != AVERAGE]
        return [slot for of_weight in zip(*groups, strict=True) for slot in of_weight]
    updating = optimizer.updating
    return [] if isinstance(updating, SGD) and not updating.momentum else slots


def _product(optimizer: Optimizer) -> list[Variable]:
    """Return the product of Nadam's momenta, which is created with the slots."""
    if isinstance(optimizer, LegacyOptimizer):
        product = list(optimizer.singles.values())[1:]
    else:
        product = list(optimizer.extra_state.values()) if isinstance(optimizer, Nadam) else []
    return product if optimizer.built else []


def optimizer_list(optimizer: Optimizer, dialect: Dialect) -> tuple[NamedArray, ...]:
    """Return the optimizer's variables in the order of the dialect.

    Keras 3 has no legacy optimizers; their list is that of Keras 2 in both dialects.
    """
    if dialect is Dialect.TF_KERAS or isinstance(optimizer, LegacyOptimizer):
        return tuple(NamedArray(variable.name, variable.value) for variable in optimizer.variables)
    names = dict.fromkeys(_product(optimizer), "u_product")
    return tuple(
        NamedArray(names.get(variable, variable.name.removesuffix(":0")), variable.value)
        for variable in listed(KERAS_3, optimizer)
    )


def unlisted(optimizer: Optimizer, dialect: Dialect) -> dict[str, np.ndarray]:
    """Return the variables that the dialect's list omits, by their names in the extras."""
    if dialect is Dialect.TF_KERAS or isinstance(optimizer, LegacyOptimizer):
        return {}
    held = listed(KERAS_3, optimizer)
    missing = [variable for variable in optimizer.variables if variable not in held]
    return {f"{SLOT}{number}": variable.value for number, variable in enumerate(missing)}


def values_by_variable(
    optimizer: Optimizer, arrays: Sequence[NamedArray], outside: Mapping[str, Array]
) -> dict[Variable, NamedArray]:
    """Return each variable's value from a list, after finding the layout that it matches.

    Args:
        optimizer: to restore, built if the list has slots.
        arrays: the list.
        outside: the variables in our extras; a file with them has the first layout that matches.

    Raises:
        OptimizerMismatch: if the list matches no layout, or two with different values.
    """
    kept = [NamedArray(name, outside[name]) for name in outside if name.startswith(SLOT)]
    found: dict[str, dict[Variable, NamedArray]] = {}
    for layout in layouts_of(optimizer):
        variables = listed(layout, optimizer)
        missing = [variable for variable in optimizer.variables if variable not in variables]
        starts = [NamedArray("", np.full_like(each.value, layout.start)) for each in missing]
        taking, given = [*variables, *missing], [*arrays, *(kept or starts)]
        if [variable.shape for variable in taking] == [array.held.shape for array in given]:
            found[layout.release] = dict(zip(taking, given, strict=True))
    where, shapes = f"optimizer {optimizer.name!r}", [array.held.shape for array in arrays]
    if not found:
        expected = [variable.shape for variable in optimizer.variables]
        raise OptimizerMismatch(
            f"{where}: expected state of shapes {expected}, found {shapes}; {ADVICE}"
        )
    first, *others = found.values()
    if not outside and any(_used_in(values) != _used_in(first) for values in others):
        raise OptimizerMismatch(
            f"{where}: expected state that matches one layout, found shapes {shapes}, which match "
            f"{list(found)} with different values; {ADVICE}"
        )
    return first


def _used_in(values: Mapping[Variable, NamedArray]) -> list[Variable]:
    return [variable for variable in values if variable.name != UNUSED]
