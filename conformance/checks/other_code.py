"""The check that code other than that which saved loads all in its place, or is refused.

Values are compared by the layer that has them, whatever its name in the code that loads and in
whatever order. State that the other code may lose must still never be another variable's.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from saveproof.conformance.checks.behaviour import (
    forward_facets,
    output_defects,
    trajectory_defects,
    trajectory_promise,
)
from saveproof.conformance.checks.check import (
    Check,
    Outcome,
    Unjudged,
    not_applicable,
    raised_defect,
    refusal,
    vacuous,
)
from saveproof.conformance.checks.facets import untrained
from saveproof.conformance.checks.places import place
from saveproof.conformance.model_state.contract import STATE, Demand, Facet, Promise
from saveproof.conformance.model_state.snapshot import (
    Inventory,
    Snapshot,
    Value,
    differences,
    equal,
    is_uniform,
    shown,
)
from saveproof.conformance.model_state.trace import OtherCode, Probe, Raised, Trace
from saveproof.reports.findings import Change, Defect, DefectKind, Difference
from saveproof.strategies.case import Departure
from saveproof.strategies.departures import SAME_OUTPUTS, counterparts

OTHER_CODE = "loads_right_or_refuses_other_code"
"""The check's name."""

OTHER_OPTIMIZER = frozenset(
    {Departure.HEAD, Departure.DTYPE, Departure.OPTIMIZER, Departure.UNCOMPILED}
)
"""Departures after which no state of the optimizer has a place."""

_OF_UPDATES = frozenset({DefectKind.TRAINED_STATE, DefectKind.RAISED, DefectKind.NO_TRAINING})


class VariablePlace(NamedTuple):
    """A variable: the address of its layer in the code that saved, and its number in the layer.

    That of a slot is its weight's, with the slot's name.
    """

    layer: str
    number: str
    slot: str = ""


class Held(NamedTuple):
    """An entry of an inventory, and its value."""

    entry: str
    value: Value


Variables = Mapping[VariablePlace, Held]


def loads_right_or_refuses_other_code(trace: Trace) -> Outcome:
    """Require that each value is in its place, or a clear refusal where the contract allows one."""
    other, departure = trace.other_code, trace.case.loading
    if departure is None or other is None or trace.before is None:
        return not_applicable("no other code has loaded the source")
    if other.raised is not None or trace.contract.other_code[departure] is Demand.REFUSED:
        found = _refusal(trace.contract.other_code[departure], other.raised, departure)
    elif not any(trace.before[facet] for facet in STATE):
        return vacuous("the model has no weights")
    else:
        found = tuple(_misplaced(trace, other)) or tuple(_unlike(trace, other))
        if not found and untrained(trace, *STATE):
            return vacuous("training left the weights as they were: fresh ones are equal")
    if isinstance(found, Unjudged):
        return found
    return tuple(replace(defect, loading=str(departure)) for defect in found)


def _refusal(demand: Demand, raised: Raised | None, departure: Departure) -> Outcome:
    if demand is Demand.RIGHT and raised is not None:
        return (raised_defect(raised, raised.stage, where=raised.stage, expected="no error"),)
    return refusal(raised, f"the code that loads is not that which saved ({departure})")


def _misplaced(trace: Trace, other: OtherCode) -> Iterator[Defect]:
    """Yield the state that is not in its place."""
    before, loaded = trace.before, other.loaded
    if before is None or loaded is None:
        return
    layers = counterparts(trace.case)
    same = dict(zip(layers.values(), layers.values(), strict=True))
    for facet in STATE:
        if trace.contract.file_promise(facet):
            yield from _of_layers(
                trace, facet, _variables(before[facet], same), _variables(loaded[facet], layers)
            )
    if trace.case.loading in OTHER_OPTIMIZER or not trace.case.trained_since_compile:
        return
    yield from _of_slots(trace, _slots(before, same), _slots(loaded, layers))
    if trace.contract.facets.get(Facet.ITERATION) is Promise.MUST:
        yield from _defects(
            trace, Facet.ITERATION, before[Facet.ITERATION], loaded[Facet.ITERATION]
        )


def _of_layers(trace: Trace, facet: Facet, saved: Variables, found: Variables) -> Iterator[Defect]:
    for at, (entry, value) in saved.items():
        there = found.get(at)
        values = {} if there is None else {entry: there.value}
        expected = value if there is None else _as_loaded(trace, value, there.value)
        yield from _defects(trace, facet, {entry: expected}, values)
    more = {held.entry: held.value for at, held in found.items() if at not in saved}
    yield from _defects(trace, facet, {}, more)


def _as_loaded(trace: Trace, saved: Value, found: Value) -> Value:
    """Return the saved value, in the dtype that other code gives the variable."""
    if trace.case.loading is not Departure.DTYPE or not isinstance(found, np.ndarray):
        return saved
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(saved).astype(found.dtype)


def _of_slots(trace: Trace, saved: Variables, found: Variables) -> Iterator[Defect]:
    """Yield slots that were promised and are not there, and slots that are another variable's."""
    promised = trace.contract.facets.get(Facet.SLOTS) is Promise.MUST
    for at, (entry, value) in found.items():
        own = saved.get(at)
        if own is not None and equal(own.value, value):
            continue
        if own is not None and promised:
            yield from _defects(trace, Facet.SLOTS, {entry: own.value}, {entry: value})
        elif not is_uniform(value) and any(
            equal(other.value, value) for of, other in saved.items() if of.slot == at.slot
        ):
            expected = "a fresh value" if own is None else shown(own.value)
            taken = Difference(entry, expected, shown(value), Change.VALUE)
            yield _defect(trace, Facet.SLOTS, taken)


def _variables(inventory: Inventory, layers: Mapping[str, str]) -> Variables:
    """Return the entries of an inventory such as `dense/0 kernel` by place."""
    return {_place(entry, layers): Held(entry, value) for entry, value in inventory.items()}


def _place(entry: str, layers: Mapping[str, str]) -> VariablePlace:
    layer, _, variable = entry.rpartition("/")
    return VariablePlace(layers.get(layer, layer), variable.partition(" ")[0])


def _slots(snapshot: Snapshot, layers: Mapping[str, str]) -> Variables:
    """Return the slots by their weights: those of one name are in the order of the weights.

    A slot is left out that is not of each weight that trains, or has another shape than its weight.
    """
    weights = [
        (_place(entry, layers), np.shape(value))
        for entry, value in snapshot[Facet.WEIGHTS].items()
        if _trains(snapshot, entry)
    ]
    named: dict[str, list[Held]] = {}
    for entry, value in snapshot[Facet.SLOTS].items():
        named.setdefault(entry.partition(" ")[2], []).append(Held(entry, value))
    return {
        of._replace(slot=name): held
        for name, several in named.items()
        if [np.shape(held.value) for held in several] == [shape for _, shape in weights]
        for (of, _), held in zip(weights, several, strict=True)
    }


def _trains(snapshot: Snapshot, entry: str) -> bool:
    """Return whether the weight's layer, and every model around it, is not frozen."""
    parts = entry.split("/")[:-1]
    outer = ("/".join(parts[:length]) for length in range(len(parts) + 1))
    return all(snapshot[Facet.TRAINABLE].get(address, True) for address in outer)


def _defects(trace: Trace, facet: Facet, expected: Inventory, found: Inventory) -> Iterator[Defect]:
    return (_defect(trace, facet, one) for one in differences(expected, found))


def _defect(trace: Trace, facet: Facet, difference: Difference) -> Defect:
    at = place(trace, facet, difference.where)
    return Defect(
        DefectKind.STATE,
        difference,
        facet=facet,
        classes=at.classes,
        name=at.name,
        lost=facet is Facet.SLOTS,
    )


def _unlike(trace: Trace, other: OtherCode) -> Iterator[Defect]:
    """Yield other outputs, and another state after training on, where both should be the same."""
    original, resumed = trace.original, other.trajectory
    if original is None or resumed is None or trace.case.loading not in SAME_OUTPUTS:
        return
    if original.outputs and trace.contract.promise(*forward_facets(trace)) is Promise.MUST:
        yield from output_defects(original, resumed, trace.exactness)
    trains_on = resumed.steps and trajectory_promise(trace) is Promise.MUST
    if trains_on and not trace.case.set_since_compile:
        onward = trajectory_defects(original, resumed, trace.exactness)
        yield from [defect for defect in onward if defect.kind in _OF_UPDATES][:1]


OTHER_CODE_CHECKS = (
    Check(
        OTHER_CODE,
        "Code that is not the code which saved loads each value into its place, or is refused with "
        "an error that says why.",
        (),
        promise=lambda trace: (
            Promise.MUST if trace.case.loading in trace.contract.other_code else None
        ),
        find=loads_right_or_refuses_other_code,
        probe=Probe.OTHER_CODE,
        trains_on=True,
    ),
)
