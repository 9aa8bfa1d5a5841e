"""Deferred restoration of a checkpoint: existing variables now, others when they are created.

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
"""Prefixes of keys that are not weights of layers."""

_LOGGER = logging.getLogger(__name__)


class Restoration:
    """The values of a checkpoint, restored as soon as their variables exist.

    Args:
        model: to restore.
        bundle: the values.
        weights: TensorFlow's object graph.
        extras: the object graph of the extra state for an exact resume, if there is one.
        optimized: positions in the model's weights of those that its optimizer was built with.
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
        self._warned_weights: set[Variable] = set()
        self._warned: set[str] = set()
        self._running = False

    def start(self) -> None:
        """Restore all existing variables, or none after an error, and defer the others.

        Shapes are compared before values are read, and all values are read before one is assigned.

        Raises:
            WeightsMismatch: if a value does not have its variable's shape and dtype, or none of the
                model's variables has a value.
            OptimizerMismatch: if the optimizer's state belongs to other variables or options.
        """
        changes = self._changes()
        self._check_related(changes)
        afresh = self._saved_before_the_first_step()
        self._values = self._bundle.read_all(self._waiting)
        for optimizer in afresh:
            optimizer.unbuild()
        self._take(changes)
        if self._extras is not None:
            # Metrics created later start from zero.
            self._extras.root.children.pop(METRICS, None)
        self._wait()
        self._warn_missing(_weights(self.model))

    def advance(self) -> None:
        """Restore variables created since the last call.

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
                self._warn_missing([weight for layer in built for weight in layer.own_weights()])
        finally:
            self._running = False
        self._wait()

    def _check_related(self, changes: Sequence[tuple[Variable, str]]) -> None:
        """Check that at least one weight of the model has a value in the checkpoint.

        Raises:
            WeightsMismatch: naming values in the checkpoint and weights of the model.
        """
        weights = set(_weights(self.model))
        names = [name for name in children(self.model) if name != "optimizer"]
        held = [key for key in self._keys if not key.startswith(OF_TRAINING)]
        if weights and any(variable in weights for variable, _ in changes):
            return
        if not weights and (not held or set(names) & set(self._weights.root.children)):
            return
        raise WeightsMismatch(
            f"model {self.model.name!r}: the checkpoint {str(self._bundle.prefix)!r} has no value "
            f"for any of its variables: expected some of {names[:5]}, found {held[:3]}..."
        )

    def _saved_before_the_first_step(self) -> list[Optimizer]:
        """Return optimizers with slots that were saved before their first step, without slots."""
        return [
            held
            for node, held in self._weights.matched(self.model)
            if isinstance(held, Optimizer) and held.built and has_no_step(node, self._bundle.read)
        ]

    def _warn_missing(self, weights: Sequence[Variable]) -> None:
        """Log a warning, once per weight, for weights without a value in the checkpoint."""
        left = [weight for weight in weights if weight not in self._restored | self._warned_weights]
        self._warned_weights.update(left)
        if left:
            names = [weight.name for weight in left]
            _LOGGER.warning(
                "model %r: %d weights have no value in the checkpoint %r and are unchanged: %s",
                *(self.model.name, len(names), str(self._bundle.prefix), names),
            )

    def stop(self) -> None:
        """Stop restoring variables that are created later."""
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
        """Return the names of layers that lack weights for which values are left.

        The node of a layer is found by its number among layers with weights, so a layer without
        weights has no node.
        """
        left = [key for key in self.unused() if not key.startswith(OF_TRAINING)]
        layers = [layer for layer in self.model.flatten_layers() if layer is not self.model]
        return [layer.name for layer in layers if left and not layer.complete]

    def unused(self) -> list[str]:
        """Return the keys of values that have not been restored yet."""
        return [key for key in self._keys if key in self._waiting]

    def _changes(self) -> list[tuple[Variable, str]]:
        """Return variables to restore now with the keys of their values, after checking them."""
        pairs: Pairs = []
        # Match all weights first, since a legacy optimizer's slots refer to them.
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
                    f"{self._bundle.prefix}: {key!r}: expected one variable, found "
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
                f"model {self.model.name!r}: variable {variable.name!r}: expected shape "
                f"{variable.shape} and dtype {variable.dtype}, found {key!r} of shape "
                f"{entry.shape} and dtype {entry.dtype}; nothing was changed"
            )

    def _take(self, changes: Sequence[tuple[Variable, str]]) -> None:
        commit([(variable, variable.converted(self._values[key])) for variable, key in changes])
        for variable, key in changes:
            self._values.pop(key, None)
            self._waiting.pop(key, None)
            self._restored.add(variable)

    def _wait(self) -> None:
        """Restore variables created later, as long as there are values left."""
        rest = self.advance if self._waiting else None
        for layer in self.model.flatten_layers():
            object.__setattr__(layer, "restoring", rest)
            if isinstance(layer, Trainer) and layer.compiled is not None:
                layer.compiled.optimizer.restoring = rest


def _keys(root: Node) -> list[str]:
    return [node.key for node in numbered(root) if node.key is not None]


def _weights(model: Trainer) -> list[Variable]:
    """Return the weights of a model; none while a nested model has not created its own."""
    try:
        return model.weights
    except UnbuiltModel:
        return []
