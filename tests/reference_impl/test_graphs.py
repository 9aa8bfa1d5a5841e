"""What a model computes, drawn as TensorFlow's graph functions."""

from types import FunctionType

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.activations import elu
from saveproof.reference_impl.numerics import primitives, products, windows
from saveproof.reference_impl.numerics.autodiff import Tensor
from saveproof.reference_impl.saving.savedmodel.graphs.endpoints import (
    CALL,
    SIGNATURE,
    Spec,
    endpoints,
)
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.operations import OPERATIONS
from saveproof.reference_impl.saving.savedmodel.graphs.recurrent import UNROLLED
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import UntraceableOperation
from saveproof.reference_impl.saving.savedmodel.graphs.tracing import Drawing

NOT_PRIMITIVES = {primitives.unbroadcast, primitives.kept_shape, primitives.widened}
NOT_WINDOWS = {windows.output_length, windows.pad_amounts}


class Written(keras.Model):
    """A model that does with its input what it was given."""

    def __init__(self, function):
        super().__init__()
        self.built = True
        self._function = function

    def call(self, inputs):
        return self._function(inputs)


def drawn(model, *shape, dtype="float32"):
    drawing = Drawing("f")
    symbol = drawing.function.argument("x", (None, *shape), dtype)
    return drawing, drawing.call(model, symbol)


def chain(*layers, shape, batch=None):
    given = tensor = keras.Input(shape, batch_size=batch)
    for layer in layers:
        tensor = layer(tensor)
    return keras.Model(given, tensor)


def operations(drawing, output):
    message = drawing.function.message({"y": drawing.symbol(output)})
    return [node.op for node in message.node_def]


def public_functions(module):
    return {
        value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }


def test_every_primitive_has_an_operation():
    known = public_functions(primitives) - NOT_PRIMITIVES
    known |= public_functions(windows) - NOT_WINDOWS
    known |= public_functions(products)

    assert set(OPERATIONS) == known


def test_layer_is_drawn_from_its_own_call():
    drawing, output = drawn(chain(keras.layers.Dense(3, activation="tanh"), shape=(2,)), 2)

    assert operations(drawing, output) == [
        *("ReadVariableOp", "MatMul", "ReadVariableOp", "AddV2", "Tanh", "Identity")
    ]


def test_length_that_is_open_stays_open():
    model = chain(keras.layers.Reshape((2, 3)), keras.layers.Dense(4), shape=(6,))

    _, output = drawn(model, 6)

    assert output.shape == (None, 2, 4)


def test_few_steps_are_unrolled_and_open_ones_loop():
    few, _ = found = drawn(chain(keras.layers.LSTM(2), shape=(3, 2)), 3, 2)
    unrolled = operations(*found)
    open_steps = operations(*drawn(chain(keras.layers.LSTM(2), shape=(None, 2)), None, 2))
    many = operations(*drawn(chain(keras.layers.LSTM(2), shape=(UNROLLED + 1, 2)), UNROLLED + 1, 2))

    assert "StatelessWhile" not in unrolled
    assert not few.function.inner
    assert "StatelessWhile" in open_steps
    assert "StatelessWhile" in many


def test_states_of_a_stateful_layer_are_assigned_before_the_function_returns():
    model = chain(keras.layers.GRU(2, stateful=True), shape=(3, 2), batch=4)
    drawing = Drawing("f")
    symbol = drawing.function.argument("x", (4, 3, 2), "float32")

    message = drawing.function.message({"y": drawing.call(model, symbol)})

    (assignment,) = [node.name for node in message.node_def if node.op == "AssignVariableOp"]
    assert f"^{assignment}" in message.node_def[-1].input
    assert list(message.control_ret) == [assignment]


def test_dropout_is_nothing_in_inference():
    drawing, output = drawn(chain(keras.layers.Dropout(0.5), shape=(2,)), 2)

    assert set(operations(drawing, output)) == {"Identity"}


def test_equal_constants_are_one_node():
    function = Function("f", lambda *_: Tensor(0))

    assert function.constant(1.0, np.float32) is function.constant(1.0, np.float32)
    assert function.constant(1.0, np.float32) is not function.constant(1.0, np.float64)


def test_signature_has_the_order_of_its_keys():
    left, right = keras.Input((2,), name="z"), keras.Input((2,), name="a")
    model = keras.Model([left, right], keras.layers.Concatenate(name="out")([left, right]))
    specs = [Spec(name, (None, 2), np.dtype("float32")) for name in ("z", "a")]

    found = endpoints(model, specs, ["z", "a"], ["out"])

    assert list(found.served_inputs) == ["a", "z"]
    assert {CALL, SIGNATURE} < {function.signature.name for function in found.functions}


def test_penalties_on_activities_are_a_samples_share():
    layer = keras.layers.Dense(2, activity_regularizer="l2")
    model = chain(layer, keras.layers.Dense(3, activity_regularizer="l1"), shape=(4,))

    drawing, _ = drawn(model, 4)

    assert [penalty.shape for penalty in drawing.penalties] == [(), ()]
    assert operations(drawing, drawing.penalties[0])[-2:] == ["RealDiv", "Identity"]
    assert {"Shape", "Square", "Abs"} <= set(operations(drawing, drawing.penalties[1]))


def test_code_may_compare_values_with_numbers():
    drawing, output = drawn(Written(elu), 2)

    assert {"Greater", "SelectV2"} <= set(operations(drawing, output))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x if x.value.sum() > 0 else -x, "asks for its 'sum'"),
        (lambda x: x if x.value > 0 and x.value < 1 else -x, "branches on it"),
        (lambda x: Tensor(np.asarray(x)), "asks for its elements"),
        (lambda x: x[: len(x)], "asks for its length"),
    ],
)
def test_what_a_graph_can_not_express_is_refused_by_name(function, words):
    with pytest.raises(UntraceableOperation, match=words):
        drawn(Written(function), 2)


def test_primitive_without_an_operation_is_refused_by_name():
    def cube(x):
        return x**3, lambda g: (3 * g * x**2,)

    def call(x):
        return keras.numerics.tape.applied(cube, (x,))

    with pytest.raises(UntraceableOperation, match="cube"):
        drawn(Written(call), 2)
