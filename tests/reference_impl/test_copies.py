"""Models copied in memory, by `copy.deepcopy` and by `pickle`: they train on as the original."""

import copy
import pickle  # noqa: TID251 (what is copied is our own)

import numpy as np
import pytest

from saveproof import reference_impl as keras

L = keras.layers
RANDOM = np.random.default_rng(0)
X, Y = RANDOM.random((8, 4), "float32"), RANDOM.random((8, 1), "float32")
COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda item: pickle.loads(pickle.dumps(item))}


class Subclassed(keras.Model):
    """Layers in a list and in a dictionary."""

    def __init__(self):
        super().__init__()
        self.stack = [L.Dense(3), L.Dropout(0.2)]
        self.heads = {"one": L.Dense(1)}

    def call(self, inputs):
        for layer in self.stack:
            inputs = layer(inputs)
        return self.heads["one"](inputs)


def sequential():
    return keras.Sequential(
        [keras.Input((4,)), L.Dense(3), L.BatchNormalization(), L.Dropout(0.3), L.Dense(1)]
    )


def functional():
    """Return a model with a layer called twice and a model inside."""
    first, inner = L.Dense(4), keras.Sequential([L.Dense(2)])
    symbol = keras.Input((4,))
    twice = L.Add()([first(first(symbol)), symbol])
    return keras.Model(symbol, L.Dense(1)(inner(twice)))


OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "averaged": lambda: keras.optimizers.SGD(0.01, momentum=0.9, use_ema=True),
    "nadam": keras.optimizers.Nadam,
    "scheduled": lambda: keras.optimizers.Adagrad(keras.optimizers.schedules.CosineDecay(0.01, 10)),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("build", [sequential, functional, Subclassed])
def test_a_copy_amid_training_trains_on_equal_and_leaves_the_original_alone(
    build, optimizer, copied
):
    model = build()
    model.compile(optimizer(), "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
    twin = copied(model)
    before = model.get_weights()

    logs = [twin.train_on_batch(X, Y) for _ in range(3)]

    assert all(
        np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True)
    )
    assert logs == [model.train_on_batch(X, Y) for _ in range(3)]


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_is_saved_and_loaded_as_the_original(copied, tmp_path):
    model = functional()
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    twin = copied(model)

    for name in ("model.keras", "model.h5", "folder"):
        twin.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name)
        assert loaded.get_config() == model.get_config()
        assert loaded.train_on_batch(X, Y) == copied(model).train_on_batch(X, Y)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_goes_no_deeper_for_each_layer(copied):
    symbol = first = keras.Input((2,))
    for _ in range(300):
        symbol = L.Activation("tanh")(symbol)
    model = keras.Model(first, symbol)

    assert copied(model).get_config() == model.get_config()


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_model_that_waits_for_its_weights_takes_them(copied, tmp_path):
    saved = Subclassed()
    saved.compile("adam", "mse")
    saved.fit(X, Y, verbose=0)
    saved.save_weights(tmp_path / "checkpoint")
    waiting = Subclassed()
    waiting.compile("adam", "mse")
    waiting.load_weights(tmp_path / "checkpoint")

    twin = copied(waiting)

    assert np.array_equal(twin.predict(X), saved.predict(X))
    assert twin.train_on_batch(X, Y) == saved.train_on_batch(X, Y)


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_revived_model_computes_the_same(copied, tmp_path):
    saved = Subclassed()
    saved.predict(X)
    saved.save(tmp_path / "folder")
    revived = keras.models.load_model(tmp_path / "folder")

    assert np.array_equal(copied(revived).predict(X), saved.predict(X))


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_layer_alone_leaves_its_model_behind(copied):
    model = sequential()
    layer = model.layers[0]

    twin = copied(layer)

    assert twin.inbound_nodes == []
    assert np.array_equal(twin(X).numpy(), layer(X).numpy())
    assert twin.kernel is not layer.kernel


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_metric_and_an_optimizer_alone_go_on_in_the_copy(copied):
    metric = keras.metrics.Precision()
    metric.update_state([0, 1, 1], [1.0, 1.0, 0.0])
    variable = keras.layers.Dense(1)
    variable.build((None, 2))
    optimizer = keras.optimizers.Adam()
    optimizer.apply_gradients([(np.ones((2, 1), "float32"), variable.kernel)])

    twin, other = copied(metric), copied((optimizer, variable))

    metric.update_state([1], [1.0])
    assert float(twin.result()) == 0.5
    for moved, layer in ((optimizer, variable), other):
        moved.apply_gradients([(np.ones((2, 1), "float32"), layer.kernel)])
    assert np.array_equal(other[1].kernel.value, variable.kernel.value)
