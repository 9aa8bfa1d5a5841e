"""Symbolic tensors that a layer is given by keyword: in a graph, trained, and in every format."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.layers.arguments import LayerArgumentError
from tests.reference_impl.keyword_models import DATA, numbers, shifted_class, started, translator

SHIFTED = {"Shifted": shifted_class(keras)}


def trained(make):
    inputs, targets = DATA[make]
    model = make(keras)
    model.compile("adam", "mean_squared_error")
    model.fit(inputs, targets)
    return model


def resumed(model, make):
    inputs, targets = DATA[make]
    return [model.predict(inputs), *[np.array(model.train_on_batch(inputs, targets))] * 2]


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model"])
def test_a_model_with_tensors_by_keyword_resumes_exactly(tmp_path, make, name):
    model = trained(make)
    model.save(tmp_path / name)

    loaded = keras.models.load_model(tmp_path / name, custom_objects=SHIFTED)

    np.testing.assert_equal(resumed(loaded, make), resumed(model, make))


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "checkpoint"])
def test_weights_of_a_model_with_tensors_by_keyword_come_back(tmp_path, make, name):
    model, other = trained(make), make(keras)
    model.save_weights(tmp_path / name)

    other.load_weights(tmp_path / name)

    np.testing.assert_equal(other.predict(DATA[make][0]), model.predict(DATA[make][0]))


@pytest.mark.parametrize("make", DATA)
def test_the_configuration_holds_tensors_by_keyword(make):
    model = make(keras)

    other = keras.models.model_from_json(model.to_json(), SHIFTED)
    other.set_weights(model.get_weights())

    np.testing.assert_equal(other.predict(DATA[make][0]), model.predict(DATA[make][0]))


def test_a_nested_model_passes_tensors_by_keyword():
    model, (inputs, _) = translator(keras), DATA[translator]
    outer_inputs = [keras.Input((None, 3)), keras.Input((None, 2))]

    outer = keras.Model(outer_inputs, model(outer_inputs))

    assert outer.output.shape == (None, None, 2)
    np.testing.assert_equal(outer.predict(inputs), model.predict(inputs))


def test_states_by_keyword_are_those_in_the_list():
    layer, steps, state = keras.layers.GRU(5), numbers(2, 4, 3), numbers(2, 5)

    np.testing.assert_equal(layer(steps, initial_state=state).value, layer([steps, state]).value)


def test_a_wrong_number_of_states_is_refused_when_the_layer_is_called():
    with pytest.raises(LayerArgumentError, match="expected 0 or 2 initial states, found 1"):
        keras.layers.LSTM(4)(keras.Input((3, 2)), initial_state=keras.Input((4,)))


def test_an_array_beside_a_symbolic_tensor_is_refused_when_the_layer_is_called():
    with pytest.raises(TypeError, match="turn every array into an input of the model"):
        keras.layers.GRU(4)(keras.Input((3, 2)), initial_state=numbers(1, 4))
    with pytest.raises(TypeError, match="turn every array into an input of the model"):
        SHIFTED["Shifted"]()(numbers(1, 4), by=keras.Input((4,)))


def test_an_array_by_keyword_is_in_the_configuration():
    given = keras.Input((3,))
    factor = np.array([1.0, 2.0, 3.0], "float32")
    model = keras.Model(given, SHIFTED["Shifted"]()(given, factor=factor))

    entry = model.get_config()["layers"][-1]

    assert entry["inbound_nodes"][0][0][3] == {"factor": [1.0, 2.0, 3.0]}


def test_the_states_of_a_layer_are_named_for_keras_3(tmp_path):
    """Keras 3 has no list of the input and the states."""
    from_list = keras.Input((4, 3)), keras.Input((5,))
    model = keras.Model(from_list, keras.layers.GRU(5)(list(from_list)))
    inputs = DATA[started][0]
    model.save(tmp_path / "m.keras")

    loaded = keras.models.load_model(tmp_path / "m.keras")

    np.testing.assert_equal(loaded.predict(inputs), model.predict(inputs))
