"""Trainer: a layer with `compile`, `fit`, `evaluate` and `predict`."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from saveproof.reference_impl import optimizers
from saveproof.reference_impl.custom_objects import active_custom_objects
from saveproof.reference_impl.engine.batches import (
    Rows,
    joined,
    positive,
    pseudo_names,
    reported,
    rows_of,
    tensor_of,
    weighted_by_class,
)
from saveproof.reference_impl.engine.callbacks import (
    Callback,
    CallbackList,
    History,
    Progress,
    callback_list,
)
from saveproof.reference_impl.engine.compiled import Arguments, Compiled, structure_of
from saveproof.reference_impl.engine.errors import UncompiledModel
from saveproof.reference_impl.engine.flags import flags_of, held
from saveproof.reference_impl.engine.graph import Graph
from saveproof.reference_impl.engine.own_steps import OF_PREDICTION, OF_TRAINING, check_steps
from saveproof.reference_impl.engine.streams import (
    Data,
    batch_size_of,
    batches,
    data_of,
    split_validation,
    weighted,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.metrics import Metric
from saveproof.reference_impl.nest import Nested, leaves, map_leaves
from saveproof.reference_impl.numerics.autodiff import Tape, Tensor
from saveproof.reference_impl.optimizers import LossScaleOptimizer, Optimizer
from saveproof.reference_impl.plain import plain


class Trainer(Layer):
    """The training loop of Keras 2: what `Model` adds to a layer except saving."""

    compiled: Compiled | None = None
    graph: Graph | None = None
    called_on: Nested = None
    """Symbolic tensors for the inputs of a subclassed model's first call."""
    stop_training = False
    resumed: Progress | None = None
    """Where `fit` begins instead of `initial_epoch`: set by a callback as training begins."""

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool | None = None,  # noqa: FBT001 (Keras's signature)
    ) -> None:
        """Set the optimizer, and the loss, loss weight and metrics of each output.

        The first step creates the optimizer's slots. `run_eagerly` is stored without effect. With
        the policy mixed_float16 the optimizer gets a loss scale, unless it has one, as in tf_keras.
        """
        check_steps(self, OF_TRAINING)
        given = Arguments(*plain((loss, metrics, weighted_metrics, loss_weights, run_eagerly)))
        known = active_custom_objects()
        made = optimizers.get(optimizer, custom_objects=known)
        if self.dtype_policy == "mixed_float16" and made.updating is made:
            made = LossScaleOptimizer(made)
        self.compiled = Compiled(made, given)
        self.compiled.flags = flags_of(self)
        self.compiled.keys = None if self.graph is None else self.graph.output_keys

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, if the model is compiled."""
        return None if self.compiled is None else self.compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss as given to `compile`."""
        return None if self.compiled is None else self.compiled.arguments.loss

    @property
    def metrics(self) -> list[Metric]:
        """The losses' means and the metrics; empty before the first batch."""
        return [] if self.compiled is None else self.compiled.metrics

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics, as in the logs."""
        return [metric.name for metric in self.metrics]

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside this model."""
        return self.sublayers()

    @property
    def is_network(self) -> bool:
        """Whether checkpoints name layers by their position rather than by attribute."""
        return self.is_graph_network

    @property
    def output_names(self) -> list[str] | None:
        """The names of the outputs; None if their number is unknown before a call."""
        return None

    def reset_metrics(self) -> None:
        """Reset every metric."""
        for metric in self.metrics:
            metric.reset_state()

    def reset_states(self) -> None:
        """Set the states of all stateful layers to zero."""
        for layer in [one for one in self.flatten_layers() if one.stateful]:
            layer.reset_states()

    def train_on_batch(
        self,
        x: Nested,
        y: Nested = None,
        sample_weight: Nested = None,
        class_weight: Mapping[int, float] | None = None,
        reset_metrics: bool = True,  # noqa: FBT001 (Keras's signature)
        return_dict: bool = False,  # noqa: FBT001 (Keras's signature)
    ) -> Any:
        """Take one step and return the loss before the step and the metrics.

        With `reset_metrics` they cover only this batch. Layers frozen after `compile` still train.
        """
        compiled = self._check_compiled()
        if reset_metrics:
            self.reset_metrics()
        with held(compiled.flags):
            logs = self._train_step(weighted_by_class(rows_of(x, y, sample_weight), class_weight))
        return reported(logs, return_dict=return_dict)

    def test_on_batch(
        self,
        x: Nested,
        y: Nested = None,
        sample_weight: Nested = None,
        reset_metrics: bool = True,  # noqa: FBT001 (Keras's signature)
        return_dict: bool = False,  # noqa: FBT001 (Keras's signature)
    ) -> Any:
        """Return the loss and the metrics of one batch, without training."""
        self._check_compiled()
        if reset_metrics:
            self.reset_metrics()
        return reported(self._test_step(rows_of(x, y, sample_weight)), return_dict=return_dict)

    def predict_on_batch(self, x: Nested) -> Nested:
        """Return the outputs for one batch, as arrays."""
        check_steps(self, OF_PREDICTION)
        return map_leaves(lambda tensor: tensor.value, self(rows_of(x).x, training=False))

    def fit(
        self,
        x: Nested,
        y: Nested = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = 0,
        callbacks: Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,  # noqa: FBT001 (Keras's signature)
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Nested = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
        *,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
    ) -> History:
        """Train for `epochs` - `initial_epoch` epochs and return the history of the logs.

        Each epoch draws a new order of the samples from the process-wide generator.
        `validation_split` takes the last part of the data, before shuffling. An iterable provides
        batches, `steps_per_epoch` per epoch; see `Stream`.
        """
        compiled = self._check_compiled()
        given = data_of(x, y, sample_weight, steps=steps_per_epoch)
        given, validation = split_validation(
            given, validation_data, validation_split, validation_steps
        )
        rows = weighted(given, class_weight)
        batch_size = batch_size_of(rows, batch_size)
        validation_size = batch_size_of(validation, validation_batch_size or batch_size)
        history, epochs = History(), positive("epochs", epochs)
        params = {"epochs": epochs, "validation": validation is not None}
        hooks = callback_list(self, callbacks, history, verbose=verbose, params=params)
        self.stop_training, self.resumed = False, None
        with held(compiled.flags):
            hooks.call("on_train_begin")
            begin = self._beginning(Progress(initial_epoch))
            for epoch in range(begin.epoch, epochs):
                hooks.call("on_epoch_begin", epoch)
                done = begin.batches if epoch == begin.epoch else 0
                logs = self._train_epoch(rows, batch_size, hooks, shuffle=shuffle, done=done)
                if not logs and done:
                    continue
                if not logs:
                    break
                if validation is not None:
                    found = self._evaluate(validation, validation_size, hooks)
                    logs |= {f"val_{name}": value for name, value in found.items()}
                hooks.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
            if epochs > initial_epoch:
                compiled.optimizer.finalize_variable_values(self.trainable_weights)
            hooks.call("on_train_end")
        return history

    def evaluate(
        self,
        x: Nested,
        y: Nested = None,
        batch_size: int | None = None,
        verbose: int | str = 0,
        sample_weight: Nested = None,
        return_dict: bool = False,  # noqa: FBT001 (Keras's signature)
        callbacks: Iterable[Callback] | None = None,
        *,
        steps: int | None = None,
    ) -> Any:
        """Return the loss and the metrics over all samples, as a list, or a single number."""
        self._check_compiled()
        hooks = callback_list(self, callbacks, verbose=verbose)
        rows = data_of(x, y, sample_weight, steps=steps)
        logs = self._evaluate(rows, batch_size_of(rows, batch_size), hooks)
        return reported(logs, return_dict=return_dict)

    def predict(
        self,
        x: Nested,
        batch_size: int | None = None,
        verbose: int | str = 0,
        *,
        steps: int | None = None,
    ) -> Nested:
        """Return the outputs for all samples, as arrays, computed batch by batch."""
        del verbose
        check_steps(self, OF_PREDICTION)
        rows = data_of(x, steps=steps)
        given = batches(rows, batch_size_of(rows, batch_size))
        return joined([self(batch.x, training=False) for batch in given])

    def _beginning(self, given: Progress) -> Progress:
        """Return where a callback said that training begins, by default as given."""
        return given if self.resumed is None else self.resumed

    def _train_epoch(
        self, rows: Data, batch_size: int, hooks: CallbackList, *, shuffle: bool, done: int
    ) -> dict[str, Any]:
        """Return the logs of the epoch; those of the batches done are in the metrics already."""
        if not done:
            self.reset_metrics()
        logs: dict[str, Any] = {}
        left = islice(enumerate(batches(rows, batch_size, shuffle=shuffle)), done, None)
        for number, batch in left:
            hooks.call("on_train_batch_begin", number)
            logs = self._train_step(batch)
            hooks.call("on_train_batch_end", number, logs)
            if self.stop_training:
                break
        return logs

    def _evaluate(self, rows: Data, batch_size: int, hooks: CallbackList) -> dict[str, Any]:
        self.reset_metrics()
        hooks.call("on_test_begin")
        logs: dict[str, Any] = {}
        for batch in batches(rows, batch_size):
            logs = self._test_step(batch)
        hooks.call("on_test_end", logs)
        return logs

    def _train_step(self, batch: Rows) -> dict[str, Any]:
        compiled = self._check_compiled()
        with Tape() as tape:
            predictions = list(leaves(self(batch.x, training=True)))
            targets, weights = self._targets_of(batch, predictions)
            loss = compiled.loss_of(targets, predictions, weights, self.losses)
        compiled.optimizer.minimize(loss, self.trainable_weights, tape)
        compiled.update_metrics(targets, predictions, weights)
        return self._logs()

    def _test_step(self, batch: Rows) -> dict[str, Any]:
        compiled = self._check_compiled()
        predictions = list(leaves(self(batch.x, training=False)))
        targets, weights = self._targets_of(batch, predictions)
        compiled.loss_of(targets, predictions, weights, self.losses)
        compiled.update_metrics(targets, predictions, weights)
        return self._logs()

    def _targets_of(
        self, batch: Rows, predictions: Sequence[Tensor]
    ) -> tuple[list[Tensor | None], list[Tensor | None]]:
        """Return each output's targets and weights; at the first batch, create the metrics."""
        compiled = self._check_compiled()
        names = self.output_names or compiled.names or pseudo_names(len(predictions))
        keys = compiled.keys or names
        targets, weights = (
            [tensor_of(leaf) for leaf in structure_of(data, keys, argument)]
            for data, argument in ((batch.y, "y"), (batch.sample_weight, "sample_weight"))
        )
        if not compiled.ready:
            shapes = [
                (() if target is None else target.shape, prediction.shape)
                for target, prediction in zip(targets, predictions, strict=True)
            ]
            compiled.prepare(names, shapes)
        return targets, weights

    def _logs(self) -> dict[str, Any]:
        return {metric.name: float(metric.result()) for metric in self.metrics}

    def _check_compiled(self) -> Compiled:
        if self.compiled is not None:
            return self.compiled
        raise UncompiledModel(f"model {self.name!r}: compile() it before training it")
