"""Matching of a checkpoint's objects with a model's, by their paths of names."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import Optimizer
from saveproof.reference_impl.saving.checkpoint.object_graph import Node
from saveproof.reference_impl.saving.checkpoint.trackable import BY_NUMBER, WITH_WEIGHTS, Held, View


@dataclass(slots=True)
class SavedTree:
    """An object graph that was read, with the model's object for each of its nodes.

    The first match counts: a node has one object, and a variable or an optimizer one node. As in
    TensorFlow, a layer may have several nodes: if the file has an additional layer without weights
    in front, the model's first layer matches both `layer-0` and `layer_with_weights-0`.
    """

    root: Node
    view: View
    held_by: dict[Node, Held] = field(default_factory=dict)
    node_by: dict[Held, Node] = field(default_factory=dict)

    def bind(self, node: Node, held: Held) -> bool:
        """Match a node with an object; return whether they match."""
        if not isinstance(held, Layer | Optimizer | Variable):
            return True
        if self.held_by.get(node, held) is not held:
            return False
        if isinstance(held, Optimizer | Variable):
            if self.node_by.get(held, node) is not node:
                return False
            self.node_by[held] = node
        self.held_by[node] = held
        return True

    def matched(self, model: Trainer) -> Iterator[tuple[Node, Held]]:
        """Yield each node that matches an existing object of the model, breadth first."""
        queue: list[tuple[Node, Held]] = [(self.root, model)]
        seen = {id(self.root)}
        for node, held in queue:
            yield node, held
            if isinstance(held, Optimizer):
                continue
            names = self.view(held)
            for name, child in _first_names(node):
                if name in names and id(child) not in seen and self.bind(child, names[name]):
                    seen.add(id(child))
                    queue.append((child, names[name]))


def _first_names(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the children by name, layers with weights only as `layer_with_weights-<n>`.

    As in TensorFlow, layers without weights can then be inserted between them.
    """
    weighed = {id(child) for name, child in node.children.items() if name.startswith(WITH_WEIGHTS)}
    for name, child in node.children.items():
        if not (name.startswith(BY_NUMBER) and id(child) in weighed):
            yield name, child
