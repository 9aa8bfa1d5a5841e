"""LossScaleOptimizer: its steps, and its state in every format."""

import json
import zipfile

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl import optimizers
from saveproof.reference_impl.loading import LoadError
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.saving.dialects.training import UnwritableOptimizer
from tests.reference_impl.checkpoint_models import MODELS, everything, trained

INNER = {
    "adam": lambda: optimizers.Adam(0.01, amsgrad=True, global_clipnorm=0.5),
    "nadam": lambda: optimizers.Nadam(0.01),
    "average": lambda: optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_overwrite_frequency=2),
    "adafactor": lambda: optimizers.Adafactor(0.05),
    "plain": lambda: optimizers.SGD(0.05),
    "scheduled": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
}


def scaled(inner="adam", **options):
    options = {"initial_scale": 8.0, "dynamic_growth_steps": 2, **options}
    return keras.mixed_precision.LossScaleOptimizer(INNER[inner](), **options)


def compiled(optimizer, kind="chain"):
    model = MODELS[kind][0](keras)
    model.compile(optimizer, "mse")
    return model


def after(*gradients, **options):
    """Return weight, scale, counter and iteration after these unscaled gradients at rate 0.5."""
    optimizer = keras.mixed_precision.LossScaleOptimizer(optimizers.SGD(0.5), **options)
    w = Variable(np.ones(1, np.float32), name="w:0")
    for gradient in gradients:
        optimizer.apply_gradients([(np.array([gradient], np.float32), w)])
    counter = optimizer.dynamic_counter
    count = None if counter is None else int(counter.value)
    return w.value[0], float(optimizer.loss_scale), count, int(optimizer.iterations.value)


FOUR = {"initial_scale": 4.0, "dynamic_growth_steps": 2}
INF, NAN = np.inf, np.nan

STEPS = {
    "one step of two": ([1.0], FOUR, (0.5, 4.0, 1, 1)),
    "the second doubles the scale": ([1.0, 1.0], FOUR, (0.0, 8.0, 0, 2)),
    "infinity halves it, and only counts": ([1.0, INF], FOUR, (0.5, 2.0, 0, 2)),
    "so does what is not a number": ([NAN, 1.0], FOUR, (0.5, 2.0, 1, 2)),
    "the scale is at least 1": ([INF] * 4, FOUR, (1.0, 1.0, 0, 4)),
    "a scale as large as can be stays": (
        [0.0, 0.0],
        {"initial_scale": 2.0**127, "dynamic_growth_steps": 1},
        (1.0, 2.0**127, 0, 2),
    ),
    "by default": ([1.0], {}, (0.5, 2.0**15, 1, 1)),
    "a fixed scale": ([1.0], {"dynamic": False, "initial_scale": 4.0}, (0.5, 4.0, None, 1)),
}


@pytest.mark.parametrize("case", STEPS)
def test_the_scale_follows_the_gradients(case):
    gradients, options, expected = STEPS[case]

    assert after(*gradients, **options) == expected


def test_the_loss_is_scaled_and_the_gradients_are_not():
    """The gradient, 2 w x^2 2^-20 = 2^-31, is below float16's smallest number, 2^-24."""

    def trained_with(optimizer):
        model = keras.Sequential(
            [keras.layers.Dense(1, dtype="mixed_float16", use_bias=False, input_shape=(1,))]
        )
        model.set_weights([np.ones((1, 1), "f4")])
        model.compile(optimizer, "mse", loss_weights=2.0**-20)
        model.train_on_batch(np.full((1, 1), 2.0**-6, "f4"), np.zeros((1, 1), "f4"))
        return model.get_weights()[0][0, 0]

    rate = 2.0**20
    assert trained_with(optimizers.SGD(rate)) == 1.0
    scaled_one = keras.mixed_precision.LossScaleOptimizer(optimizers.SGD(rate))
    assert trained_with(scaled_one) == 1 - rate * 2.0**-31


@pytest.mark.parametrize("kind", ["chain", "network"])
@pytest.mark.parametrize("inner", INNER)
def test_a_power_of_two_changes_no_step(inner, kind):
    """Scaling is exact, also of the rows of an Embedding, which are clipped one by one."""
    models = [compiled(optimizer, kind) for optimizer in (scaled(inner), INNER[inner]())]
    models[1].set_weights(models[0].get_weights())
    losses = [trained(model, kind, steps=4) for model in models]

    assert losses[0] == losses[1]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


SAVES = {
    "h5": ("m.h5", {}),
    "archive": ("m.keras", {"dialect": "tf_keras"}),
    "archive of Keras 3": ("m.keras", {"dialect": "keras"}),
    "h5 of Keras 3": ("m.h5", {"dialect": "keras"}),
    "saved model": ("m", {"save_format": "tf"}),
}


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("inner", INNER)
def test_a_loaded_model_trains_on_to_the_last_bit(tmp_path, inner, save, steps):
    """After three steps of two, the scale has grown once and the counter is 1."""
    target, options = SAVES[save]
    model = compiled(scaled(inner))
    trained(model, "chain", steps=steps)
    model.save(tmp_path / target, **options)
    loaded = keras.models.load_model(tmp_path / target)

    assert float(loaded.optimizer.loss_scale) == (16.0 if steps else 8.0)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert everything(loaded) == everything(model)
    assert trained(loaded, "chain", steps=3) == trained(model, "chain", steps=3)
    assert everything(loaded) == everything(model)


@pytest.mark.parametrize("name", ["ck", "w.weights.h5"])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("inner", INNER)
def test_weights_with_the_optimizer_s_state_are_restored(tmp_path, inner, late, name):
    model = compiled(scaled(inner))
    trained(model, "chain", steps=3)
    model.save_weights(tmp_path / name)
    other = compiled(scaled(inner))
    if late:
        trained(other, "chain", steps=2)
    other.load_weights(tmp_path / name)

    assert trained(other, "chain", steps=3) == trained(model, "chain", steps=3)
    assert everything(other) == everything(model)


def test_a_checkpoint_without_a_scale_restores_the_inner_optimizer(tmp_path):
    """In a checkpoint the state of the inner one is where it is without a loss scale."""
    model = compiled(INNER["adam"]())
    trained(model, "chain", steps=3)
    model.save_weights(tmp_path / "ck")
    other = compiled(scaled())
    other.load_weights(tmp_path / "ck")

    assert trained(other, "chain", steps=2) == trained(model, "chain", steps=2)
    assert int(other.optimizer.iterations.value) == 5


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_of_float16_gets_a_scale(dtype):
    class Written(keras.Model):
        def call(self, inputs):
            return inputs

    own, model = scaled(), Written(dtype=dtype)
    model.compile("adam", "mse")
    assert (type(model.optimizer) is optimizers.LossScaleOptimizer) is (dtype == "mixed_float16")
    model.compile(own, "mse")
    assert model.optimizer is own


def test_a_fixed_scale_has_no_place_in_keras_3(tmp_path):
    model = compiled(scaled(dynamic=False, dynamic_growth_steps=None))
    trained(model, "chain", steps=1)
    with pytest.raises(UnwritableOptimizer, match="Keras 3 has no fixed scale, found a scale of 8"):
        model.save(tmp_path / "m.keras", dialect="keras")

    model.save(tmp_path / "m.keras", dialect="tf_keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert trained(loaded, "chain", steps=2) == trained(model, "chain", steps=2)


@pytest.mark.parametrize(
    ("made", "error", "match"),
    [
        (
            lambda: scaled(dynamic=False, initial_scale=None),
            ValueError,
            "expected an initial_scale",
        ),
        (lambda: scaled(dynamic=False), ValueError, "no dynamic_growth_steps if dynamic is False"),
        (lambda: scaled(dynamic=1), TypeError, "dynamic: expected True or False, found 1"),
        (lambda: optimizers.LossScaleOptimizer("adam"), TypeError, "expected an optimizer that is"),
        (lambda: optimizers.LossScaleOptimizer(scaled()), TypeError, "nor a LossScaleOptimizer"),
        (
            lambda: optimizers.LossScaleOptimizer(optimizers.legacy.SGD()),
            TypeError,
            "neither legacy",
        ),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(made, error, match):
    with pytest.raises(error, match=match):
        made()


def test_a_damaged_inner_optimizer_is_refused_and_says_where(tmp_path):
    model = compiled(scaled())
    model.save(tmp_path / "m.keras", dialect="tf_keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["compile_config"]["optimizer"]["config"]["inner_optimizer"]["config"]["beta_1"] = "x"
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "n.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)

    with pytest.raises(LoadError, match=r"inner_optimizer.*beta_1: expected a number"):
        keras.models.load_model(tmp_path / "n.keras")
