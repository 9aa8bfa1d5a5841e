"""The lists in which tf_keras's optimizers keep their slots, and the names that legacy ones have.

Source: tf_keras's optimizer modules, and checkpoints that tf_keras 2.21 wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reference_impl.autodiff import Variable
from reference_impl.optimizers.adagrad import Adadelta, Adagrad, RMSprop
from reference_impl.optimizers.adam import Adam, Adamax
from reference_impl.optimizers.nadam import Nadam
from reference_impl.optimizers.optimizer import Optimizer
from reference_impl.optimizers.sgd import SGD

AVERAGE = "average"
AVERAGES = "_model_variables_moving_average"


@dataclass(frozen=True, slots=True)
class SlotNames:
    """How the slots of a class of optimizers are named in checkpoints.

    Attributes:
        lists: tf_keras's attribute for each slot, in its order.
        optional: slots that only some options ask for.
        legacy: our name for each slot of the optimizer of the same class before TensorFlow 2.11.
    """

    lists: Mapping[str, str]
    legacy: Mapping[str, str]
    optional: frozenset[str] = field(default=frozenset())

    @property
    def required(self) -> set[str]:
        """The slots that are always there once the optimizer is built."""
        return set(self.lists) - self.optional


_ADAM = SlotNames(
    {"m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats"},
    {"m": "m", "v": "v", "vhat": "vhat"},
    frozenset({"vhat"}),
)

SLOT_NAMES: Mapping[type[Optimizer], SlotNames] = {
    SGD: SlotNames({"m": "momentums"}, {"momentum": "m"}),
    RMSprop: SlotNames(
        {
            "velocity": "_velocities",
            "momentum": "_momentums",
            "average_gradient": "_average_gradients",
        },
        {"rms": "velocity", "momentum": "momentum", "mg": "average_gradient"},
        frozenset({"momentum", "average_gradient"}),
    ),
    Adam: _ADAM,
    Nadam: SlotNames({"m": "_momentums", "v": "_velocities"}, {"m": "m", "v": "v"}),
    Adamax: SlotNames({"m": "_m", "u": "_u"}, {"m": "m", "v": "u"}),
    Adagrad: SlotNames({"accumulator": "_accumulators"}, {"accumulator": "accumulator"}),
    Adadelta: SlotNames(
        {
            "accumulated_grad": "_accumulated_grads",
            "accumulated_delta_var": "_accumulated_delta_vars",
        },
        {"accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var"},
    ),
}


def slot_names(optimizer: Optimizer) -> SlotNames | None:
    """Return how the optimizer's slots are named; None for a class of the user's own."""
    found = [SLOT_NAMES[kind] for kind in type(optimizer).__mro__ if kind in SLOT_NAMES]
    return found[0] if found else None


def slot_of(optimizer: Optimizer, variable: Variable) -> str:
    """Return which slot a variable of the optimizer is."""
    return variable.name.removeprefix(f"{optimizer.name}/").partition("/")[0]


def slot_lists(optimizer: Optimizer) -> dict[str, list[Variable]]:
    """Return the slots that there are, in tf_keras's lists."""
    names = slot_names(optimizer)
    lists = {} if names is None else names.lists
    by_slot: dict[str, list[Variable]] = {}
    for variable in optimizer.variables[1:]:
        by_slot.setdefault(slot_of(optimizer, variable), []).append(variable)
    found = {AVERAGES: by_slot[AVERAGE]} if AVERAGE in by_slot else {}
    return found | {lists[slot]: by_slot[slot] for slot in lists if slot in by_slot}
