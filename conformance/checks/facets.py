"""Checks that one kind of state survives: its inventory before the save and after the load."""

from collections.abc import Iterator, Sequence, Set

import numpy as np

from saveproof.conformance.checks.check import (
    Check,
    Outcome,
    Unjudged,
    frozen_since_compile,
    not_applicable,
    vacuous,
)
from saveproof.conformance.checks.places import place
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import (
    UNREADABLE,
    Inventory,
    differences,
    same,
)
from saveproof.conformance.model_state.trace import Trace
from saveproof.reports.findings import Change, Defect, DefectKind, Difference

MOVED_BY_TRAINING = (
    Facet.WEIGHTS,
    Facet.NON_TRAINABLE,
    Facet.SLOTS,
    Facet.ITERATION,
    Facet.RNG,
    Facet.METRICS,
    Facet.RECURRENT,
)
"""Facets that have their untrained value when a load loses them."""

OF_STEPS = (Facet.SLOTS, Facet.ITERATION)
"""Facets that depend on whether the optimizer was compiled for the flags in force."""

BUILT_LATE = (Facet.SLOTS, Facet.METRICS)
"""Facets that are built when they are first needed: an empty one is equal to a fresh one.

A load or a save may build them; the training after it shows whether they are fresh.
"""

_SENTENCES = {
    Facet.ARCHITECTURE: (
        "architecture_survives",
        "The config of the model that comes back is the config of the model that was saved.",
    ),
    Facet.ARGUMENTS: (
        "arguments_survive",
        "Every argument that the case gave a layer is on the layer that comes back.",
    ),
    Facet.BEHAVIOUR: (
        "behaviour_survives",
        "An object that comes back does the same on probe inputs: values, losses, masks, updates.",
    ),
    Facet.SHARING: (
        "layer_sharing_survives",
        "Layers shared before the save are shared after the load, on the same tensors.",
    ),
    Facet.NAMES: ("names_survive", "Names of layers and variables come back, in order."),
    Facet.WEIGHTS: (
        "weights_survive",
        "Every weight comes back with its dtype, shape and bytes.",
    ),
    Facet.NON_TRAINABLE: (
        "non_trainable_state_survives",
        "Non-trainable state (moving statistics) comes back to the byte.",
    ),
    Facet.TRAINABLE: (
        "trainable_flags_survive",
        "Frozen layers come back frozen, and no other layers do.",
    ),
    Facet.DTYPE_POLICY: ("dtype_policy_survives", "Every layer comes back with its dtype policy."),
    Facet.COMPILE: (
        "compile_settings_survive",
        "Losses, metrics and loss weights come back as they were compiled.",
    ),
    Facet.OPTIMIZER: (
        "optimizer_config_survives",
        "The optimizer comes back with its class and hyper-parameters.",
    ),
    Facet.SLOTS: ("optimizer_slots_survive", "Every optimizer slot comes back to the byte."),
    Facet.ITERATION: ("iteration_survives", "The optimizer's iteration comes back."),
    Facet.LEARNING_RATE: (
        "learning_rate_survives",
        "The learning rate, or its schedule, comes back.",
    ),
    Facet.RNG: (
        "rng_state_survives",
        "The state of the model's own random generators comes back.",
    ),
    Facet.METRICS: ("metric_state_survives", "The totals that metrics have collected come back."),
    Facet.RECURRENT: (
        "recurrent_state_survives",
        "The states of stateful recurrent layers come back.",
    ),
}


def facet_check(facet: Facet) -> Check:
    """Return the check that the facet survives."""
    name, statement = _SENTENCES[facet]
    return Check(
        name,
        statement,
        (facet,),
        promise=lambda trace: trace.contract.file_promise(facet),
        find=lambda trace: survives(trace, facet),
        trains_on=facet is Facet.RNG,  # further training shows which generators are drawn from
    )


FACET_CHECKS = tuple(facet_check(facet) for facet in Facet)


def survives(trace: Trace, facet: Facet) -> Outcome:
    """Return the differences of the facet between the saved and the loaded model."""
    if trace.before is None or trace.loaded is None or trace.fresh is None:
        return not_applicable("there is no round trip to compare")
    if facet not in trace.before.facets:
        return not_applicable(f"the subject does not show its {facet}")
    before, loaded = trace.before[facet], trace.loaded[facet]
    if UNREADABLE in before:
        return not_applicable(f"the {facet} {UNREADABLE}: {before[UNREADABLE]}")
    found = tuple(inventory_defects(trace, facet, before, loaded))
    return found or _vacuous(trace, facet, before) or ()


def unmentioned(trace: Trace) -> dict[str, bool]:
    """Return whether state came back that the contract does not mention, by facet.

    Facets of which a loss would not show on this case are left out.
    """
    outcomes = {f: survives(trace, f) for f in Facet if f not in trace.contract.facets}
    return {str(f): not one for f, one in outcomes.items() if not isinstance(one, Unjudged)}


def inventory_defects(
    trace: Trace, facet: str, expected: Inventory, found: Inventory
) -> Iterator[Defect]:
    """Yield a defect for each difference."""
    if facet in BUILT_LATE and not expected:
        return
    if facet is Facet.RNG:
        drawn = _drawn_from(trace)
        expected, found = _only(expected, drawn), _only(found, drawn)
    if facet is Facet.METRICS:
        expected, found = _counted(expected, found), _counted(found, expected)
    if trace.case.is_object:
        yield from _object_defects(trace, facet, tuple(differences(expected, found)))
        return
    for difference in differences(expected, found):
        yield _state_defect(trace, facet, difference)


def _object_defects(trace: Trace, facet: str, found: Sequence[Difference]) -> Iterator[Defect]:
    """Yield what differs in an object: a defect for each argument, or one of what is under test.

    A config and a behaviour differ because of a lost argument, if there is one.
    """
    if facet == Facet.ARGUMENTS:
        yield from _argument_defects(found)
    elif found:
        seen = (trace.before, trace.loaded)
        before, loaded = (one[Facet.ARGUMENTS] if one else {} for one in seen)
        lost = _argument_defects(tuple(differences(before, loaded)))
        telling = (one for one in found if one.distance is not None)
        yield Defect(
            DefectKind.STATE,
            next(telling, found[0]),
            facet=facet,
            classes=(trace.case.architecture.name,),
            name=" and ".join(trace.case.tested),
            lost=True,
            origin=next(lost, None),
        )


def _argument_defects(found: Sequence[Difference]) -> Iterator[Defect]:
    """Yield a defect for each argument, whatever differs in it.

    An entry is the class that decides the argument, its name, and what leads into its value.
    """
    by_argument: dict[tuple[str, ...], list[Difference]] = {}
    for one in found:
        by_argument.setdefault(tuple(one.where.split("/")[:2]), []).append(one)
    for (*owner, name), several in by_argument.items():
        values = (one for one in several if one.change is Change.VALUE)
        yield Defect(
            DefectKind.STATE,
            next(values, several[0]),
            facet=Facet.ARGUMENTS,
            classes=tuple(owner),
            name=name,
            lost=True,
        )


def _drawn_from(trace: Trace) -> frozenset[str]:
    """Return the generators of the original whose state changed: others draw nothing that counts.

    A recurrent layer without dropout has a generator too, and never draws from it.
    """
    steps = () if trace.original is None else trace.original.steps
    seen = (trace.fresh, trace.before, trace.saved, *(step.snapshot for step in steps))
    states = [snapshot[Facet.RNG] for snapshot in seen if snapshot is not None]
    names = {name for inventory in states for name in inventory}
    changed = {
        name
        for name in names
        if any(not same(_only(states[0], {name}), _only(one, {name})) for one in states[1:])
    }
    return frozenset({UNREADABLE, *changed})


def _counted(totals: Inventory, other: Inventory) -> Inventory:
    """Return the totals without zeros that the other model lacks: its metric will begin with them.

    A metric that was reset before the save has nothing to lose.
    """
    return {name: total for name, total in totals.items() if name in other or np.any(total)}


def _only(inventory: Inventory, names: Set[str]) -> Inventory:
    return {name: value for name, value in inventory.items() if name in names}


def untrained(trace: Trace, *facets: Facet) -> bool:
    """Return whether training left the facets unchanged."""
    fresh, before = trace.fresh, trace.before
    return (
        fresh is not None
        and before is not None
        and all(same(fresh[facet], before[facet]) for facet in facets)
    )


def _vacuous(trace: Trace, facet: Facet, before: Inventory) -> Unjudged | None:
    if not before:
        return vacuous(f"the model has no {facet}")
    if facet in MOVED_BY_TRAINING and untrained(trace, facet):
        return vacuous(f"training left the {facet} as it was: a fresh one is equal")
    if facet is Facet.BEHAVIOUR and trace.case.tested and untrained(trace, facet):
        return vacuous("the object behaves the same without the arguments under test")
    if facet is Facet.TRAINABLE and all(before.values()):
        return vacuous("nothing is frozen: a lost flag is equal")
    if facet is Facet.DTYPE_POLICY and set(map(str, before.values())) == {"float32"}:
        return vacuous("every policy is the default one")
    if facet is Facet.SHARING and not trace.case.shares_layers:
        return vacuous("no layer is shared")
    return None


def _state_defect(trace: Trace, facet: str, difference: Difference) -> Defect:
    """Return the defect; any change of a metric or slot counts as its loss."""
    entry = place(trace, facet, difference.where)
    return Defect(
        DefectKind.STATE,
        difference,
        facet=facet,
        classes=entry.classes,
        name=entry.name,
        lost=facet in (Facet.SLOTS, Facet.METRICS),
        frozen_since_compile=facet in OF_STEPS and frozen_since_compile(trace),
    )
