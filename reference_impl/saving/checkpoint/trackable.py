"""The object graph of a model, with tf_keras's names.

Source: https://www.tensorflow.org/guide/checkpoint#loading_mechanics for attributes, lists and
dictionaries, and tf_keras's `Functional._layer_checkpoint_dependencies` for the layers of a graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import LegacyOptimizer, LossScaleOptimizer, Optimizer
from saveproof.reference_impl.optimizers.slot_lists import slot_lists
from saveproof.reference_impl.saving.checkpoint.object_graph import Node, Slot
from saveproof.reference_impl.saving.errors import UnwritableName

Held = Any
"""A Layer, Variable or Optimizer, or a list, tuple or dictionary that contains any."""

View = Callable[[Held], Mapping[str, Held]]
"""Returns an object's children by name: those that TensorFlow saves, or the extra state."""

LOSS_SCALE = "loss_scale"
"""The name of the state of a LossScaleOptimizer, whose other state is that of the inner one."""

METRICS = "metrics"
"""The name of the metrics' state in the extra state of a model."""

WITH_WEIGHTS = "layer_with_weights-"
BY_NUMBER = "layer-"

CELL_WEIGHTS = ("kernel", "recurrent_kernel", "bias")
"""The weights that tf_keras's recurrent layers store in a separate cell layer."""


def children(held: Held) -> Mapping[str, Held]:
    """Return an object's direct children by tf_keras's names."""
    if isinstance(held, Layer):
        return _of_layer(held)
    if isinstance(held, Optimizer):
        return _of_optimizer(held)
    if isinstance(held, list | tuple):
        return {str(number): item for number, item in enumerate(held) if _holds_any(item)}
    if isinstance(held, dict):
        return {_name(key): item for key, item in held.items() if _holds_any(item)}
    return {}


@dataclass(frozen=True, slots=True)
class States:
    """A nested mapping of state variables that are not weights."""

    by_name: Mapping[str, "Variable | States"]


def extra_children(held: Held) -> Mapping[str, Held]:
    """Return children with state that tf_keras does not save: generators, recurrent, metrics."""
    if isinstance(held, States):
        return held.by_name
    found = {
        name: child
        for name, child in children(held).items()
        if not isinstance(child, Variable | Optimizer)
    }
    if isinstance(held, Layer) and held.extra_state:
        found["extra_state"] = States(held.extra_state)
    if isinstance(held, Trainer) and held.compiled is not None:
        by_metric = [States(_listed(metric.variables)) for metric in held.compiled.metrics]
        found[METRICS] = States({str(number): each for number, each in enumerate(by_metric)})
    return found


def _listed(variables: Sequence[Variable]) -> dict[str, Variable]:
    return {str(number): variable for number, variable in enumerate(variables)}


def _of_layer(layer: Layer) -> dict[str, Held]:
    found: dict[str, Held] = {}
    if isinstance(layer, Trainer) and layer.is_network:
        found |= _by_number(layer)
    states = {id(state) for state in layer.extra_state.values()}
    attributes = {
        name: value
        for name, value in layer.tracked.items()
        if _holds_any(value, without=states) and name not in layer.internals
    }
    if isinstance(layer, Recurrent):
        found["cell"] = {name: attributes.pop(name) for name in CELL_WEIGHTS if name in attributes}
    else:
        found |= _by_own_name(layer)
    found |= attributes
    if isinstance(layer, Trainer) and layer.compiled is not None:
        found["optimizer"] = layer.compiled.optimizer
    return found


def _by_number(model: Trainer) -> dict[str, Layer]:
    """Return the layers as `layer-<n>`, and those with weights as `layer_with_weights-<n>` too.

    The latter end at the first unbuilt layer, which may or may not have weights.
    """
    found: dict[str, Layer] = {}
    known, count = True, 0
    for number, layer in enumerate(model.layers):
        known = known and _is_built(layer)
        if known and layer.weights:
            found[f"{WITH_WEIGHTS}{count}"] = layer
            count += 1
        found[f"{BY_NUMBER}{number}"] = layer
    return found


def _is_built(layer: Layer) -> bool:
    return layer.built and all(
        below.built for below in layer.flatten_layers() if isinstance(below, Trainer)
    )


def _by_own_name(layer: Layer) -> dict[str, Variable]:
    """Return the weights that the layer created, by name."""
    found: dict[str, Variable] = {}
    for weight in layer.created_weights:
        name = weight.name.removesuffix(":0").rpartition("/")[2]
        count, candidate = 0, name
        while candidate in found:
            count += 1
            candidate = f"{name}_{count}"
        found[candidate] = weight
    return found


def _holds_any(value: Any, *, without: set[int] | None = None) -> bool:
    """Return whether this is a layer, a variable, or a container of some."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return any(_holds_any(item, without=without) for item in value)
    return isinstance(value, Layer | Variable) and id(value) not in (without or ())


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise UnwritableName(
            f"checkpoint: expected names in a dictionary of layers or weights, found {key!r} of "
            f"type {type(key).__name__}"
        )
    return key


def _of_optimizer(optimizer: Optimizer) -> dict[str, Held]:
    if isinstance(optimizer, LegacyOptimizer):
        return {**optimizer.singles, **optimizer.hypers}
    scheduled = optimizer.schedule is not None
    rate = "_current_learning_rate" if scheduled else "_learning_rate"
    return {
        "_variables": list(optimizer.variables),
        "_iterations": optimizer.iterations,
        rate: optimizer.learning_rate,
        **slot_lists(optimizer),
        # These are created with the slots, as in tf_keras.
        **(optimizer.updating.extra_state if optimizer.built else {}),
        **({LOSS_SCALE: state} if (state := loss_scale_of(optimizer)) else {}),
    }


def loss_scale_of(optimizer: Optimizer) -> Mapping[str, Variable]:
    """Return the state of the optimizer's loss scale, if it has one."""
    return optimizer.scale_state if isinstance(optimizer, LossScaleOptimizer) else {}


def tree_of(root: Held, *, view: View = children) -> Node:
    """Return the object graph below a root, with each object once."""
    made: dict[int, Node] = {}

    def node_of(held: Held) -> Node:
        identified = isinstance(held, Layer | Optimizer | Variable)
        if identified and id(held) in made:
            return made[id(held)]
        node = Node()
        if identified:
            made[id(held)] = node
        if isinstance(held, Variable):
            node.full_name, node.value = held.name.removesuffix(":0"), held.value
        else:
            node.children = {name: node_of(child) for name, child in view(held).items()}
        if isinstance(held, LegacyOptimizer):
            node.slots = [
                Slot(node_of(variable), name, node_of(slot))
                for name, variable, slot in held.slots_by_variable()
            ]
        return node

    return node_of(root)


def variables_below(root: Held) -> list[Variable]:
    """Return the variables that `tree_of` finds, each once."""
    found: dict[int, Held] = {id(root): root}
    queue = [root]
    for held in queue:
        below = list(children(held).values())
        if isinstance(held, LegacyOptimizer):
            below += [slot for _, _, slot in held.slots_by_variable()]
        for child in below:
            if id(child) not in found:
                found[id(child)] = child
                queue.append(child)
    return [held for held in found.values() if isinstance(held, Variable)]


def pruned(root: Node) -> Node:
    """Return the graph without nodes that lead to no value."""
    kept: dict[int, Node] = {}

    def worth(node: Node) -> bool:
        if id(node) in kept:
            return True
        node.children = {name: child for name, child in node.children.items() if worth(child)}
        if node.value is not None or node.children:
            kept[id(node)] = node
        return id(node) in kept

    worth(root)
    return root
