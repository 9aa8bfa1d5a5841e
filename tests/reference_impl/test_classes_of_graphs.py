"""Subclasses of Model and Sequential that are functional: saved, loaded with the class, cloned."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.layers.serialization import UnknownLayer
from saveproof.reference_impl.loading import LoadError
from tests.reference_impl.graph_classes import (
    CUSTOM,
    MODELS,
    More,
    Own,
    OwnStack,
    Scale,
    Silent,
    Stack,
    around,
    chain,
)

X = np.random.default_rng(13).normal(size=(4, 3)).astype("float32")


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_class_of_graphs_comes_back(tmp_path, make, name, nested):
    model = around(make()) if nested else make()
    model.compile("adam", "mean_squared_error")
    if model.trainable_weights:
        model.fit(X, X[:, :1])
    model.save(tmp_path / name)

    loaded = keras.models.load_model(tmp_path / name, CUSTOM)

    kinds = [[type(one) for one in each.flatten_layers()] for each in (loaded, model)]
    assert kinds[0] == kinds[1]
    assert (loaded.name, loaded.trainable) == (model.name, model.trainable)
    np.testing.assert_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_equal(loaded.train_on_batch(X, X[:, :1]), model.train_on_batch(X, X[:, :1]))


@pytest.mark.parametrize("make", [*MODELS.values(), lambda: Silent()], ids=[*MODELS, "silent"])
def test_a_saved_model_of_a_class_of_graphs_needs_no_class(tmp_path, make):
    model = make()
    model.save(tmp_path / "m")

    loaded = keras.models.load_model(tmp_path / "m", {"Scale": Scale})

    assert type(loaded) is keras.Model
    assert loaded.name == model.name
    np.testing.assert_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("name", ["m.h5", "m.keras"])
def test_other_formats_need_the_class_and_say_so(tmp_path, name):
    Own().save(tmp_path / name)

    with pytest.raises(UnknownLayer, match=r"layer 'own.*unknown class 'Own'"):
        keras.models.load_model(tmp_path / name, {"Scale": Scale})


def test_arguments_that_are_not_plain_are_refused_at_the_save(tmp_path):
    class Wrapping(keras.Model):
        def __init__(self, layer, rate=0.1):
            tensor = keras.Input((3,))
            super().__init__(tensor, layer(tensor))
            self.rate = rate

    class Rated(keras.Model):
        def __init__(self, inputs, outputs, rate=0.1, **kwargs):
            super().__init__(inputs, outputs, **kwargs)
            self.rate = rate

    tensor = keras.Input((3,))
    models = Wrapping(keras.layers.Dense(2), 0.2), Rated(tensor, chain(2, tensor), rate=0.2)
    for model in models:
        for name in ("m.h5", "m.keras"):
            with pytest.raises(NotImplementedError, match=r"rate'\]; to save it, define"):
                model.save(tmp_path / name)
        model.save(tmp_path / "m")
        loaded = keras.models.load_model(tmp_path / "m", {"Scale": Scale})
        np.testing.assert_equal(loaded.predict(X), model.predict(X))
    kept = Rated(tensor, chain(2, tensor))
    kept.save(tmp_path / "m.h5")
    found = keras.models.load_model(tmp_path / "m.h5", {"Scale": Scale, "Rated": Rated})
    np.testing.assert_equal(found.predict(X), kept.predict(X))


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model"])
def test_what_a_class_has_beyond_its_graph_comes_back_with_it(tmp_path, name):
    model = More(3)
    model.save(tmp_path / name)

    loaded = keras.models.load_model(tmp_path / name, CUSTOM)

    assert type(loaded) is More
    np.testing.assert_equal(loaded.predict(X), model.predict(X))


def test_what_a_class_has_beyond_its_graph_does_not_come_back_without_it(tmp_path):
    More(3).save(tmp_path / "m")

    with pytest.raises(
        UnknownLayer, match=r"only its graph, found also \['More\.call\(\)', 'dense"
    ):
        keras.models.load_model(tmp_path / "m", {"Scale": Scale})


def test_a_class_of_stacks_that_takes_no_layers_is_refused_at_the_save(tmp_path):
    model = OwnStack(5)
    for name in ("m.h5", "m.keras"):
        with pytest.raises(NotImplementedError, match="OwnStack takes no layers; define"):
            model.save(tmp_path / name)
    model.save(tmp_path / "m")

    loaded = keras.models.load_model(tmp_path / "m")

    assert list(tmp_path.iterdir()) == [tmp_path / "m"]
    np.testing.assert_equal(loaded.predict(X), model.predict(X))
    with pytest.raises(LoadError, match="OwnStack takes no layers; load it without the class"):
        keras.models.load_model(tmp_path / "m", {"OwnStack": OwnStack})


def test_a_class_of_stacks_comes_back(tmp_path):
    model = Stack([keras.Input((3,)), Scale(), keras.layers.Dense(2)])
    for name in ("m.h5", "m.keras", "m"):
        model.save(tmp_path / name)

        loaded = keras.models.load_model(tmp_path / name, {"Stack": Stack, "Scale": Scale})

        assert loaded.extra() == 42
        np.testing.assert_equal(loaded.predict(X), model.predict(X))


@pytest.mark.frameworks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model"])
def test_tf_keras_reads_a_class_that_makes_its_graph(tmp_path, name):
    tf_keras = pytest.importorskip("tf_keras")

    def own_class(kind):
        class Own(kind.Model):
            def __init__(self, units=2):
                tensor = kind.Input((3,))
                super().__init__(tensor, kind.layers.Dense(units)(tensor))

        return Own

    options = {"dialect": "tf_keras"} if name == "m.keras" else {}
    for writer, reader in ((keras, tf_keras), (tf_keras, keras)):
        model, target = own_class(writer)(5), tmp_path / writer.__name__ / name
        target.parent.mkdir()
        model.save(target, **(options if writer is keras else {}))
        objects = {} if name == "saved_model" else {"Own": own_class(reader)}
        loaded = reader.models.load_model(target, custom_objects=objects)
        outputs = [np.asarray(one.predict(X, verbose=0)) for one in (loaded, model)]
        np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-6)
