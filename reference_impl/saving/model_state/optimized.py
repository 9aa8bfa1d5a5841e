"""Matching of an optimizer's state to weights, by the positions, names or shapes in the file."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from saveproof.reference_impl.engine.flags import held
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.weights import each_once
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import Optimizer
from saveproof.reference_impl.saving.model_state.optimizer_lists import (
    ADVICE,
    Layout,
    OptimizerMismatch,
    layouts_of,
    listed,
)

Weights = list[Variable]
Shapes = list[tuple[int, ...]]


def weights_at(model: Trainer, places: Sequence[int]) -> Weights:
    """Return the weights at the positions that our own files contain.

    Raises:
        OptimizerMismatch: if a position is out of range.
    """
    weights = model.weights
    if any(not 0 <= place < len(weights) for place in places):
        raise OptimizerMismatch(
            f"model {model.name!r}: expected positions of optimized weights below {len(weights)}, "
            f"found {sorted(places)}"
        )
    return [weights[place] for place in places]


def weights_of_list(
    model: Trainer, optimizer: Optimizer, names: Sequence[str], shapes: Shapes
) -> Weights:
    """Return the weights to which the state of an unbuilt optimizer belongs.

    If the `names` in the list are those of our optimizer's slots, they determine the weights.
    Otherwise the result is the first of these sets that matches the `shapes`: all trainable
    weights; the weights that would be trainable if no layer were frozen; the trainable weights and
    those of some frozen layers, since tf_keras keeps the slots of a layer frozen after training.
    If none matches, return the trainable weights; comparing the list with their slots then raises
    the error.

    Raises:
        OptimizerMismatch: if several sets of frozen layers match, or a trainable weight has no
            slots.
    """
    trains, where = model.trainable_weights, f"optimizer {optimizer.name!r}"
    choices = _choices(model, optimizer, names, shapes)
    if len(choices) > 1:
        either = " or ".join(str([weight.name for weight in weights]) for weights in choices)
        raise OptimizerMismatch(
            f"{where}: expected state that matches one set of frozen layers, found shapes {shapes},"
            f" which match {len(choices)} sets, with the weights {either}; {ADVICE}"
        )
    (chosen,) = choices or [trains]
    if lacking := [weight.name for weight in trains if weight not in chosen]:
        raise OptimizerMismatch(
            f"{where}: expected slots of all trainable weights, found none of {lacking}, whose "
            f"layers were frozen at the optimizer's first step; {ADVICE}"
        )
    return chosen


def _choices(
    model: Trainer, optimizer: Optimizer, names: Sequence[str], shapes: Shapes
) -> list[Weights]:
    """Return the sets of weights for which a list matches a layout."""
    layers, trains = list(model.flatten_layers()), model.trainable_weights
    with held([(layer, True) for layer in layers]):
        every = model.trainable_weights
    owner = {of: id(layer) for layer in layers for of in layer.own_weights(trainable=True)}
    groups = [list(group) for _, group in groupby(every, key=owner.__getitem__)]
    found: dict[tuple[int, ...], Weights] = {}
    for layout in layouts_of(optimizer) if every else ():
        whole = _listed(layout, optimizer, every)
        slots = [(of, variable.name) for variable, of in whole.items()]
        likely = [
            each for each in (trains, every) if _shapes(_listed(layout, optimizer, each)) == shapes
        ]
        for weights in (
            _named(slots, names)
            or likely[:1]
            or _of_some_layers(_shapes_of_weights(whole, shapes), groups, trains)
        ):
            if _shapes(_listed(layout, optimizer, weights)) == shapes:
                found[tuple(map(id, weights))] = weights
    return list(found.values())


def _listed(
    layout: Layout, optimizer: Optimizer, weights: Weights
) -> dict[Variable, Variable | None]:
    """Return the list that the optimizer would have if it were built for these weights."""
    copy = type(optimizer).from_config(optimizer.get_config())
    copy.build(weights)
    return listed(layout, copy)


def _shapes(variables: Iterable[Variable]) -> Shapes:
    return [variable.shape for variable in variables]


def _named(slots: Sequence[tuple[Variable | None, str]], names: Sequence[str]) -> list[Weights]:
    """Return the weights whose slots have these names; Keras 3 omits the output's number."""
    by_name = {name.removesuffix(":0"): of for of, name in slots if of is not None}
    bare = [name.removesuffix(":0") for name in names]
    singles = sum(of is None for of, _ in slots)
    named = [by_name[name] for name in bare if name in by_name]
    known = len(by_name) + singles == len(slots) and len(named) + singles == len(names)
    return [each_once(named)] if named and known else []


def _shapes_of_weights(held: Mapping[Variable, Variable | None], shapes: Shapes) -> Shapes:
    """Return the shapes of the weights in a list, taken from the first slot of each.

    `held` are the variables of the list for all weights. The result is empty if some slots have
    another shape than their weights, as Adafactor's.
    """
    if any(of is not None and of.shape != slot.shape for slot, of in held.items()):
        return []
    owners = list(held.values())
    first: dict[Variable, int] = {}
    for place, owner in enumerate(owners):
        if owner is not None:
            first.setdefault(owner, place)
    singles = sum(owner is None for owner in owners)
    slots_each = (len(owners) - singles) // max(len(first), 1)
    count, rest = divmod(max(len(shapes) - singles, 0), max(slots_each, 1))
    return [] if rest else [shapes[place] for place in list(first.values())[:count]]


def _of_some_layers(shapes: Shapes, groups: Sequence[Weights], trains: Weights) -> list[Weights]:
    """Return up to two sets of layers with weights of these shapes that include all trainable."""
    ends: dict[int, list[Weights]] = {0: [[]]}
    for group in groups:
        begun, ends = ends, {}
        for start, choices in begun.items():
            end = start + len(group)
            if shapes[start:end] == _shapes(group):
                ends.setdefault(end, []).extend([*choice, *group] for choice in choices)
            if group[0] not in trains:
                ends.setdefault(start, []).extend(choices)
        ends = {end: choices[:2] for end, choices in ends.items()}
    return ends.get(len(shapes), []) if shapes else []
