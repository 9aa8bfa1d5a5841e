"""The cases of the doctor's trials: each tries one thing that a subject has."""

from collections.abc import Iterator
from dataclasses import dataclass

from saveproof.strategies.capabilities import Capabilities, had_of, has
from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    Call,
    Case,
    CompileSettings,
    Config,
    Evaluate,
    Fit,
    Input,
    Kind,
    Layer,
    Object,
    Predict,
    Recompile,
    ResetMetrics,
    ResetStates,
    SetLearningRate,
    SetTrainable,
    SetWeights,
    TrainingHistory,
    TrainOnBatch,
    tag_of,
)
from saveproof.strategies.declared import LOSSES
from saveproof.strategies.layers import as_had
from saveproof.strategies.targets import Target, target_of

STEPS = 2
ROWS = 4

LAYERS: tuple[tuple[tuple[int, ...], str, Config], ...] = (
    ((4,), "Dense", {"units": 3}),
    ((4,), "Activation", {"activation": "tanh"}),
    ((4,), "Dropout", {"rate": 0.3, "seed": 1}),
    ((3, 2), "Flatten", {}),
    ((4,), "Reshape", {"target_shape": [2, 2]}),
    ((4,), "BatchNormalization", {"momentum": 0.8}),
    ((4,), "LayerNormalization", {"epsilon": 0.01}),
    ((5,), "Embedding", {"input_dim": 7, "output_dim": 3}),
    ((5, 2), "Conv1D", {"filters": 3, "kernel_size": 2}),
    ((5, 5, 2), "Conv2D", {"filters": 3, "kernel_size": 2}),
    ((5, 2), "DepthwiseConv1D", {"kernel_size": 2}),
    ((5, 5, 2), "DepthwiseConv2D", {"kernel_size": 2}),
    ((5, 2), "SeparableConv1D", {"filters": 3, "kernel_size": 2}),
    ((5, 5, 2), "SeparableConv2D", {"filters": 3, "kernel_size": 2}),
    ((5, 2), "ZeroPadding1D", {"padding": 1}),
    ((4, 4, 2), "ZeroPadding2D", {"padding": 1}),
    ((4, 2), "MaxPooling1D", {"pool_size": 2}),
    ((4, 4, 2), "MaxPooling2D", {"pool_size": 2}),
    ((4, 2), "AveragePooling1D", {"pool_size": 2}),
    ((4, 4, 2), "AveragePooling2D", {"pool_size": 2}),
    ((5, 2), "GlobalAveragePooling1D", {}),
    ((4, 4, 2), "GlobalAveragePooling2D", {}),
    ((5, 2), "SimpleRNN", {"units": 3, "stateful": True}),
    ((5, 2), "LSTM", {"units": 3}),
    ((5, 2), "GRU", {"units": 3}),
    ((5, 2), "Bidirectional", {"layer": {"class_name": "GRU", "config": {"units": 3}}}),
    ((4,), "ReLU", {"negative_slope": 0.25}),
    ((4,), "LeakyReLU", {}),
    ((4,), "PReLU", {}),
    ((4,), "Softmax", {}),
    ((4,), "Add", {}),
    ((4,), "Multiply", {}),
    ((4,), "Concatenate", {}),
)
"""The layers that are tried: the shape of an input, the class, and its arguments."""

MERGING = frozenset(("Add", "Concatenate", "Multiply"))

OPTIMIZERS = (
    Object("SGD", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True}),
    Object("RMSprop", {"learning_rate": 0.01, "momentum": 0.3, "centered": True}),
    Object("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    Object("AdamW", {"learning_rate": 0.01, "weight_decay": 0.01}),
    Object("Adagrad", {"learning_rate": 0.01}),
    Object("Adadelta", {"learning_rate": 0.01}),
    Object("Adamax", {"learning_rate": 0.01}),
    Object("Nadam", {"learning_rate": 0.01}),
)
"""The optimizers that are tried, with the arguments that add slots."""


END_ACTIVATIONS = {
    Target.REAL: "linear",
    Target.BINARY: "sigmoid",
    Target.ONE_HOT: "softmax",
    Target.CLASS: "softmax",
}
"""The activation that ends a model for a loss with such targets."""

SHAPES: dict[int, tuple[int, ...]] = {1: (4,), 2: (5, 2), 3: (4, 4, 2)}
"""An input's shape by its number of axes."""


@dataclass(frozen=True)
class TrialCases:
    """The cases that try one thing each, of what a subject has."""

    had: Capabilities

    def every(self) -> Iterator[tuple[str, Case]]:
        """Yield what each case tries, and the case."""
        had = self.had
        for kind in had.kinds:
            yield f"kind {kind}", self._case(*self._plain, kind=kind)
        for shape, name, config in LAYERS:
            if has(had.layers, name) and self._fits(name, shape):
                yield f"layer {name}", self._case(shape, name, config)
        for one in OPTIMIZERS:
            if has(had.optimizers, one.class_name):
                yield f"optimizer {one.class_name}", self._case(*self._plain, optimizer=one)
        for loss in had_of(LOSSES, had.losses):
            yield f"loss {loss}", self._case(*self._plain, loss=loss)
        for event in self._events():
            if has(had.events, tag_of(type(event))):
                yield f"event {tag_of(type(event))}", self._case(*self._plain, event=event)

    @property
    def _plain(self) -> tuple[tuple[int, ...], str, Config]:
        return SHAPES[self.had.axes[0]], "Dense", {"units": 3}

    def _fits(self, name: str, shape: tuple[int, ...]) -> bool:
        several = name in MERGING and Kind.FUNCTIONAL not in self.had.kinds
        alone = self.had.max_layers == 1 and name != "Dense"
        return len(shape) in self.had.axes and not several and not alone

    def _events(self) -> Iterator[AnyEvent]:
        yield TrainOnBatch(STEPS, ROWS)
        yield Fit(1, 2 * ROWS, ROWS)
        yield Evaluate(2 * ROWS, ROWS)
        yield Predict(ROWS, ROWS)
        yield SetTrainable("tried", value=False)
        yield SetLearningRate(0.02)
        yield SetWeights("tried", 0, (0.5, "inf"))
        yield Recompile(self._settings(self._optimizer(OPTIMIZERS[0]), LOSSES[0]))
        yield ResetMetrics()
        yield ResetStates()

    def _case(
        self,
        shape: tuple[int, ...],
        class_name: str,
        config: Config,
        *,
        kind: Kind | None = None,
        optimizer: Object = OPTIMIZERS[0],
        loss: str = LOSSES[0],
        event: AnyEvent | None = None,
    ) -> Case:
        """Return a case with the tried layer between an input and a Dense layer, and some training.

        Flatten is between the two where the subject has it; a model of one layer has that alone.
        """
        had = self.had
        kinds = (Kind.FUNCTIONAL, *had.kinds)
        taken = had_of(LOSSES, had.losses)
        chosen = loss if loss in taken else taken[0]
        config = as_had(class_name, config, had)
        words = class_name == "Embedding"
        batch_size = ROWS if config.get("stateful") else None
        given = Input("given", shape, *(("int32", 7) if words else ("float32", 0)), batch_size)
        layers = [Layer(class_name, {"name": "tried", **config}), *self._ending(chosen)]
        last = "given"
        calls = []
        for layer in layers:
            several = class_name in MERGING and layer.name == "tried"
            calls.append(Call(layer.name, (last,) * (2 if several else 1), layer.name))
            last = layer.name
        trains = TrainOnBatch(STEPS, ROWS)
        first = trains if has(had.events, tag_of(TrainOnBatch)) else Fit(STEPS, ROWS, ROWS)
        before = (first,) if event is None else (first, event)
        architecture = Architecture(
            kind or next(one for one in kinds if one in had.kinds),
            *("tried_model", (given,), tuple(layers), tuple(calls), (last,)),
        )
        settings = self._settings(self._optimizer(optimizer), chosen)
        return Case(architecture, settings, TrainingHistory(before, ()), seed=1)

    def _ending(self, loss: str) -> Iterator[Layer]:
        had = self.had
        if had.max_layers == 1:
            return
        if has(had.layers, "Flatten") and had.max_layers is None:
            yield Layer("Flatten", {"name": "flat"})
        activation = END_ACTIVATIONS[target_of(loss)]
        ended: Config = {"units": 2} | (
            {} if activation == "linear" else {"activation": activation}
        )
        yield Layer("Dense", {"name": "end", **as_had("Dense", ended, had)})

    def _optimizer(self, wanted: Object) -> Object:
        """Return the optimizer, or the first of the subject's, with the arguments that it has."""
        one = next(o for o in (wanted, *OPTIMIZERS) if has(self.had.optimizers, o.class_name))
        return Object(
            one.class_name,
            {
                name: value
                for name, value in one.config.items()
                if name == "learning_rate" or self.had.takes(one.class_name, name)
            },
        )

    def _settings(self, optimizer: Object, loss: str) -> CompileSettings:
        made = Object(loss) if loss[0].isupper() else loss
        by_class = target_of(made) is Target.CLASS  # torch has no error between classes and outputs
        metrics = () if by_class else had_of(("mae",), self.had.metrics)
        return CompileSettings(optimizer, (made,), (metrics,) if metrics else ())
