"""Names of optimizer slots in tf_keras, in new-style optimizers and legacy ones.

Source: tf_keras's optimizer modules, and checkpoints that tf_keras 2.21 wrote.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import legacy
from saveproof.reference_impl.optimizers.adafactor import Adafactor
from saveproof.reference_impl.optimizers.adagrad import Adadelta, Adagrad, RMSprop
from saveproof.reference_impl.optimizers.adam import Adam, Adamax
from saveproof.reference_impl.optimizers.ftrl import Ftrl
from saveproof.reference_impl.optimizers.legacy.optimizer import LegacyOptimizer
from saveproof.reference_impl.optimizers.lion import Lion
from saveproof.reference_impl.optimizers.nadam import Nadam
from saveproof.reference_impl.optimizers.optimizer import AVERAGE, Optimizer
from saveproof.reference_impl.optimizers.sgd import SGD

AVERAGES = "_model_variables_moving_average"


@dataclass(frozen=True, slots=True)
class SlotNames:
    """The slot names of an optimizer class in checkpoints.

    Attributes:
        lists: tf_keras's attribute for each slot, in order.
        legacy_class: the optimizer of the same name before TensorFlow 2.11, if `legacy` has it.
        legacy: our name for each of its slots.
        optional: slots that exist only with some options.
        differs: how the legacy formula differs, so that its state cannot be used here.
        alike_with: the legacy slot whose presence means that the formulas agree after all.
    """

    lists: Mapping[str, str]
    legacy_class: Callable[[], LegacyOptimizer] | None = None
    legacy: Mapping[str, str] = field(default_factory=dict)
    optional: frozenset[str] = field(default=frozenset())
    differs: str = ""
    alike_with: str = ""


_EPSILON = "its epsilon is outside the root"

_ADAM = SlotNames(
    {"m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats"},
    legacy.Adam,
    {"m": "m", "v": "v", "vhat": "vhat"},
    frozenset({"vhat"}),
)

SLOT_NAMES: Mapping[type[Optimizer], SlotNames] = {
    SGD: SlotNames({"m": "momentums"}, legacy.SGD, {"momentum": "m"}),
    RMSprop: SlotNames(
        {
            "velocity": "_velocities",
            "momentum": "_momentums",
            "average_gradient": "_average_gradients",
        },
        legacy.RMSprop,
        {"rms": "velocity", "momentum": "momentum", "mg": "average_gradient"},
        frozenset({"momentum", "average_gradient"}),
        differs=_EPSILON,
        alike_with="momentum",
    ),
    Adam: _ADAM,
    Nadam: SlotNames(
        {"m": "_momentums", "v": "_velocities"},
        legacy.Nadam,
        {"m": "m", "v": "v"},
        differs="its momentum follows another schedule",
    ),
    Adamax: SlotNames({"m": "_m", "u": "_u"}, legacy.Adamax, {"m": "m", "v": "u"}),
    Adagrad: SlotNames(
        {"accumulator": "_accumulators"},
        legacy.Adagrad,
        {"accumulator": "accumulator"},
        differs=_EPSILON,
    ),
    Adadelta: SlotNames(
        {
            "accumulated_grad": "_accumulated_grads",
            "accumulated_delta_var": "_accumulated_delta_vars",
        },
        legacy.Adadelta,
        {"accum_grad": "accumulated_grad", "accum_var": "accumulated_delta_var"},
    ),
    Lion: SlotNames({"m": "momentums"}),
    Adafactor: SlotNames({"r": "_r", "c": "_c", "v": "_v"}),
    Ftrl: SlotNames({"accumulator": "_accumulators", "linear": "_linears"}),
}


def slot_names(optimizer: Optimizer) -> SlotNames | None:
    """Return the slot names of the optimizer's class; None for a user's class."""
    found = [SLOT_NAMES[kind] for kind in type(optimizer.updating).__mro__ if kind in SLOT_NAMES]
    return found[0] if found else None


def slot_lists(optimizer: Optimizer) -> dict[str, list[Variable]]:
    """Return the optimizer's slots by tf_keras's attribute."""
    names = slot_names(optimizer)
    lists = {AVERAGE: AVERAGES, **({} if names is None else names.lists)}
    return {lists[slot]: listed for slot, listed in optimizer.slots.items() if slot in lists}
