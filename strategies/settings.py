"""Compile settings: the losses and metrics that fit the outputs, beside an optimizer."""

from collections.abc import Sequence

from saveproof.strategies import optimizers
from saveproof.strategies.byte_draws import ByteDraws
from saveproof.strategies.capabilities import EVERYTHING, Capabilities, has
from saveproof.strategies.case import Architecture, CompileSettings, Layer, Object
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.targets import Target, target_of

Losses = tuple[str | Object, ...]

REGRESSION: Losses = (
    "mean_squared_error",
    "mse",
    "mae",
    Object(class_name="Huber", config={"delta": 0.4}),
    "log_cosh",
)
PROBABILITY: Losses = (
    "binary_crossentropy",
    Object(class_name="BinaryCrossentropy", config={"label_smoothing": 0.1}),
    "mse",
)
DISTRIBUTION: Losses = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    Object(class_name="CategoricalCrossentropy", config={"label_smoothing": 0.2}),
    "kl_divergence",
)
LOGITS: Losses = (
    *REGRESSION,
    Object(class_name="SparseCategoricalCrossentropy", config={"from_logits": True}),
    Object(class_name="CategoricalCrossentropy", config={"from_logits": True}),
)

REAL_METRICS: tuple[Losses, ...] = (
    (),
    ("mae",),
    ("mse",),
    (Object(class_name="RootMeanSquaredError", config={"name": "distance"}), "mae"),
    (Object(class_name="MeanAbsoluteError"),),
)
BINARY_METRICS: tuple[Losses, ...] = (
    (),
    ("accuracy",),
    (Object(class_name="BinaryAccuracy", config={"threshold": 0.4}),),
    ("mse", "binary_crossentropy"),
    (Object(class_name="Precision", config={"thresholds": 0.3, "name": "hits"}),),
    (Object(class_name="Recall", config={"thresholds": 0.6}),),
)
CLASS_METRICS: tuple[Losses, ...] = (
    (),
    ("accuracy",),
    (Object(class_name="CategoricalAccuracy", config={"name": "share"}),),
    (Object(class_name="TopKCategoricalAccuracy", config={"k": 2}), "mse"),
)
SPARSE_METRICS: tuple[Losses, ...] = (
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


def compile_settings(
    architecture: Architecture, draws: ByteDraws, had: Capabilities = EVERYTHING
) -> CompileSettings:
    """Draw compile settings for the architecture; shrinks towards SGD and mean squared error.

    One case in twenty runs on the framework's default graph path, the others eagerly: that is
    several times as fast, and what is saved is the same. Where a name is not ASCII all run
    eagerly: only then does tf_keras take it.
    """
    optimizer = optimizers.optimizer(draws, dtypes=weight_dtypes(architecture), had=had)
    ends = _ends(architecture)
    losses = tuple(draws.one_of(_losses(layer, width, had)) for layer, width in ends)
    metrics = tuple(
        draws.one_of(_metrics(loss, layer, had))
        for loss, (layer, _) in zip(losses, ends, strict=True)
    )
    weights = draws.one_of(LOSS_WEIGHTS)
    return CompileSettings(
        optimizer=optimizer,
        losses=losses,
        metrics=metrics if any(metrics) else (),
        loss_weights=weights and weights[: len(losses)],
        run_eagerly=not draws.chance(20) or not _is_ascii(architecture),
    )


def weight_dtypes(architecture: Architecture) -> frozenset[str]:
    """Return the dtypes that weights may have; mixed policies keep float32."""
    given = (str(layer.config.get("dtype", "float32")) for layer in architecture.every_layer())
    return frozenset("float32" if dtype.startswith("mixed_") else dtype for dtype in given)


def _is_ascii(architecture: Architecture) -> bool:
    names = [architecture.name, *(layer.name for layer in architecture.every_layer())]
    return all(name.isascii() for name in names)


def _ends(architecture: Architecture) -> list[tuple[Layer, int | None]]:
    """Return the layer that gives each output, and the length of the output's last axis."""
    shapes = tensor_shapes(architecture)
    givers = {call.output: call.layer for call in architecture.calls}
    return [
        (architecture.layer(givers[output]), shapes[output][-1]) for output in architecture.outputs
    ]


def _losses(layer: Layer, width: int | None, had: Capabilities) -> Losses:
    """Return the losses that fit an output, by the activation that ends it and its width.

    If the subject has none of them, all that it has: a distance fits every output.
    """
    by_activation = {"softmax": DISTRIBUTION, "sigmoid": PROBABILITY}
    activation = str(layer.config.get("activation"))
    fitting = by_activation.get(activation, REGRESSION if width == 1 else LOGITS)
    several = (fitting, REGRESSION, PROBABILITY, DISTRIBUTION, LOGITS)
    return next(filter(None, (_had(losses, had.losses) for losses in several)))


def _had(named: Losses, had: Sequence[str] | None) -> Losses:
    return tuple(one for one in named if has(had, name_of(one)))


def name_of(one: str | Object) -> str:
    """Return the name of a loss or metric."""
    return one if isinstance(one, str) else one.class_name


def _metrics(loss: str | Object, layer: Layer, had: Capabilities) -> tuple[Losses, ...]:
    """Return the metrics that fit; TensorFlow ranks no bfloat16 for the last of the classes'."""
    fitting = METRICS[target_of(loss)]
    short = layer.config.get("dtype") == "mixed_bfloat16"
    fitting = fitting[:-1] if fitting is CLASS_METRICS and short else fitting
    return fitting if had.metrics is None else tuple(_had(some, had.metrics) for some in fitting)
