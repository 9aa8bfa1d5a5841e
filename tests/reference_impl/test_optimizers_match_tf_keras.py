import functools
from types import ModuleType

import numpy as np
import pytest

from saveproof import reference_impl
from saveproof.reference_impl import optimizers, schedules
from saveproof.reference_impl.numerics.autodiff import Variable

pytestmark = pytest.mark.frameworks

SHAPES = {"dense/kernel:0": (5, 3), "dense/bias:0": (3,), "scale:0": (), "conv/kernel:0": (2, 3, 4)}
STEPS = 12
SHARED = {"learning_rate": 0.01}

VARIANTS: dict[str, tuple[dict[str, object], ...]] = {
    "SGD": ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}),
    "RMSprop": (
        {},
        {"rho": 0.8, "epsilon": 1e-3},
        {"momentum": 0.9},
        {"centered": True},
        {"centered": True, "momentum": 0.5},
    ),
    "Adam": ({}, {"amsgrad": True}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}),
    "AdamW": ({}, {"amsgrad": True, "weight_decay": 0.1}),
    "Adamax": ({}, {"beta_1": 0.5, "beta_2": 0.9}),
    "Nadam": ({}, {"beta_1": 0.5, "beta_2": 0.9}),
    "Adagrad": ({}, {"initial_accumulator_value": 0.5, "epsilon": 1e-2}),
    "Adadelta": ({}, {"rho": 0.5, "epsilon": 1e-2}),
    "Lion": ({}, {"beta_1": 0.5, "beta_2": 0.9}),
    "Adafactor": (
        {},
        {"learning_rate": 2.0},
        {"relative_step": False, "clip_threshold": 0.1, "epsilon_2": 1.0},
        {"beta_2_decay": -0.5, "epsilon_1": 1e-3},
    ),
    "Ftrl": (
        {},
        {"learning_rate_power": -0.25, "initial_accumulator_value": 0.0, "beta": 0.5},
        {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.2},
        {"l2_shrinkage_regularization_strength": 0.4},
    ),
}
OF_DTYPES: dict[str, dict[str, object]] = {
    "SGD": {"momentum": 0.9},
    "Lion": {},
    "Adafactor": {"epsilon_1": 1e-3},
    "Ftrl": {"l1_regularization_strength": 0.1, "beta": 0.5},
}
"""Arguments for variables of any dtype; those of other optimizers are an epsilon of 1e-3."""
OPTIONS: tuple[dict[str, object], ...] = (
    {"weight_decay": 0.05},
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"use_ema": True, "ema_momentum": 0.7},
    {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
)
CASES = [
    *[(name, arguments) for name, variants in VARIANTS.items() for arguments in variants],
    *[(name, options) for name in VARIANTS for options in OPTIONS],
]


def case_id(case: object) -> str:
    return str(case).replace(" ", "")


@pytest.fixture(scope="module")
def tf_keras() -> ModuleType:
    return pytest.importorskip("tf_keras")


@functools.cache
def start_and_gradients() -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    rng = np.random.default_rng(7)
    draw = lambda: [np.asarray(rng.normal(size=s), np.float32) for s in SHAPES.values()]  # noqa: E731
    return draw(), [draw() for _ in range(STEPS)]


def run_reference(optimizer, *, dtype="float32"):
    start, gradients = start_and_gradients()
    variables = [
        Variable(value.astype(dtype), name=name) for name, value in zip(SHAPES, start, strict=True)
    ]
    for step in gradients:
        cast = [g.astype(dtype) for g in step]
        optimizer.apply_gradients(zip(cast, variables, strict=True))
    return variables


def run_tf_keras(optimizer, *, dtype="float32"):
    import tensorflow as tf

    start, gradients = start_and_gradients()
    variables = [
        tf.Variable(value.astype(dtype), name=name[:-2])
        for name, value in zip(SHAPES, start, strict=True)
    ]
    for step in gradients:
        cast = [tf.constant(g.astype(dtype)) for g in step]
        optimizer.apply_gradients(zip(cast, variables, strict=True))
    return variables


def assert_same(ours, theirs, *, tolerance=2e-6):
    assert [v.name for v in ours] == [v.name for v in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.numpy().dtype, mine.name
        assert mine.shape == other.numpy().shape, mine.name
        np.testing.assert_allclose(
            mine.numpy().astype(np.float64),
            other.numpy().astype(np.float64),
            rtol=tolerance,
            atol=tolerance,
            err_msg=mine.name,
        )


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_twelve_steps_give_the_weights_and_slots_of_tf_keras(case, tf_keras):
    name, arguments = case
    ours = getattr(optimizers, name)(**{**SHARED, **arguments})
    theirs = getattr(tf_keras.optimizers, name)(**{**SHARED, **arguments})
    our_variables, their_variables = run_reference(ours), run_tf_keras(theirs)

    # Ftrl divides a difference of nearly equal powers by the rate, which enlarges rounding errors.
    tolerance = 2e-5 if name == "Ftrl" else 2e-6
    assert_same(our_variables, their_variables, tolerance=tolerance)
    assert_same(ours.variables, theirs.variables, tolerance=tolerance)
    assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize("name", VARIANTS)
def test_default_configurations_are_those_of_tf_keras(name, tf_keras):
    ours = getattr(optimizers, name)()
    theirs = getattr(tf_keras.optimizers, name)()

    assert list(ours.get_config().items()) == list(theirs.get_config().items())
    assert optimizers.serialize(ours) == tf_keras.optimizers.serialize(theirs)
    assert optimizers.serialize(ours, use_legacy_format=True) == tf_keras.optimizers.serialize(
        theirs, use_legacy_format=True
    )


@pytest.mark.parametrize("dtype", ["float64", "float16"])
@pytest.mark.parametrize("name", VARIANTS)
def test_variables_of_another_dtype_move_as_in_tf_keras(name, dtype, tf_keras):
    arguments = OF_DTYPES.get(name, {"epsilon": 1e-3})
    ours = getattr(optimizers, name)(**SHARED, **arguments)
    theirs = getattr(tf_keras.optimizers, name).from_config(ours.get_config())

    tolerance = {"float64": 1e-12, "float16": 4e-3}[dtype]
    assert_same(
        run_reference(ours, dtype=dtype), run_tf_keras(theirs, dtype=dtype), tolerance=tolerance
    )
    assert_same(ours.variables, theirs.variables, tolerance=tolerance)


SCHEDULES = {
    "ExponentialDecay": ((0.1, 3, 0.5), {}),
    "ExponentialDecay staircase": ((0.1, 3, 0.5), {"staircase": True}),
    "InverseTimeDecay": ((0.1, 3, 0.5), {}),
    "InverseTimeDecay staircase": ((0.1, 3, 0.5), {"staircase": True}),
    "PiecewiseConstantDecay": (([3, 7], [0.1, 0.01, 0.001]), {}),
    "PolynomialDecay": ((0.1, 5), {"power": 2.0}),
    "PolynomialDecay cycle": ((0.1, 5), {"cycle": True}),
    "CosineDecay": ((0.1, 8), {"alpha": 0.1}),
    "CosineDecay warm-up": ((0.0, 8), {"warmup_target": 0.1, "warmup_steps": 4}),
    "CosineDecayRestarts": ((0.1, 3), {"alpha": 0.1, "m_mul": 0.5}),
    "CosineDecayRestarts equal": ((0.1, 3), {"t_mul": 1.0}),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_give_the_rates_of_tf_keras(name, tf_keras):
    arguments, keywords = SCHEDULES[name]
    ours = getattr(schedules, name.split()[0])(*arguments, **keywords)
    theirs = getattr(tf_keras.optimizers.schedules, name.split()[0])(*arguments, **keywords)

    assert [ours(step) for step in range(25)] == pytest.approx(
        [float(theirs(step)) for step in range(25)], rel=1e-5, abs=1e-8
    )
    assert all(ours(step).dtype == np.float32 for step in range(3))
    assert schedules.serialize(ours) == tf_keras.optimizers.schedules.serialize(theirs)


@pytest.mark.parametrize("name", SCHEDULES)
def test_steps_under_a_schedule_match_tf_keras(name, tf_keras):
    arguments, keywords = SCHEDULES[name]
    ours = optimizers.Adam(getattr(schedules, name.split()[0])(*arguments, **keywords))
    theirs = tf_keras.optimizers.Adam(
        getattr(tf_keras.optimizers.schedules, name.split()[0])(*arguments, **keywords)
    )

    assert_same(run_reference(ours), run_tf_keras(theirs), tolerance=1e-5)
    assert float(ours.learning_rate) == pytest.approx(float(theirs.learning_rate), rel=1e-5)
    assert ours.get_config() == theirs.get_config()


def test_variables_without_gradient_are_skipped_as_in_tf_keras(tf_keras):
    import tensorflow as tf

    ours, theirs = optimizers.Adam(0.1), tf_keras.optimizers.Adam(0.1)
    mine = [Variable(np.ones(2, np.float32), name=n) for n in ("a:0", "b:0")]
    other = [tf.Variable(np.ones(2, np.float32), name=n) for n in ("a", "b")]
    for _ in range(3):
        ours.apply_gradients([(np.ones(2, np.float32), mine[0]), (None, mine[1])])
        theirs.apply_gradients([(tf.ones(2), other[0]), (None, other[1])])

    assert_same(mine, other)
    assert_same(ours.variables, theirs.variables)


def test_variables_named_by_pattern_do_not_decay_as_in_tf_keras(tf_keras):
    ours = optimizers.AdamW(0.01, weight_decay=0.5)
    theirs = tf_keras.optimizers.AdamW(0.01, weight_decay=0.5)
    ours.exclude_from_weight_decay(var_names=["bias"])
    theirs.exclude_from_weight_decay(var_names=["bias"])

    assert_same(run_reference(ours), run_tf_keras(theirs))


@pytest.mark.parametrize("regularizer", [None, "l2"])
@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_rows_of_an_embedding_are_clipped_before_they_are_added_up(tf_keras, clip, regularizer):
    words = np.array([[1, 1, 2, 1], [1, 0, 0, 2]])
    targets = np.array([[3.0], [-2.0]], np.float32)
    trained = []
    for keras in (tf_keras, reference_impl):
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input((4,), dtype="int32"),
                layers.Embedding(3, 2, embeddings_regularizer=regularizer),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )
        model.set_weights(
            [np.linspace(-1, 1, w.size, dtype="f4").reshape(w.shape) for w in model.get_weights()]
        )
        model.compile(keras.optimizers.SGD(0.1, **{clip: 0.3}), "mse")
        for _ in range(3):
            model.train_on_batch(words, targets)
        trained.append(model.get_weights())

    for theirs, ours in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
