"""Which object of a checkpoint is which of a model's, found by the names of what holds them."""

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
    """An object graph that was read, and which of its nodes is which of the model's objects.

    What is found first stays: a node is one object, and a variable or an optimizer one node. A
    layer may be several nodes, as in TensorFlow: where the file has one more layer without
    weights, `layer-0` is that one, and the model's first layer is `layer_with_weights-0`, too.
    """

    root: Node
    view: View
    held_by: dict[Node, Held] = field(default_factory=dict)
    node_by: dict[Held, Node] = field(default_factory=dict)

    def bind(self, node: Node, held: Held) -> bool:
        """Note that these are the same; say whether they are."""
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
        """Yield each node that is an object of the model by now, breadth first."""
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
    """Yield the children by name: a layer with weights by its place among its like alone.

    So that a layer without weights can be put between them, as in TensorFlow.
    """
    weighed = {id(child) for name, child in node.children.items() if name.startswith(WITH_WEIGHTS)}
    for name, child in node.children.items():
        if not (name.startswith(BY_NUMBER) and id(child) in weighed):
            yield name, child
