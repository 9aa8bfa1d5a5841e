"""Compile settings: optimizers, schedules, and the losses and metrics that fit the outputs."""

from collections.abc import Sequence

from hypothesis import strategies as st

from strategies.arguments import OMIT, given
from strategies.case import Architecture, CompileSettings, Config, Object
from strategies.choices import Choices, choices
from strategies.shapes import Shape, tensor_shapes

RATES = (0.05, 0.02, 0.03, 0.008)
SHORT = (2, 3, 5)
"""Steps: few enough for a schedule to move within a history."""

OPTIMIZERS: dict[str, dict[str, Sequence[object]]] = {
    "SGD": {"momentum": (OMIT, 0.8, 0.5), "nesterov": (OMIT, True)},
    "Adam": {
        "beta_1": (OMIT, 0.8, 0.6),
        "beta_2": (OMIT, 0.95, 0.9),
        "epsilon": (OMIT, 1e-3),
        "amsgrad": (OMIT, True),
    },
    "RMSprop": {
        "rho": (OMIT, 0.8, 0.7),
        "momentum": (OMIT, 0.6, 0.3),
        "centered": (OMIT, True),
        "epsilon": (OMIT, 1e-3),
    },
    "AdamW": {
        "weight_decay": (0.02, 0.1),
        "beta_1": (OMIT, 0.8),
        "beta_2": (OMIT, 0.95),
        "epsilon": (OMIT, 1e-3),
        "amsgrad": (OMIT, True),
    },
    "Adagrad": {"initial_accumulator_value": (OMIT, 0.3), "epsilon": (OMIT, 1e-3)},
    "Adadelta": {"rho": (OMIT, 0.8), "epsilon": (OMIT, 1e-3)},
    "Adamax": {"beta_1": (OMIT, 0.8), "beta_2": (OMIT, 0.95), "epsilon": (OMIT, 1e-3)},
    "Nadam": {"beta_1": (OMIT, 0.8), "beta_2": (OMIT, 0.95), "epsilon": (OMIT, 1e-3)},
}
"""Class name → options of each argument; the plainest optimizer and options first."""

COMMON: tuple[Config, ...] = (
    {},
    {},
    {},
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.8},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 2},
    {"weight_decay": 0.03},
    {"weight_decay": 0.01, "clipnorm": 0.6},
    {"name": "trainer_2"},
)
"""Arguments that every optimizer takes; of the three ways to clip one at most."""

SCHEDULES: dict[str, dict[str, Sequence[object]]] = {
    "ExponentialDecay": {
        "initial_learning_rate": RATES,
        "decay_steps": SHORT,
        "decay_rate": (0.8, 0.5),
        "staircase": (OMIT, True),
    },
    "PiecewiseConstantDecay": {
        "boundaries": ([2], [1, 4], [3, 5]),
        "values": ([0.05, 0.02, 0.01], [0.04, 0.01, 0.03]),
    },
    "PolynomialDecay": {
        "initial_learning_rate": RATES,
        "decay_steps": SHORT,
        "end_learning_rate": (0.004, 0.001),
        "power": (OMIT, 2.0),
        "cycle": (OMIT, True),
    },
    "InverseTimeDecay": {
        "initial_learning_rate": RATES,
        "decay_steps": SHORT,
        "decay_rate": (0.7, 0.4),
        "staircase": (OMIT, True),
    },
    "CosineDecay": {
        "initial_learning_rate": RATES,
        "decay_steps": (5, 9),
        "alpha": (0.2, 0.1),
    },
}

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
LOSS_WEIGHTS = (None, None, (0.7, 1.3, 0.4))

OPTIMIZER_BYTES = 14
_OPTIMIZER_CHOICES = choices(OPTIMIZER_BYTES)


def optimizers() -> st.SearchStrategy[Object]:
    """Generate optimizers; shrinks towards SGD with a constant learning rate."""
    return _OPTIMIZERS


def _optimizer(choice: Choices) -> Object:
    class_name = choice.one_of(tuple(OPTIMIZERS))
    schedule = choice.one_of(NO_SCHEDULE + tuple(SCHEDULES))
    arguments = {"learning_rate": choice.one_of(RATES) if schedule is None else _schedule(choice, schedule)}
    arguments |= {key: choice.one_of(options) for key, options in OPTIMIZERS[class_name].items()}
    arguments = {**choice.one_of(COMMON), **given(arguments)}
    return Object(class_name=class_name, config=arguments)
