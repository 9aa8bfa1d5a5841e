"""Restoration of an optimizer's state from a checkpoint, in the current or the legacy layout.

Source: checkpoints that tf_keras 2.21 wrote with `optimizers` and `optimizers.legacy`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import LegacyOptimizer, Optimizer
from saveproof.reference_impl.optimizers.slot_lists import AVERAGES, slot_lists, slot_names
from saveproof.reference_impl.saving.checkpoint.object_graph import Node
from saveproof.reference_impl.saving.checkpoint.trackable import LOSS_SCALE, loss_scale_of
from saveproof.reference_impl.saving.model_state.optimizer_lists import OptimizerMismatch

Pairs = list[tuple[Variable, Node]]
"""Variables with the saved objects whose values they get."""

STANDARD = ("_iterations", "_learning_rate", "_current_learning_rate")
"""The single variables that every optimizer has; others identify its class."""


@dataclass(slots=True)
class OptimizerMatch:
    """The match of an optimizer with a saved one.

    Attributes:
        pairs: the optimizer's existing variables, with their values.
        settled: keys of values that need no variable, since the optimizer has an equal setting.
        warnings: messages about values that are not restored.
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
    optimized: Sequence[Variable] | None,
) -> OptimizerMatch:
    """Return the match of an optimizer with a saved one.

    State of an optimizer of another class is not restored; a warning says so.

    Args:
        node: the saved optimizer.
        optimizer: to restore.
        variables: the model's variables by their saved object.
        read: returns a value by its key.
        waiting: keys of values that have not been restored yet.
        optimized: the weights that the saved optimizer was built with, if the file contains them.

    Raises:
        OptimizerMismatch: if a saved optimizer of the same class has other variables or options.
    """
    singles = {name: child for name, child in node.children.items() if child.key is not None}
    if not isinstance(optimizer, LegacyOptimizer) and not node.slots and "iter" not in singles:
        return _of_today(node, singles, optimizer, optimized)
    match = _of_legacy(node, singles, optimizer, variables)
    if not isinstance(optimizer, LegacyOptimizer) and not match.warnings:
        _settle(match, singles, optimizer, waiting, read)
    return match


def _of_legacy(
    node: Node,
    singles: Mapping[str, Node],
    optimizer: Optimizer,
    variables: Mapping[Node, Any],
) -> OptimizerMatch:
    """Return the match with an optimizer that was saved before TensorFlow 2.11."""
    slots = {slot.name for slot in node.slots}
    names = slot_names(optimizer)
    made = None if names is None else names.legacy_class
    legacy = optimizer if made is None else made()
    if not isinstance(legacy, LegacyOptimizer) or not legacy.is_of_class(singles.keys(), slots):
        return _left(optimizer, singles.keys() | slots)
    _check_legacy(optimizer, slots)
    own, own_slots = _legacy_names(optimizer)
    match = OptimizerMatch([(own[name], singles[name]) for name in own if name in singles])
    places: dict[Any, int] = {weight: place for place, weight in enumerate(optimizer.built_for)}
    for slot in node.slots:
        place = places.get(variables.get(slot.variable))
        if place is not None and slot.name in own_slots:
            match.pairs.append((own_slots[slot.name][place], slot.slot))
    return match


def _check_legacy(optimizer: Optimizer, slots: Set[str]) -> None:
    """Check that the slots of a legacy optimizer can be used by this one."""
    kind = type(optimizer).__name__
    where, names = f"optimizer {optimizer.name!r} ({kind})", slot_names(optimizer)
    if isinstance(optimizer, LegacyOptimizer):
        if slots and slots != set(optimizer.slot_names()):
            raise OptimizerMismatch(
                f"{where}: expected the slots {list(optimizer.slot_names())}, found "
                f"{sorted(slots)} in the checkpoint: it was saved with other options"
            )
    elif names is not None and slots and names.differs and names.alike_with not in slots:
        raise OptimizerMismatch(
            f"{where}: the checkpoint contains the state of the legacy {kind} from before "
            f"TensorFlow 2.11, whose formula differs ({names.differs}); compile with "
            f"optimizers.legacy.{kind} to use it"
        )


def _legacy_names(
    optimizer: Optimizer,
) -> tuple[Mapping[str, Variable], Mapping[str, Sequence[Variable]]]:
    """Return the single variables and the slots by their names in legacy checkpoints."""
    if isinstance(optimizer, LegacyOptimizer):
        return {**optimizer.singles, **optimizer.hypers}, optimizer.slots
    rate = {} if optimizer.schedule is not None else {"learning_rate": optimizer.learning_rate}
    names, slots = slot_names(optimizer), optimizer.slots
    ours = {} if names is None else names.legacy
    return (
        {"iter": optimizer.iterations, **rate},
        {old: slots[name] for old, name in ours.items() if name in slots},
    )


def _of_today(
    node: Node,
    singles: Mapping[str, Node],
    optimizer: Optimizer,
    optimized: Sequence[Variable] | None,
) -> OptimizerMatch:
    """Return the match with an optimizer that was saved by TensorFlow 2.11 or later."""
    lists = {name for name, child in node.children.items() if _is_slot_list(name, child)}
    others = singles.keys() - set(STANDARD)
    if not _same_class(optimizer, lists, others):
        return _left(optimizer, lists | others)
    rate = "_learning_rate" if optimizer.schedule is None else "_current_learning_rate"
    own = {"_iterations": optimizer.iterations, rate: optimizer.learning_rate}
    own |= optimizer.updating.extra_state if optimizer.built else {}
    match = OptimizerMatch([(own[name], singles[name]) for name in own if name in singles])
    scale = node.children.get(LOSS_SCALE, Node()).children
    state = loss_scale_of(optimizer)
    match.pairs += [(state[name], scale[name]) for name in state if name in scale]
    if optimizer.built and lists:
        _check_optimized(optimizer, optimized)
        match.pairs += _paired_slots(node, optimizer)
    return match


def has_no_step(node: Node, read: Callable[[str], np.ndarray]) -> bool:
    """Return whether a saved optimizer has no slots and took no step."""
    iterations = node.children.get("_iterations", node.children.get("iter"))
    slots = node.slots or any(_is_slot_list(name, child) for name, child in node.children.items())
    if slots or iterations is None or iterations.key is None:
        return False
    return not read(iterations.key).any()


def _is_slot_list(name: str, child: Node) -> bool:
    return name not in ("_variables", LOSS_SCALE) and bool(child.children)


def _same_class(optimizer: Optimizer, lists: Set[str], others: Set[str]) -> bool:
    """Return whether the optimizer's class may have these slot lists and single variables."""
    names = slot_names(optimizer)
    if names is None or not lists:
        return True
    possible = {*names.lists.values(), AVERAGES}
    required = {name for slot, name in names.lists.items() if slot not in names.optional}
    return required <= lists <= possible and others == set(optimizer.updating.extra_state)


def _left(optimizer: Optimizer, found: Set[str]) -> OptimizerMatch:
    """Return an empty match with a warning."""
    warning = (
        f"optimizer {optimizer.name!r} ({type(optimizer).__name__}): the checkpoint contains the "
        f"state of an optimizer of another class, {sorted(found)}; it is not restored, and this "
        "optimizer starts anew"
    )
    return OptimizerMatch(warnings=[warning])


def _check_optimized(optimizer: Optimizer, optimized: Sequence[Variable] | None) -> None:
    trained = optimizer.built_for
    if optimized is not None and trained != list(optimized):
        ours, theirs = ([weight.name for weight in each] for each in (trained, optimized))
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r}: expected state for the weights {ours}, found state "
            f"for {theirs}; set the same layers trainable before the first step"
        )


def _paired_slots(node: Node, optimizer: Optimizer) -> Pairs:
    """Match the slots by position, after checking that the lists are the same."""
    listed = node.children.get("_variables", Node()).children
    places = sorted(filter(str.isdecimal, listed), key=int)
    saved = [listed[place] for place in places if place != "0"]
    saved_lists = {
        child: name
        for name, slots in node.children.items()
        if _is_slot_list(name, slots)
        for child in slots.children.values()
    }
    own_lists = {slot: name for name, slots in slot_lists(optimizer).items() for slot in slots}
    expected = [own_lists.get(variable) for variable in optimizer.variables[1:]]
    found = [saved_lists.get(child) for child in saved]
    if slot_names(optimizer) is None:
        expected, found = [None] * len(expected), [None] * len(found)
    if expected != found:
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r} ({type(optimizer).__name__}): expected "
            f"{len(expected)} slots {_counted(expected)}, found {len(found)} {_counted(found)} in "
            "the checkpoint: it was saved with other options, or trained other variables"
        )
    pairs = list(zip(optimizer.variables[1:], _by_name(saved, optimizer), strict=True))
    return pairs + _paired_placeholders(node, optimizer)


def _paired_placeholders(node: Node, optimizer: Optimizer) -> Pairs:
    """Match the constants that keep a place in a slot's list."""
    variables = set(optimizer.variables)
    return [
        (slot, saved)
        for name, slots in slot_lists(optimizer).items()
        for place, slot in enumerate(slots)
        if slot not in variables
        and (saved := node.children[name].children.get(str(place))) is not None
    ]


def _by_name(saved: Sequence[Node], optimizer: Optimizer) -> Sequence[Node]:
    """Return the saved slots in the order of ours, if both have the same names, each once.

    Code that creates its layers in another order numbers the slots of others.
    """
    named = {node.full_name: node for node in saved}
    names = [variable.name.removesuffix(":0") for variable in optimizer.variables[1:]]
    same = len(named) == len(saved) and named.keys() == set(names)
    return [named[name] for name in names] if same else saved


def _counted(lists: Sequence[str | None]) -> dict[str, int]:
    return {str(name): lists.count(name) for name in dict.fromkeys(lists)}


def _settle(
    match: OptimizerMatch,
    singles: Mapping[str, Node],
    optimizer: Optimizer,
    waiting: Collection[str],
    read: Callable[[str], np.ndarray],
) -> None:
    """Match hyper-parameters: variables of legacy optimizers, plain numbers of current ones."""
    config, taken = optimizer.get_config(), {id(child) for _, child in match.pairs}
    left = {name: str(child.key) for name, child in singles.items() if id(child) not in taken}
    for name, key in left.items():
        if key not in waiting:
            continue
        match.settled.append(key)
        own, value = config.get(name, 0.0), read(key)
        if not isinstance(own, int | float) or np.float32(own) != np.float32(value):
            match.warnings.append(
                f"optimizer {optimizer.name!r}: {name}: expected {own} as given to compile(), "
                f"found {value} in the checkpoint, which is ignored"
            )
