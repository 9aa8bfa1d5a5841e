"""The check that a model which comes back with fresh weights has those of a new model.

Its initializers come back with their arguments: a lost gain or seed shows in the weights alone
where the config and the live layer forget it alike.
"""

from collections.abc import Iterator

from saveproof.conformance.checks.check import Check, Outcome, not_applicable, vacuous
from saveproof.conformance.checks.origins import with_origin
from saveproof.conformance.checks.places import place
from saveproof.conformance.model_state.contract import STATE, Contract, Facet, Promise
from saveproof.conformance.model_state.snapshot import Snapshot, Value, differences
from saveproof.conformance.model_state.trace import Trace
from saveproof.reports.findings import Defect, DefectKind, Difference

NONE_DETERMINED = "the arguments of the layers determine no initial weight: each build draws others"


def fresh_weights_match_a_new_model(trace: Trace) -> Outcome:
    """Compare the fresh weights that came back with a new model's, where all new models agree.

    A weight that is drawn without a seed of its own differs from build to build, and shows nothing.
    """
    if trace.fresh is None or trace.loaded is None:
        return not_applicable("there is no loaded model to compare")
    if not any(_common(trace.fresh, trace.loaded)):
        return vacuous("the model has no weights")
    different = list(_differing(trace.fresh, trace.loaded))
    if not different:
        return ()
    if trace.anew is None:
        return not_applicable("no second new model was built")
    drawn = {(facet, one.where) for facet, one in _differing(trace.fresh, trace.anew)}
    found = [(f, one) for f, one in different if (f, one.where) not in drawn]
    if not found and len(drawn) == len(list(_common(trace.fresh, trace.loaded))):
        return vacuous(NONE_DETERMINED)
    return tuple(_defect(trace, facet, one) for facet, one in found)


def other_initial_weights(contract: Contract, fresh: Snapshot, loaded: Snapshot) -> bool:
    """Return whether fresh weights are promised, and others came back than the model began with."""
    return _promise(contract) is not None and any(_differing(fresh, loaded))


def _common(one: Snapshot, other: Snapshot) -> Iterator[tuple[Facet, str]]:
    """Yield the weights that both have; other checks compare names."""
    yield from ((facet, name) for facet in STATE for name in one[facet] if name in other[facet])


def _differing(one: Snapshot, other: Snapshot) -> Iterator[tuple[Facet, Difference]]:
    for facet, name in _common(one, other):
        expected: dict[str, Value] = {name: one[facet][name]}
        yield from ((facet, d) for d in differences(expected, {name: other[facet][name]}))


def _defect(trace: Trace, facet: Facet, difference: Difference) -> Defect:
    entry = place(trace, facet, difference.where)
    defect = Defect(
        DefectKind.INITIAL, difference, facet=facet, classes=entry.classes, name=entry.name
    )
    return with_origin(trace, defect)


def _promise(contract: Contract) -> Promise | None:
    """Return the promise of the arguments, where a document says that weights are fresh."""
    fresh = contract.facets.get(Facet.WEIGHTS) is Promise.FRESH
    return contract.file_promise(Facet.ARGUMENTS) if fresh else None


INITIAL_CHECKS = (
    Check(
        "fresh_weights_match_a_new_model",
        "A model that comes back with fresh weights has those of a new model, where the arguments "
        "of its initializers determine them.",
        (Facet.ARGUMENTS,),
        promise=lambda trace: _promise(trace.contract),
        find=fresh_weights_match_a_new_model,
    ),
)
