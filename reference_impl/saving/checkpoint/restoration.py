"""A checkpoint on its way into a model: what exists takes its values, the rest when it is created.

Source: https://www.tensorflow.org/guide/checkpoint#delayed_restorations.
"""

import logging
from collections.abc import Sequence

import numpy as np

from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.loading import loading
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import Optimizer
from saveproof.reference_impl.saving.checkpoint.bundle_reader import Bundle
from saveproof.reference_impl.saving.checkpoint.object_graph import Node, numbered
from saveproof.reference_impl.saving.checkpoint.restore_slots import (
    Pairs,
    has_no_step,
    match_optimizer,
)
from saveproof.reference_impl.saving.checkpoint.saved_tree import SavedTree
from saveproof.reference_impl.saving.checkpoint.trackable import (
    METRICS,
    children,
    extra_children,
    variables_below,
)
from saveproof.reference_impl.saving.errors import WrongPart
from saveproof.reference_impl.saving.model_state.assignments import WeightsMismatch, commit
from saveproof.reference_impl.saving.model_state.optimized import weights_at

OF_TRAINING = ("optimizer/", "keras_api/", "save_counter/")
"""How the keys start of what is no weight of a layer."""

_LOGGER = logging.getLogger(__name__)


class Restoration:
    """The values of a checkpoint, held until the variables that take them are there.

    Args:
        model: whose variables take them.
        bundle: where the values are.
        weights: the graph that TensorFlow wrote, or that is like it.
        extras: the graph of what only an exact resume needs, if there is one.
        optimized: places among the model's weights of those that its optimizer was built with.
    """

    def __init__(
        self,
        model: Trainer,
        bundle: Bundle,
        weights: Node,
        extras: Node | None,
        *,
        optimized: Sequence[int] | None = None,
    ) -> None:
        self.model = model
        self._bundle = bundle
        self._weights = SavedTree(weights, children)
        self._extras = None if extras is None else SavedTree(extras, extra_children)
        self._keys = _keys(weights)
        self._waiting = dict.fromkeys(self._keys + ([] if extras is None else _keys(extras)))
        self._values: dict[str, np.ndarray] = {}
        self._optimized = optimized
        self._restored: set[Variable] = set()
        self._told: set[Variable] = set()
        self._warned: set[str] = set()
        self._running = False

    def start(self) -> None:
        """Restore what the model has, all or none, and wait for the rest.

        Shapes are compared before the values are read, and all are read before one is taken.

        Raises:
            WeightsMismatch: if a value is not of its variable's shape and dtype, or there is none
                for any of the model's variables.
            OptimizerMismatch: if the optimizer's state is of other variables or options.
        """
        changes = self._changes()
        self._check_related(changes)
        afresh = self._saved_before_the_first_step()
        self._values = self._bundle.read_all(self._waiting)
        for optimizer in afresh:
            optimizer.unbuild()
        self._take(changes)
        if self._extras is not None:
            # Metrics that are made later count what comes later.
            self._extras.root.children.pop(METRICS, None)
        self._wait()
        self._tell_left(_weights(self.model))

    def advance(self) -> None:
        """Restore what was created since.

        Raises:
            WeightsMismatch, OptimizerMismatch: as for `start`.
        """
        if self._running:
            return
        self._running = True
        try:
            with loading(self._bundle.prefix):
                self._take(self._changes())
                built = [layer for layer in self.model.flatten_layers() if layer.built]
                self._tell_left([weight for layer in built for weight in layer.own_weights()])
        finally:
            self._running = False
        self._wait()

    def _check_related(self, changes: Sequence[tuple[Variable, str]]) -> None:
        """Refuse a checkpoint of which nothing but the state of training is the model's.

        Raises:
            WeightsMismatch: naming what it holds, and what the model has.
        """
        weights = set(_weights(self.model))
        names = [name for name in children(self.model) if name != "optimizer"]
        held = [key for key in self._keys if not key.startswith(OF_TRAINING)]
        if weights and any(variable in weights for variable, _ in changes):
            return
        if not weights and (not held or set(names) & set(self._weights.root.children)):
            return
        raise WeightsMismatch(
            f"model {self.model.name!r}: the checkpoint {str(self._bundle.prefix)!r} has a value "
            f"for none of its variables: expected some of {names[:5]}, found {held[:3]}..."
        )

    def _saved_before_the_first_step(self) -> list[Optimizer]:
        """Return the optimizers with slots of which the checkpoint has none, at no step."""
        return [
            held
            for node, held in self._weights.matched(self.model)
            if isinstance(held, Optimizer) and held.built and has_no_step(node, self._bundle.read)
        ]

    def _tell_left(self, weights: Sequence[Variable]) -> None:
        """Warn of weights that have no value in the checkpoint, of each once."""
        left = [weight for weight in weights if weight not in self._restored | self._told]
        self._told.update(left)
        if left:
            names = [weight.name for weight in left]
            _LOGGER.warning(
                "model %r: %d weights have no value in the checkpoint %r and keep theirs: %s",
                *(self.model.name, len(names), str(self._bundle.prefix), names),
            )

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._waiting.clear()
        self._wait()

    def unrestored(self) -> list[str]:
        """Return the names of the model's weights and optimizer variables without a value yet."""
        return [
            variable.name
            for variable in variables_below(self.model)
            if variable not in self._restored
        ]

    def incomplete(self) -> list[str]:
        """Return the names of layers without all their weights, if there are values left for some.

        A layer without weights has no number among those with weights, by which its node is found.
        """
        left = [key for key in self.unused() if not key.startswith(OF_TRAINING)]
        layers = [layer for layer in self.model.flatten_layers() if layer is not self.model]
        return [layer.name for layer in layers if left and not layer.complete]

    def unused(self) -> list[str]:
        """Return the keys of the values that nothing took yet."""
        return [key for key in self._keys if key in self._waiting]

    def _changes(self) -> list[tuple[Variable, str]]:
        """Return the variables that take a value now, and its key; all of them fit."""
        pairs: Pairs = []
        # All are found first: a legacy optimizer's slots go by the weights that they are of.
        for node, held in list(self._weights.matched(self.model)):
            if isinstance(held, Optimizer):
                pairs += self._of_optimizer(node, held)
            elif isinstance(held, Variable):
                pairs.append((held, node))
        if self._extras is not None:
            pairs += [
                (held, node)
                for node, held in self._extras.matched(self.model)
                if isinstance(held, Variable)
            ]
        changes = [(held, node.key) for held, node in pairs if node.key in self._waiting]
        keys: dict[str, Variable] = {}
        for variable, key in changes:
            self._check(variable, key)
            if keys.setdefault(key, variable) is not variable:
                raise WrongPart(
                    f"{self._bundle.prefix}: {key!r} is the value of two variables, "
                    f"{keys[key].name!r} and {variable.name!r}"
                )
        return changes

    def _of_optimizer(self, node: Node, optimizer: Optimizer) -> Pairs:
        compiled = self.model.compiled
        own = optimizer.built and compiled is not None and optimizer is compiled.optimizer
        places = self._optimized if own else None
        match = match_optimizer(
            node,
            optimizer,
            variables=self._weights.held_by,
            read=self._bundle.read if not self._values else self._values.__getitem__,
            waiting=self._waiting,
            optimized=None if places is None else weights_at(self.model, places),
        )
        for warning in match.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                _LOGGER.warning("%s", warning)
        for settled in match.settled:
            self._waiting.pop(settled, None)
        return [pair for pair in match.pairs if self._weights.bind(pair[1], pair[0])]

    def _check(self, variable: Variable, key: str) -> None:
        entry = self._bundle.entries[key]
        if (entry.shape, entry.dtype) != (variable.shape, variable.dtype):
            raise WeightsMismatch(
                f"model {self.model.name!r}: variable {variable.name!r} is of shape "
                f"{variable.shape} and {variable.dtype}, the checkpoint's {key!r} of shape "
                f"{entry.shape} and {entry.dtype}; nothing was changed"
            )

    def _take(self, changes: Sequence[tuple[Variable, str]]) -> None:
        commit([(variable, variable.converted(self._values[key])) for variable, key in changes])
        for variable, key in changes:
            self._values.pop(key, None)
            self._waiting.pop(key, None)
            self._restored.add(variable)

    def _wait(self) -> None:
        """Have what is created later restored, as long as there are values that nothing took."""
        rest = self.advance if self._waiting else None
        for layer in self.model.flatten_layers():
            object.__setattr__(layer, "restoring", rest)
            if isinstance(layer, Trainer) and layer.compiled is not None:
                layer.compiled.optimizer.restoring = rest


def _keys(root: Node) -> list[str]:
    return [node.key for node in numbered(root) if node.key is not None]


def _weights(model: Trainer) -> list[Variable]:
    """Return the weights of a model, none as long as a model inside has not created its own."""
    try:
        return model.weights
    except UnbuiltModel:
        return []
