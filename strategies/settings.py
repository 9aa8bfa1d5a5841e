"""Compile settings: the losses and metrics that fit the outputs, beside an optimizer."""

from strategies import optimizers
from strategies.case import Architecture, CompileSettings, Object
from strategies.choices import Choices
from strategies.shapes import tensor_shapes
from strategies.targets import Target, target_of

REGRESSION: tuple[str | Object, ...] = (
    "mean_squared_error",
    "mse",
    "mae",
    Object(class_name="Huber", config={"delta": 0.4}),
    "log_cosh",
)
PROBABILITY: tuple[str | Object, ...] = (
    "binary_crossentropy",
    Object(class_name="BinaryCrossentropy", config={"label_smoothing": 0.1}),
    "mse",
)
DISTRIBUTION: tuple[str | Object, ...] = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    Object(class_name="CategoricalCrossentropy", config={"label_smoothing": 0.2}),
    "kl_divergence",
)
LOGITS: tuple[str | Object, ...] = (
    *REGRESSION,
    Object(class_name="SparseCategoricalCrossentropy", config={"from_logits": True}),
    Object(class_name="CategoricalCrossentropy", config={"from_logits": True}),
)

REAL_METRICS: tuple[tuple[str | Object, ...], ...] = (
    (),
    ("mae",),
    ("mse",),
    (Object(class_name="RootMeanSquaredError", config={"name": "distance"}), "mae"),
    (Object(class_name="MeanAbsoluteError"),),
)
BINARY_METRICS: tuple[tuple[str | Object, ...], ...] = (
    (),
    ("accuracy",),
    (Object(class_name="BinaryAccuracy", config={"threshold": 0.4}),),
    ("mse", "binary_crossentropy"),
    (Object(class_name="Precision", config={"thresholds": 0.3, "name": "hits"}),),
    (Object(class_name="Recall", config={"thresholds": 0.6}),),
)
CLASS_METRICS: tuple[tuple[str | Object, ...], ...] = (
    (),
    ("accuracy",),
    (Object(class_name="CategoricalAccuracy", config={"name": "share"}),),
    (Object(class_name="TopKCategoricalAccuracy", config={"k": 2}), "mse"),
)
SPARSE_METRICS: tuple[tuple[str | Object, ...], ...] = (
    (),
    ("accuracy",),
    ("sparse_categorical_accuracy",),
    (Object(class_name="SparseCategoricalAccuracy", config={"name": "share"}),),
)
METRICS = {
    Target.REAL: REAL_METRICS,
    Target.BINARY: BINARY_METRICS,
    Target.ONE_HOT: CLASS_METRICS,
    Target.CLASS: SPARSE_METRICS,
}
LOSS_WEIGHTS = (None, None, (0.7, 1.3, 0.4))


def compile_settings(architecture: Architecture, choice: Choices) -> CompileSettings:
    """Return compile settings for the architecture; shrinks towards SGD and mean squared error.

    One case in twenty runs on the framework's default graph path, the others eagerly: that is
    several times as fast, and what is saved is the same. Where a name is not ASCII all run
    eagerly: only then does tf_keras take it.
    """
    optimizer = optimizers.optimizer(choice, dtypes=weight_dtypes(architecture))
    losses = tuple(choice.one_of(options) for options in _fitting_losses(architecture))
    metrics = tuple(choice.one_of(METRICS[target_of(loss)]) for loss in losses)
    weights = choice.one_of(LOSS_WEIGHTS)
    return CompileSettings(
        optimizer=optimizer,
        losses=losses,
        metrics=metrics if any(metrics) else (),
        loss_weights=weights and weights[: len(losses)],
        run_eagerly=not choice.rarely(20) or not _is_ascii(architecture),
    )


def weight_dtypes(architecture: Architecture) -> frozenset[str]:
    """Return the dtypes that weights may have; mixed policies keep float32."""
    given = (str(layer.config.get("dtype", "float32")) for layer in architecture.every_layer())
    return frozenset("float32" if dtype.startswith("mixed_") else dtype for dtype in given)


def _is_ascii(architecture: Architecture) -> bool:
    names = [architecture.name, *(layer.name for layer in architecture.every_layer())]
    return all(name.isascii() for name in names)


def _fitting_losses(architecture: Architecture) -> list[tuple[str | Object, ...]]:
    """Return the losses that fit each output, by the activation that ends it and its width."""
    shapes = tensor_shapes(architecture)
    givers = {call.output: call.layer for call in architecture.calls}
    options = []
    for output in architecture.outputs:
        activation = architecture.layer(givers[output]).config.get("activation")
        narrow = shapes[output][-1] == 1
        by_activation = {"softmax": DISTRIBUTION, "sigmoid": PROBABILITY}
        options.append(by_activation.get(str(activation), REGRESSION if narrow else LOGITS))
    return options
