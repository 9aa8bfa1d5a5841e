"""Checks of saving and loading: completing, refusing, leaving the model alone, repeating."""

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace

from saveproof.conformance.checks.behaviour import output_defects, trajectory_defects
from saveproof.conformance.checks.check import (
    Check,
    Outcome,
    not_applicable,
    raised_defect,
    refusal,
    vacuous,
)
from saveproof.conformance.checks.facets import inventory_defects
from saveproof.conformance.checks.metrics import with_metric
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.snapshot import LIVE, Snapshot, Value, equal, is_uniform
from saveproof.conformance.model_state.trace import Probe, Raised, Trace
from saveproof.reports.findings import Defect, DefectKind, Difference
from saveproof.strategies.case import Kind

CHANGES_NOTHING = "saving_changes_nothing"
"""The check that a save leaves the live model as it was."""

NOTHING_SEEN = "the subject shows nothing of what would be compared"

_OF_STEPS = frozenset({Facet.SLOTS, Facet.ITERATION})
"""Facets that are fresh in an optimizer that has taken no step, also after a recompile."""


def round_trip_completes(trace: Trace) -> Outcome:
    """Report an exception of a save or a load that the contract says succeeds."""
    return () if trace.raised is None else (_unexpected(trace.raised),)


def refusal_says_why(trace: Trace) -> Outcome:
    """Require a clear refusal where the contract excludes the model."""
    return refusal(trace.raised, trace.contract.refuses[trace.case.architecture.kind])


def unbuilt_model_is_refused(trace: Trace) -> Outcome:
    """Require a clear refusal of a model without weights."""
    return refusal(trace.unbuilt, "the model has no weights yet")


def saving_changes_nothing(trace: Trace) -> Outcome:
    """Compare the live model after the save with the same model before it."""
    if trace.before is None or trace.saved is None:
        return not_applicable("the model was not saved")
    if not any(trace.before.facets.values()):
        return vacuous(NOTHING_SEEN)
    found = (
        *_snapshot_defects(trace, trace.before, trace.saved, tuple(Facet)),
        *inventory_defects(trace, LIVE, trace.before.live, trace.saved.live),
    )
    changed = tuple(replace(defect, action="saved") for defect in found)
    return changed if trace.spoiled is None else (*changed, _spoiled(trace.spoiled))


def _spoiled(raised: Raised) -> Defect:
    expected = "what it does without a save"
    return raised_defect(raised, "saved", where="training", expected=expected)


def second_generation_equals_first(trace: Trace) -> Outcome:
    """Compare the loaded model with the result of saving and loading it once more."""
    if trace.loaded is None or trace.second is None:
        return not_applicable("the loaded model was not saved again")
    promised = _promised(trace)
    if not any(trace.loaded[facet] for facet in promised):
        return vacuous(NOTHING_SEEN)
    return _snapshot_defects(trace, trace.loaded, trace.second, promised)


def another_process_loads_the_same(trace: Trace) -> Outcome:
    """Compare the model that another process loads, and its training, with this process's."""
    other_process = trace.other_process
    if other_process is None or trace.loaded is None or trace.resumed is None:
        return not_applicable("no other process loaded the source")
    state = _snapshot_defects(trace, trace.loaded, other_process.loaded, _promised(trace))
    exactness = trace.exactness
    outputs = output_defects(trace.resumed, other_process.trajectory, exactness)
    onward = next(trajectory_defects(trace.resumed, other_process.trajectory, exactness), None)
    return (*state, *outputs, *(() if onward is None else (with_metric(trace, onward),)))


def what_must_be_fresh_is_fresh(trace: Trace) -> Outcome:
    """Require that state which must not come back differs from the trained state."""
    fresh, before, loaded = trace.fresh, trace.before, trace.loaded
    if fresh is None or before is None or loaded is None:
        return not_applicable("there is no loaded model to compare")
    moved = [f for f in _fresh(trace) if list(_kept(fresh, before, before, f))]
    if not trace.case.trained_since_compile:
        moved = [f for f in moved if f not in _OF_STEPS]
    if not moved:
        return vacuous("training moved nothing that must be fresh")
    return tuple(defect for facet in moved for defect in _kept(fresh, before, loaded, facet))


def _fresh(trace: Trace) -> list[Facet]:
    return [f for f, promise in trace.contract.facets.items() if promise is Promise.FRESH]


def _kept(fresh: Snapshot, before: Snapshot, found: Snapshot, facet: Facet) -> Iterator[Defect]:
    for name, trained in before[facet].items():
        if name not in found[facet] or not equal(trained, found[facet][name]):
            continue
        first = fresh[facet].get(name)
        if _may_be_first(trained, fresh) if first is None else equal(trained, first):
            continue
        difference = Difference(name, "a fresh value", "the trained value")
        yield Defect(DefectKind.NOT_FRESH, difference, facet=facet)


def _may_be_first(slot: Value, fresh: Snapshot) -> bool:
    """Return whether a slot may have its first value: one number throughout, or an averaged weight.

    A fresh optimizer may have no slots to compare, and a slot without a gradient keeps its value.
    """
    if not isinstance(slot, np.ndarray) or not slot.size:
        return False
    weights = fresh[Facet.WEIGHTS].values()
    return is_uniform(slot) or any(equal(slot, weight) for weight in weights)


def _snapshot_defects(
    trace: Trace, expected: Snapshot, found: Snapshot, facets: tuple[Facet, ...]
) -> tuple[Defect, ...]:
    return tuple(
        defect
        for facet in facets
        for defect in inventory_defects(trace, facet, expected[facet], found[facet])
    )


def _promised(trace: Trace) -> tuple[Facet, ...]:
    return tuple(facet for facet in Facet if trace.contract.file_promise(facet))


def _unexpected(raised: Raised) -> Defect:
    return raised_defect(raised, raised.stage, where=raised.stage, expected="no error")


def _always(trace: Trace) -> Promise:  # noqa: ARG001 - each check has a function of a trace
    return Promise.MUST


def _saves_again(trace: Trace) -> Promise | None:
    return None if trace.contract.outputs_only else Promise.MUST


def _refuses(trace: Trace) -> Promise | None:
    return Promise.MUST if trace.is_refused else None


def _has_fresh_state(trace: Trace) -> Promise | None:
    return Promise.MUST if _fresh(trace) else None


def _refuses_unbuilt(trace: Trace) -> Promise | None:
    """Return the promise for subclassed models, the only ones that can be without weights."""
    if trace.case.architecture.kind is not Kind.SUBCLASSED:
        return None
    if trace.contract.refuses_unbuilt:
        return Promise.MUST
    return Promise.SHOULD if trace.contract.file_promise(Facet.WEIGHTS) else None


def _reloads_elsewhere(trace: Trace) -> Promise | None:
    """Return a SHOULD where the model draws from generators that no document restores."""
    if trace.in_memory:
        return None
    drawing = trace.case.is_stochastic and trace.contract.facets.get(Facet.RNG) is Promise.SHOULD
    return Promise.SHOULD if drawing else Promise.MUST


HANDLING_CHECKS = (
    Check(
        "round_trip_completes",
        "Saving and loading a model that the contract covers raises no error.",
        (),
        promise=_always,
        find=round_trip_completes,
    ),
    Check(
        "refusal_says_why",
        "A model that the contract excludes is refused, with an error that says why.",
        (),
        promise=_refuses,
        find=refusal_says_why,
        of_refusals=True,
    ),
    Check(
        "unbuilt_model_is_refused",
        "A subclassed model without weights is refused, with an error that says why.",
        (),
        promise=_refuses_unbuilt,
        find=unbuilt_model_is_refused,
        probe=Probe.UNBUILT,
        of_refusals=True,
    ),
    Check(
        CHANGES_NOTHING,
        "A save leaves the live model unchanged in every facet, and able to train.",
        (),
        promise=_always,
        find=saving_changes_nothing,
    ),
    Check(
        "what_must_be_fresh_is_fresh",
        "State that the path does not save comes back fresh, not trained.",
        (),
        promise=_has_fresh_state,
        find=what_must_be_fresh_is_fresh,
    ),
    Check(
        "second_generation_equals_first",
        "Saving and loading the loaded model gives the same model again.",
        (),
        promise=_saves_again,
        find=second_generation_equals_first,
        probe=Probe.SECOND_GENERATION,
    ),
    Check(
        "another_process_loads_the_same",
        "Another process, which never built the model, loads the same model and trains it "
        "identically.",
        (),
        promise=_reloads_elsewhere,
        find=another_process_loads_the_same,
        probe=Probe.ANOTHER_PROCESS,
        needs_determinism=True,
        trains_on=True,
    ),
)
