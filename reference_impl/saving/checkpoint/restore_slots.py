"""An optimizer's state from a checkpoint, in the layout of today's optimizers or the legacy ones.

Source: checkpoints that tf_keras 2.21 wrote with `optimizers` and `optimizers.legacy`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import LegacyOptimizer, Optimizer, UnknownVariableError
from saveproof.reference_impl.optimizers.slot_lists import AVERAGES, slot_lists, slot_names
from saveproof.reference_impl.saving.checkpoint.object_graph import Node
from saveproof.reference_impl.saving.model_state.capture import optimized_places
from saveproof.reference_impl.saving.model_state.optimized import OptimizerMismatch

Pairs = list[tuple[Variable, Node]]
"""A variable, and the saved object whose value it takes."""

STANDARD = ("_iterations", "_learning_rate", "_current_learning_rate")
"""The single variables that every optimizer has; others tell its class."""


@dataclass(slots=True)
class OptimizerMatch:
    """What an optimizer takes over.

    Attributes:
        pairs: its variables that exist by now, with their values.
        settled: keys of values that no variable takes, since the optimizer has the same already.
        warnings: what is not taken over, in words.
    """

    pairs: Pairs = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def match_optimizer(
    node: Node,
    optimizer: Optimizer,
    *,
    variables: Mapping[Node, Any],
    read: Callable[[str], np.ndarray],
    waiting: Collection[str],
    weights: Sequence[Variable],
    optimized: Sequence[int] | None,
) -> OptimizerMatch:
    """Return what an optimizer takes over from a saved one.

    State of an optimizer of another class is left, with a warning: this one starts afresh.

    Args:
        node: the saved optimizer.
        optimizer: the one that takes its state.
        variables: the model's variables by their saved object.
        read: returns a value by its key.
        waiting: keys of the values that nothing took yet.
        weights: of the model.
        optimized: places among `weights` of those that the saved optimizer was built with.

    Raises:
        OptimizerMismatch: if it is of the same class, of other variables or options.
    """
    if isinstance(optimizer, LegacyOptimizer):
        return _of_legacy(node, optimizer, variables)
    if node.slots or "iter" in node.children:
        return _taken_over(
            node, optimizer, variables, {key: read(key) for key in _own_keys(node, waiting)}
        )
    match = OptimizerMatch()
    lists = {name for name, child in node.children.items() if _is_slot_list(name, child)}
    others = {name for name, child in node.children.items() if child.key and name not in STANDARD}
    if not _same_class(optimizer, lists, others):
        match.warnings.append(_left(optimizer, sorted(lists | others)))
        return match
    rate = "_learning_rate" if optimizer.schedule is None else "_current_learning_rate"
    taking = {"_iterations": optimizer.iterations, rate: optimizer.learning_rate}
    for name, variable in (taking | dict(optimizer.extra_state)).items():
        if name in node.children and (optimizer.built or name in STANDARD):
            match.pairs.append((variable, node.children[name]))
    if optimizer.built and lists:
        _check_optimized(optimizer, weights, optimized)
        match.pairs += _paired_slots(node, optimizer)
    return match


def has_no_step(node: Node, read: Callable[[str], np.ndarray]) -> bool:
    """Say whether a saved optimizer had no slots yet, and no step had been taken."""
    iterations = node.children.get("_iterations", node.children.get("iter"))
    slots = node.slots or any(_is_slot_list(name, child) for name, child in node.children.items())
    if slots or iterations is None or iterations.key is None:
        return False
    return not read(iterations.key).any()


def _is_slot_list(name: str, child: Node) -> bool:
    return name != "_variables" and bool(child.children)


def _same_class(optimizer: Optimizer, lists: set[str], others: set[str]) -> bool:
    """Say whether these lists of slots and single variables can be of the optimizer's class."""
    names = slot_names(optimizer)
    if names is None or not lists:
        return True
    possible = {*names.lists.values(), AVERAGES}
    required = {names.lists[slot] for slot in names.required}
    return required <= lists <= possible and others == set(optimizer.extra_state)


def _left(optimizer: Optimizer, found: Sequence[str]) -> str:
    return (
        f"optimizer {optimizer.name!r} ({type(optimizer).__name__}): the checkpoint holds the "
        f"state of an optimizer of another class, {list(found)}: it is left, and this optimizer "
        "starts afresh"
    )


def _check_optimized(
    optimizer: Optimizer, weights: Sequence[Variable], optimized: Sequence[int] | None
) -> None:
    if optimized is None:
        return
    found = optimized_places(optimizer, weights)
    if found != tuple(optimized):
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r}: trains the weights {_named(weights, found)}, the "
            f"checkpoint's trained {_named(weights, optimized)}; set the same layers trainable "
            "before the first step"
        )


def _named(weights: Sequence[Variable], places: Sequence[int]) -> list[str]:
    return [weights[place].name if place < len(weights) else f"number {place}" for place in places]


def _paired_slots(node: Node, optimizer: Optimizer) -> Pairs:
    """Pair the slots by their place in the list of all, if they are in the same lists, too."""
    empty = Node()
    by_place = sorted(
        (int(name), child)
        for name, child in node.children.get("_variables", empty).children.items()
        if name.isdecimal() and name != "0"
    )
    saved = [child for _, child in by_place]
    list_of_node = {
        id(child): name
        for name, listed in node.children.items()
        if _is_slot_list(name, listed)
        for child in listed.children.values()
    }
    list_of_variable = {
        id(variable): name for name, listed in slot_lists(optimizer).items() for variable in listed
    }
    expected = [list_of_variable.get(id(variable)) for variable in optimizer.variables[1:]]
    found = [list_of_node.get(id(child)) for child in saved]
    if slot_names(optimizer) is None:
        expected, found = [None] * len(expected), [None] * len(found)
    if expected != found:
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r} ({type(optimizer).__name__}): expected "
            f"{len(expected)} slots {_counted(expected)}, found {len(found)} {_counted(found)} in "
            "the checkpoint: it was saved with other options, or trained other variables"
        )
    return list(zip(optimizer.variables[1:], saved, strict=True))


def _counted(lists: Sequence[str | None]) -> dict[str, int]:
    return {str(name): lists.count(name) for name in dict.fromkeys(lists)}


def _own_keys(node: Node, waiting: Collection[str]) -> list[str]:
    """Return the keys of an optimizer's single variables, among those that are waiting."""
    return [child.key for child in node.children.values() if child.key and child.key in waiting]


def _of_legacy(
    node: Node, optimizer: LegacyOptimizer, variables: Mapping[Node, Any]
) -> OptimizerMatch:
    """Return what a legacy optimizer takes over: the single variables by name, and its slots."""
    match = OptimizerMatch()
    slots = {slot.name for slot in node.slots}
    singles = {name for name, child in node.children.items() if child.key}
    if not optimizer.is_of_class(singles, slots):
        match.warnings.append(_left(optimizer, sorted(singles | slots)))
        return match
    expected = optimizer.slot_names()
    if slots and slots != set(expected):
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r} ({type(optimizer).__name__}): expected the slots "
            f"{list(expected)}, found {sorted(slots)} in the checkpoint: it was saved with other "
            "options"
        )
    own = {**optimizer.singles, **optimizer.hypers}
    match.pairs += [(own[name], node.children[name]) for name in own if name in singles]
    for slot in node.slots if optimizer.built else []:
        place = _place(optimizer, variables.get(slot.variable))
        if place is not None:
            match.pairs.append((optimizer.slots[slot.name][place], slot.slot))
    return match


def _taken_over(
    node: Node,
    optimizer: Optimizer,
    variables: Mapping[Node, Any],
    values: Mapping[str, np.ndarray],
) -> OptimizerMatch:
    """Return what an optimizer of today takes over from a legacy one."""
    match = OptimizerMatch()
    names = slot_names(optimizer)
    slots = {slot.name for slot in node.slots}
    singles = {name for name, child in node.children.items() if child.key}
    if names is None or not names.legacy_class().is_of_class(singles, slots):
        match.warnings.append(_left(optimizer, sorted(singles | slots)))
        return match
    if slots and names.differs and names.alike_with not in slots:
        kind = type(optimizer).__name__
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r} ({kind}): the checkpoint holds the state of the legacy "
            f"{kind}, before TensorFlow 2.11, which computes otherwise ({names.differs}): compile "
            f"with optimizers.legacy.{kind} to go on with it"
        )
    taking = {"iter": optimizer.iterations}
    if optimizer.schedule is None:
        taking["learning_rate"] = optimizer.learning_rate
    for name, child in node.children.items():
        if name in taking:
            match.pairs.append((taking[name], child))
        elif child.key and child.key in values:
            _compare(match, optimizer, name, values[child.key], child.key)
    if optimizer.built:
        own = slot_lists(optimizer)
        lists = {slot: own.get(names.lists[names.legacy[slot]], []) for slot in slots}
        for slot in node.slots:
            place = _place(optimizer, variables.get(slot.variable))
            if place is not None and lists[slot.name]:
                match.pairs.append((lists[slot.name][place], slot.slot))
    return match


def _compare(
    match: OptimizerMatch, optimizer: Optimizer, name: str, value: np.ndarray, key: str
) -> None:
    """Settle a hyper-parameter, which is a variable of a legacy optimizer, a number of this one."""
    own = optimizer.get_config().get(name, 0.0)
    match.settled.append(key)
    if not isinstance(own, int | float) or np.float32(own) != np.float32(value):
        match.warnings.append(
            f"optimizer {optimizer.name!r}: {name} is {own}, the checkpoint's was {value}: it "
            "stays as compile was given it"
        )


def _place(optimizer: Optimizer, variable: Any) -> int | None:
    if variable is None:
        return None
    try:
        return optimizer.index_of(variable)
    except UnknownVariableError:
        return None
