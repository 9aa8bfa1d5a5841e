"""Restoration of training from a SavedModel: compile settings, optimizer and metrics."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.layers.weights import each_once
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.saving.checkpoint.object_graph import Node
from saveproof.reference_impl.saving.model_state.optimized import weights_at, weights_of_list
from saveproof.reference_impl.saving.model_state.restore_training import compile_from
from saveproof.reference_impl.saving.savedmodel.graphs.endpoints import pseudo_names
from saveproof.reference_impl.saving.savedmodel.model_objects import held_by
from saveproof.reference_impl.saving.savedmodel.objects import KERAS_API
from saveproof.reference_impl.saving.savedmodel.reader import SavedModelContents
from saveproof.reference_impl.state import Extras

_LOGGER = logging.getLogger(__name__)


def compile_as_saved(model: Model, saved: SavedModelContents) -> None:
    """Compile the model and create the variables to restore."""
    kept, training = saved.index, saved.training or {}
    with at(saved.kept_in, "training_config"):
        compile_from(
            *(model, training, _saved_flags(kept) if kept else None),
            output_names=kept.get("output_names") or (),
        )
    compiled = model.compiled
    assert compiled is not None
    if kept.get("output_shapes"):
        compiled.prepare(kept["output_names"], kept["output_shapes"])
    optimizer = saved.root.children.get("optimizer", Node())
    listed = optimizer.children.get("_variables", Node())
    if optimizer.slots:
        held = held_by(model, saved.root)
        of = [held[id(slot.variable)][0] for slot in optimizer.slots if id(slot.variable) in held]
        compiled.optimizer.build(each_once(of))
    elif len(listed.children) > 1:
        places = sorted(filter(str.isdecimal, listed.children), key=int)
        entries = saved.bundle.entries
        nodes = [one for place in places if (one := listed.children[place]).key in entries]
        names = [node.full_name for node in nodes]
        shapes = [entries[str(node.key)].shape for node in nodes]
        optimized = weights_at(model, kept.get("optimized") or ())
        compiled.optimizer.build(
            optimized or weights_of_list(model, compiled.optimizer, names, shapes)
        )


def _saved_flags(index: Mapping[str, Any]) -> Extras:
    flags = tuple(bool(flag) for flag in index["compiled_trainable"])
    return Extras(compiled_trainable=flags, run_eagerly=index["run_eagerly"])


def restore_metrics(model: Model, saved: SavedModelContents) -> None:
    """Restore the metrics that tf_keras saved; log a warning if they do not match."""
    compiled = model.compiled
    node = saved.root.children.get(KERAS_API, Node()).children.get("metrics", Node())
    if compiled is None or not node.children:
        return
    names = model.output_names or _output_names(saved)
    compiled.prepare(names, [((None,), (None,))] * len(names))
    lists = [metric.children.get("variables", Node()) for metric in _in_order(node)]
    keys = [[variable.key or "" for variable in _in_order(each)] for each in lists]
    values = [[saved.bundle.read(key) for key in each] for each in keys]
    variables = [metric.variables for metric in compiled.metrics]
    if _shapes(values) != _shapes(variables):
        _LOGGER.warning(
            "%s: metrics not restored: found state of shapes %s, expected %s",
            *(saved.folder, _shapes(values), _shapes(variables)),
        )
        return
    for each, found in zip(variables, values, strict=True):
        for variable, value in zip(each, found, strict=True):
            variable.assign(value)


def _output_names(saved: SavedModelContents) -> list[str]:
    """Return the names of a subclassed model's outputs."""
    trace = next(saved.functions.traces(saved.numbers[id(saved.root)]), None)
    return pseudo_names(None if trace is None else trace.outputs, "output_")


def _in_order(listed: Node) -> list[Node]:
    """Return the items of a saved list in order."""
    return [listed.children[str(number)] for number in range(len(listed.children))]


def _shapes(groups: Sequence[Sequence[Any]]) -> list[list[tuple[int, ...]]]:
    return [[tuple(item.shape) for item in group] for group in groups]
