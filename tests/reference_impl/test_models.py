import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.engine.graph import DisconnectedGraph, InputMismatch
from saveproof.reference_impl.layers.arguments import LayerArgumentError
from saveproof.reference_impl.layers.serialization import MalformedEntry, UnknownLayer

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


@pytest.fixture(autouse=True)
def fresh_names():
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)


def two_branches():
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = keras.layers.Dense(3, name="shared")
    joined = keras.layers.Concatenate(name="join")([shared(left), shared(right)])
    return keras.Model({"left": left, "right": right}, keras.layers.Dense(2, name="out")(joined))


def nested():
    inside = keras.Input((4,), name="inside")
    inner = keras.Model(inside, keras.layers.Dense(4, name="deep")(inside), name="inner")
    given = keras.Input((4,), name="given")
    return keras.Model(given, inner(inner(given)), name="outer")


def test_layers_are_in_order_of_depth():
    a = keras.Input((4,), name="a")
    long = keras.layers.Dense(4, name="long2")(keras.layers.Dense(4, name="long1")(a))
    short = keras.layers.Dense(4, name="short")(a)
    model = keras.Model(a, keras.layers.Add(name="sum")([short, long]))

    assert [layer.name for layer in model.layers] == ["a", "long1", "short", "long2", "sum"]


def test_a_shared_layer_has_its_weights_once():
    assert len(two_branches().weights) == 4


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9)), max_size=6))
def test_a_shared_layers_calls_keep_their_numbers(calls):
    """Whatever each call takes: what was called before, or what is made of it."""
    shared = [keras.layers.Dense(4, activation="tanh", name=name) for name in ("one", "two")]
    tensors = [keras.Input((4,), name="given")]
    for which, left, right in calls:
        pair = [tensors[left % len(tensors)], tensors[right % len(tensors)]]
        tensors.append(shared[which](pair[0]) if which < 2 else keras.layers.Multiply()(pair))
    model = keras.Model(tensors[0], keras.layers.Concatenate()([tensors[0], *tensors]))

    rebuilt = keras.Model.from_config(model.get_config())
    rebuilt.set_weights(model.get_weights())

    assert rebuilt.get_config() == model.get_config()
    np.testing.assert_array_equal(rebuilt.predict(X), model.predict(X))


def test_inputs_are_taken_by_name():
    model = two_branches()

    one = model.predict({"right": X[::-1], "left": X})
    np.testing.assert_array_equal(one, model.predict({"left": X, "right": X[::-1]}))


def test_an_input_that_was_not_given_is_refused():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")

    with pytest.raises(DisconnectedGraph, match="depend on input 'b'"):
        keras.Model(a, keras.layers.Add()([a, b]))


def test_two_layers_of_one_name_are_refused():
    a = keras.Input((4,))

    with pytest.raises(ValueError, match="two layers named 'd'"):
        keras.Model(a, keras.layers.Dense(2, name="d")(keras.layers.Dense(2, name="d")(a)))


def test_data_of_the_wrong_shape_is_refused():
    with pytest.raises(InputMismatch, match=r"input 'given': expected shape \(None, 4\)"):
        nested()(np.ones((2, 5), "float32"))


def test_gradients_reach_through_nested_models():
    model = nested()
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.train_on_batch(X, X)

    assert not np.array_equal(before, model.get_weights()[0])


@pytest.mark.parametrize("make", [two_branches, nested])
def test_a_config_gives_the_same_config_and_function_back(make):
    model = make()
    again = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    again.set_weights(model.get_weights())
    x = {"left": X, "right": X} if make is two_branches else X

    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_a_config_gives_fresh_weights():
    model = nested()
    again = keras.models.model_from_json(model.to_json())

    assert not np.array_equal(model.get_weights()[0], again.get_weights()[0])


def test_node_indices_of_nested_models_start_at_one():
    """As tf_keras writes them, for which a model's first call is on its own input."""
    config = nested().get_config()

    assert config["layers"][1]["inbound_nodes"] == [[["given", 0, 0, {}]], [["inner", 1, 0, {}]]]
    assert config["output_layers"] == [["inner", 2, 0]]


def test_the_words_of_keras_3_are_read():
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": ["i", 0, 0]}}
    config = {
        "name": "m",
        "layers": [
            {
                "class_name": "InputLayer",
                "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "i"},
                "name": "i",
                "inbound_nodes": [],
            },
            {
                "class_name": "Dense",
                "config": {
                    "name": "d",
                    "units": 2,
                    "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}},
                },
                "name": "d",
                "inbound_nodes": [{"args": [tensor], "kwargs": {}}],
            },
        ],
        "input_layers": ["i", 0, 0],
        "output_layers": ["d", 0, 0],
    }

    assert keras.Model.from_config(config).predict(X).shape == (6, 2)


def test_an_unknown_layer_is_named_and_custom_objects_help():
    class Mine(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    text = keras.Sequential([Mine(name="own", input_shape=(4,))]).to_json()

    with pytest.raises(UnknownLayer, match=r"layer 'own': unknown class 'Mine'.*custom_objects"):
        keras.models.model_from_json(text)
    loaded = keras.models.model_from_json(text, custom_objects={"Mine": Mine})
    assert isinstance(loaded.layers[0], Mine)
    with keras.utils.custom_object_scope({"Mine": Mine}):
        assert keras.models.model_from_json(text).layers


def test_text_that_is_no_model_is_refused():
    for text in ("{", "[]", '{"class_name": "Dense"}'):
        with pytest.raises(MalformedEntry):
            keras.models.model_from_json(text)


def test_a_sequential_without_shape_is_built_by_its_first_data():
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2)])
    with pytest.raises(UnbuiltModel):
        model.get_weights()
    model(X)

    assert model.weights[0].name == "dense/kernel:0"
    assert model.get_config()["layers"][0]["config"]["name"] == "dense_input"


def test_a_declared_number_of_samples_binds_stateful_layers_only():
    """As in tf_keras, where `predict` cuts batches that need not be full."""
    plain = keras.Sequential([keras.layers.Dense(3, batch_input_shape=(2, 4))])
    shape = (2, 3, 4)
    stateful = keras.Sequential([keras.layers.LSTM(3, stateful=True, batch_input_shape=shape)])

    assert plain.predict(X[:3]).shape == (3, 3)
    with pytest.raises(LayerArgumentError, match="expected batches of 2 samples, found 3"):
        stateful.predict(np.zeros((3, 3, 4), "float32"))


def test_a_sequential_is_built_for_the_number_of_samples_that_it_is_told():
    """As in tf_keras; a stateful layer takes it from the first data, too."""
    built, called = (keras.Sequential([keras.layers.LSTM(2, stateful=True)]) for _ in range(2))
    built.build((2, 3, 4))
    called(np.zeros((2, 3, 4), "float32"))

    for model in (built, called):
        assert model.input.shape == (2, 3, 4)
        assert [state.shape for state in model.layers[0].states] == [(2, 2), (2, 2)]


def test_a_sequential_grows_and_shrinks():
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(4,))])
    model.add(keras.layers.Dense(2))
    assert model.predict(X).shape == (6, 2)
    model.pop()
    assert model.predict(X).shape == (6, 3)


def test_a_clone_has_the_same_config_and_other_weights():
    model = nested()
    clone = keras.models.clone_model(model)

    assert clone.get_config() == model.get_config()
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])


class Sub(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [keras.layers.Dense(units), keras.layers.Dense(units)]
        self.out = keras.layers.Dense(2)

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return self.out(inputs)


class Configured(Sub):
    def get_config(self):
        return {"units": self.units, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):  # noqa: ARG003 (Keras's signature)
        return cls(**config)


def test_a_subclassed_model_names_its_weights_after_itself():
    model = Sub()
    model(X)

    assert [weight.name for weight in model.weights][::2] == [
        "sub/dense/kernel:0",
        "sub/dense_1/kernel:0",
        "sub/dense_2/kernel:0",
    ]


def test_a_subclassed_model_can_be_built_from_a_shape():
    model = Sub()
    model.build((None, 4))

    assert len(model.weights) == 6


def test_an_unbuilt_subclassed_model_has_no_weights_to_give():
    with pytest.raises(UnbuiltModel, match=r"'sub'.*call the model on"):
        Sub().get_weights()


def test_a_subclassed_model_without_get_config_has_no_json():
    model = Sub()
    model(X)

    with pytest.raises(
        NotImplementedError, match="'sub': a subclassed model is defined by its code"
    ):
        model.to_json()


def test_a_subclassed_model_with_get_config_goes_through_json():
    model = Configured(5)

    again = keras.models.model_from_json(model.to_json(), {"Configured": Configured})
    assert again.units == 5
