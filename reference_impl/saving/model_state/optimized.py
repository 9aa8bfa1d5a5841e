"""Which weights an optimizer's state is of: by places, names or shapes that the file states."""

from collections.abc import Iterable, Sequence
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
    """Return the weights at the places that a file of ours states.

    Raises:
        OptimizerMismatch: if a place is none of the model's weights.
    """
    weights = model.weights
    if any(not 0 <= place < len(weights) for place in places):
        raise OptimizerMismatch(
            f"model {model.name!r}: expected places of optimized weights below {len(weights)}, "
            f"found {sorted(places)}"
        )
    return [weights[place] for place in places]


def weights_of_list(
    model: Trainer, optimizer: Optimizer, names: Sequence[str], shapes: Shapes
) -> Weights:
    """Return the weights that the list of an optimizer, not built yet, is of.

    The `names` in the list decide, where they are those of our optimizer's slots. Otherwise the
    first of these that has the `shapes` does: all weights that train; all that would if no layer
    were frozen; those that train and those of some frozen layers, since tf_keras keeps the slots of
    a layer that is frozen after training. If none does, the weights that train are returned, and
    the comparison of the list with their slots says what is wrong.

    Raises:
        OptimizerMismatch: if several choices of frozen layers fit, or a weight that trains has no
            slots.
    """
    trains, where = model.trainable_weights, f"optimizer {optimizer.name!r}"
    choices = _choices(model, optimizer, names, shapes)
    if len(choices) > 1:
        either = " or ".join(str([weight.name for weight in weights]) for weights in choices)
        raise OptimizerMismatch(
            f"{where}: expected state that tells which frozen layers it is of, found {shapes}, "
            f"which fits {len(choices)} choices of layers, with the weights {either}; {ADVICE}"
        )
    (chosen,) = choices or [trains]
    if lacking := [weight.name for weight in trains if weight not in chosen]:
        raise OptimizerMismatch(
            f"{where}: expected slots of all weights that train, found none of {lacking}, whose "
            f"layers were frozen at its first step; {ADVICE}"
        )
    return chosen


def _choices(
    model: Trainer, optimizer: Optimizer, names: Sequence[str], shapes: Shapes
) -> list[Weights]:
    """Return the choices of weights by which a list fits a layout."""
    layers, trains = list(model.flatten_layers()), model.trainable_weights
    with held([(layer, True) for layer in layers]):
        every = model.trainable_weights
    owner = {of: id(layer) for layer in layers for of in layer.own_weights(trainable=True)}
    groups = [list(group) for _, group in groupby(every, key=owner.__getitem__)]
    found: dict[tuple[int, ...], Weights] = {}
    for layout in layouts_of(optimizer) if every else ():
        slots = [(of, variable.name) for variable, of in _listed(layout, optimizer, every).items()]
        of_weights = _shapes_of_weights([of for of, _ in slots], shapes)
        likely = [each for each in (trains, every) if _shapes(each) == of_weights]
        for weights in (
            _named(slots, names) or likely[:1] or _of_some_layers(of_weights, groups, trains)
        ):
            if _shapes(_listed(layout, optimizer, weights)) == shapes:
                found[tuple(map(id, weights))] = weights
    return list(found.values())


def _listed(
    layout: Layout, optimizer: Optimizer, weights: Weights
) -> dict[Variable, Variable | None]:
    """Return the list of an optimizer if it were built for these weights: by a copy."""
    copy = type(optimizer).from_config(optimizer.get_config())
    copy.build(weights)
    return listed(layout, copy)


def _shapes(variables: Iterable[Variable]) -> Shapes:
    return [variable.shape for variable in variables]


def _named(slots: Sequence[tuple[Variable | None, str]], names: Sequence[str]) -> list[Weights]:
    """Return the weights whose slots have these names; Keras 3 leaves the output's number out."""
    by_name = {name.removesuffix(":0"): of for of, name in slots if of is not None}
    bare = [name.removesuffix(":0") for name in names]
    singles = sum(of is None for of, _ in slots)
    named = [by_name[name] for name in bare if name in by_name]
    known = len(by_name) + singles == len(slots) and len(named) + singles == len(names)
    return [each_once(named)] if named and known else []


def _shapes_of_weights(owners: Sequence[Variable | None], shapes: Shapes) -> Shapes:
    """Return the shapes of the weights that a list is of: those of the first slot of each.

    `owners` are the weights of the slots in the list of all weights, None for what is no slot.
    """
    first: dict[Variable, int] = {}
    for place, owner in enumerate(owners):
        if owner is not None:
            first.setdefault(owner, place)
    singles = sum(owner is None for owner in owners)
    slots_each = (len(owners) - singles) // max(len(first), 1)
    count, rest = divmod(max(len(shapes) - singles, 0), max(slots_each, 1))
    return [] if rest else [shapes[place] for place in list(first.values())[:count]]


def _of_some_layers(shapes: Shapes, groups: Sequence[Weights], trains: Weights) -> list[Weights]:
    """Return choices of layers with weights of these shapes, two at most; all that train are in."""
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
