"""Weights of another time or program: frozen otherwise, from before a step, of another model."""

import logging
from typing import Any

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.optimizers import OPTIMIZERS
from saveproof.reference_impl.saving.model_state.renumbering import UnclearNames, places_by_name
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch

L = keras.layers
X = np.linspace(-1, 1, 12, dtype="f").reshape(4, 3)
Y = np.linspace(0, 1, 4, dtype="f").reshape(4, 1)
OPTIMIZER_CLASSES = {
    name: kind for name, kind in OPTIMIZERS.entries.items() if isinstance(kind, type)
}


class Pair(L.Layer):
    """Two layers of one shape in a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pair = [L.Dense(3), L.Dense(3)]

    def call(self, inputs: Any) -> Any:
        return self.pair[1](self.pair[0](inputs))


def stack_in_stack() -> tuple[keras.Model, list[Any]]:
    inner = keras.Sequential([keras.Input((3,)), L.Dense(3), L.BatchNormalization(), L.Dense(3)])
    return keras.Sequential([keras.Input((3,)), inner]), [inner.layers[0], inner.layers[2]]


def pair_in_stack() -> tuple[keras.Model, list[Any]]:
    pair = Pair()
    return keras.Sequential([keras.Input((3,)), pair]), pair.pair


def named() -> tuple[keras.Model, list[Any]]:
    """Return a model whose names tell nothing of the order."""
    inner = keras.Sequential([keras.Input((3,)), L.Dense(3, name="b"), L.Dense(3, name="a")])
    return keras.Sequential([keras.Input((3,)), inner]), inner.layers


@pytest.mark.parametrize("build", [stack_in_stack, pair_in_stack, named])
@pytest.mark.parametrize("then", [(True, True), (False, True), (True, False)])
@pytest.mark.parametrize("now", [(True, True), (False, True)])
@pytest.mark.parametrize("name", ["weights.h5", "model.h5", "keras.h5", "model.weights.h5", "ckpt"])
def test_weights_go_to_their_layers_whatever_is_frozen(build, then, now, name, tmp_path):
    saved, layers = build()
    for layer, flag in zip(layers, then, strict=True):
        layer.trainable = flag
    saved.compile("sgd", "mse")
    if name == "model.h5" and build is not pair_in_stack:
        saved.save(tmp_path / name)
    else:
        saved.save_weights(tmp_path / name, dialect="keras" if name == "keras.h5" else None)
    other, layers = build()
    for layer, flag in zip(layers, now, strict=True):
        layer.trainable = flag

    other.load_weights(tmp_path / name)

    assert np.array_equal(other.predict(X), saved.predict(X))
    assert [layer.trainable for layer in layers] == list(now)


def test_names_tell_the_order_that_a_file_of_others_does_not():
    """As tf_keras writes it: the frozen layer last, and no word of why."""
    names = ["dense_1/kernel:0", "dense_1/bias:0", "dense/kernel:0", "dense/bias:0"]
    model = ["dense_2/kernel:0", "dense_2/bias:0", "dense_3/kernel:0", "dense_3/bias:0"]

    assert places_by_name(model, names, where="here") == [2, 3, 0, 1]
    assert places_by_name(model, names[2:] + names[:2], where="here") == [0, 1, 2, 3]
    assert places_by_name(model, names, where="here", in_order=True) == [0, 1, 2, 3]
    assert places_by_name(["a/k", "b/k"], ["c/k", "d/k"], where="here") == [0, 1]
    assert places_by_name(["a/k", "b/k"], ["b/k", "a/k"], where="here") == [1, 0]


@pytest.mark.frameworks
@pytest.mark.parametrize("name", ["weights.h5", "model.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_file_of_tf_keras_with_a_frozen_layer_is_read_right_into_a_thawed_one(name, tmp_path):
    tf_keras = pytest.importorskip("tf_keras")

    def build(module: Any) -> tuple[Any, Any]:
        dense = module.layers.Dense
        inner = module.Sequential([module.Input((3,)), dense(3), dense(3)])
        return module.Sequential([module.Input((3,)), inner]), inner.layers[0]

    theirs, layer = build(tf_keras)
    layer.trainable = False
    (theirs.save if name == "model.h5" else theirs.save_weights)(tmp_path / name)
    ours, _ = build(keras)
    ours.load_weights(tmp_path / name)

    assert np.allclose(ours.predict(X), theirs(X).numpy(), atol=1e-6)


def test_names_that_may_be_the_same_by_chance_are_refused():
    with pytest.raises(UnclearNames, match=r"here: expected the weights .* freeze the same ones"):
        places_by_name(["d_1/k", "d_2/k"], ["d_1/k", "d/k"], where="here")


def test_the_slots_of_a_frozen_list_go_to_their_weights(tmp_path):
    saved, layers = pair_in_stack()
    layers[0].trainable = False
    saved.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    saved.train_on_batch(X, X)
    saved.save_weights(tmp_path / "model.weights.h5")
    other, again = pair_in_stack()
    other.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    other.load_weights(tmp_path / "model.weights.h5")

    assert [other.optimizer.index_of(weight) for weight in again[1].weights] == [0, 1]


@pytest.mark.parametrize("kind", OPTIMIZER_CLASSES.values(), ids=OPTIMIZER_CLASSES)
@pytest.mark.parametrize("name", ["model.weights.h5", "checkpoint"])
@pytest.mark.parametrize("dialect", ["keras", "tf_keras"])
def test_weights_from_before_the_first_step_bring_back_the_first_steps(
    kind, name, dialect, tmp_path
):
    momentum = {"momentum": 0.9} if kind in (keras.optimizers.SGD, keras.optimizers.RMSprop) else {}
    model = keras.Sequential([keras.Input((3,)), L.Dense(1)])
    model.compile(kind(0.05, use_ema=True, ema_overwrite_frequency=2, **momentum), "mse")
    model.save_weights(tmp_path / name, dialect=dialect)
    first = [model.train_on_batch(X, Y) for _ in range(3)]

    model.load_weights(tmp_path / name)

    assert int(model.optimizer.iterations.numpy()) == 0
    assert [model.train_on_batch(X, Y) for _ in range(3)] == first


@pytest.mark.parametrize("kind", ["SGD", "Adam", "Nadam", "Adagrad", "RMSprop"])
@pytest.mark.parametrize("name", ["model.weights.h5", "checkpoint"])
def test_so_do_those_of_a_legacy_optimizer(kind, name, tmp_path):
    momentum = {"momentum": 0.9} if kind in ("SGD", "RMSprop") else {}
    model = keras.Sequential([keras.Input((3,)), L.Dense(1)])
    model.compile(getattr(keras.optimizers.legacy, kind)(0.05, **momentum), "mse")
    model.save_weights(tmp_path / name)
    first = [model.train_on_batch(X, Y) for _ in range(3)]

    model.load_weights(tmp_path / name)

    assert [model.train_on_batch(X, Y) for _ in range(3)] == first


def test_a_file_without_an_optimizer_leaves_the_momenta(tmp_path):
    model = keras.Sequential([keras.Input((3,)), L.Dense(1)])
    model.save_weights(tmp_path / "checkpoint")
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    model.load_weights(tmp_path / "checkpoint")

    assert model.optimizer.built


class One(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = L.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.first(inputs)


class Other(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.other = L.Dense(5)

    def call(self, inputs: Any) -> Any:
        return self.other(inputs)


class Both(One):
    def __init__(self) -> None:
        super().__init__()
        self.second = L.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.second(self.first(inputs))


@pytest.fixture
def checkpoint(tmp_path):
    model = One()
    model.compile("adam", "mse")
    model.train_on_batch(X, X)
    model.save_weights(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_checkpoint_of_quite_another_model_is_refused(checkpoint, built, compiled):
    model = Other()
    if compiled:
        model.compile("adam", "mse")
    if built:
        model(X)

    with pytest.raises(WeightsMismatch, match=r"any of its variables.*found \['first/kernel"):
        model.load_weights(checkpoint)


def test_what_a_checkpoint_lacks_of_a_later_layer_is_told_once(checkpoint, caplog):
    model = Both()
    status = model.load_weights(checkpoint)
    assert caplog.text == ""

    with caplog.at_level(logging.WARNING):
        model.predict(X)
        model.predict(X)

    assert caplog.text.count("2 weights have no value") == 1
    with pytest.raises(AssertionError, match="2 variables have no value"):
        status.assert_existing_objects_matched()
