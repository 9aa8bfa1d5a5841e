"""The tape, and every primitive against finite differences."""

import inspect
import timeit

import ml_dtypes
import numpy as np
import pytest

from saveproof.reference_impl.numerics import autodiff as ad
from saveproof.reference_impl.numerics import primitives, products, windows
from saveproof.reference_impl.numerics.primitives import RankError
from saveproof.reference_impl.numerics.tape import ItemError, VariableShapeError

RNG = np.random.default_rng(3)
STEP = 1e-6


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return RNG.uniform(0.4, 2.0, size=shape)


def apart(*shape):
    """Numbers no two of which are near each other, nor near 0: no kink lies within a step."""
    size = int(np.prod(shape))
    return (RNG.permutation(size) - size / 2 + 0.3).reshape(shape) / 3


X, Y, ROW = apart(3, 4), apart(3, 4)[::-1] + 0.05, normal(4)
KEEP = RNG.uniform(size=(3, 4)) < 0.5

PRIMITIVES = {
    "identity": [(ad.identity, X)],
    "add": [(ad.add, X, Y), (ad.add, X, ROW), (ad.add, normal(3, 1), ROW)],
    "subtract": [(ad.subtract, X, Y), (ad.subtract, ROW, X)],
    "multiply": [(ad.multiply, X, Y), (ad.multiply, normal(2, 1, 4), normal(3, 1))],
    "divide": [(ad.divide, X, positive(3, 4)), (ad.divide, normal(4), positive(3, 1))],
    "negative": [(ad.negative, X)],
    "power": [(lambda x: ad.power(x, 2.5), positive(3, 4)), (lambda x: x**3, X)],
    "exp": [(ad.exp, X)],
    "log": [(ad.log, positive(3, 4))],
    "sqrt": [(ad.sqrt, positive(3, 4))],
    "square": [(ad.square, X)],
    "absolute": [(ad.absolute, X)],
    "maximum": [(ad.maximum, X, Y), (lambda x: ad.maximum(x, 0.2), X)],
    "minimum": [(ad.minimum, X, Y)],
    "clip": [(lambda x: ad.clip(x, -0.5, 1.0), X)],
    "tanh": [(ad.tanh, X)],
    "sigmoid": [(ad.sigmoid, X)],
    "relu": [(ad.relu, X)],
    "softplus": [(ad.softplus, X)],
    "erf": [(ad.erf, X)],
    "where": [(lambda x, y: ad.where(KEEP, x, y), X, ROW)],
    "cast": [(lambda x: ad.cast(x, "longdouble"), X)],
    "einsum": [
        (lambda x, y: ad.einsum("abc,cde->abde", x, y), normal(2, 3, 4), normal(4, 2, 3)),
        (lambda x, y: ad.einsum("aecd,abcd->acbe", x, y), normal(2, 3, 2, 4), normal(2, 5, 2, 4)),
    ],
    "matmul": [
        (ad.matmul, normal(3, 4), normal(4, 2)),
        (ad.matmul, normal(2, 3, 4), normal(4, 2)),
        (ad.matmul, normal(2, 3, 4), normal(2, 4, 2)),
        (ad.matmul, normal(5, 1, 3, 4), normal(2, 4, 2)),
    ],
    "sum_": [(ad.sum, X), (lambda x: ad.sum(x, (0, 2), keepdims=True), normal(2, 3, 4))],
    "mean": [(ad.mean, X), (lambda x: ad.mean(x, -1), normal(2, 3, 4))],
    "max_": [(ad.max, X), (lambda x: ad.max(x, 1, keepdims=True), apart(2, 3, 4))],
    "reshape": [(lambda x: ad.reshape(x, (2, -1)), X)],
    "transpose": [(lambda x: ad.transpose(x, (2, 0, 1)), normal(2, 3, 4))],
    "broadcast_to": [(lambda x: ad.broadcast_to(x, (2, 3, 4)), normal(3, 1))],
    "pad": [(lambda x: ad.pad(x, [(1, 0), (0, 2)], fill=3.0), X)],
    "concatenate": [(lambda *xs: ad.concatenate(xs, 1), normal(3, 2), normal(3, 1), X)],
    "stack": [(lambda *xs: ad.stack(xs, 1), X, Y)],
    "getitem": [
        (lambda x: x[1], X),
        (lambda x: x[..., 1:3], X),
        (lambda x: x[::-2, None, 2], X),
    ],
    "take": [(lambda x: ad.take(x, np.array([[2, 0], [2, 2]])), X)],
    "log_softmax": [(ad.log_softmax, X), (lambda x: ad.log_softmax(x, 0), X)],
    "softmax": [(ad.softmax, X), (lambda x: ad.softmax(x, 0), X)],
    "conv": [
        (lambda x, k: ad.conv(x, k, strides=(1,), dilation=(2,), padding="causal"),
         normal(2, 6, 3), normal(3, 3, 2)),
        (lambda x, k: ad.conv(x, k, strides=(2, 3), dilation=(1, 1), padding="same"),
         normal(2, 5, 6, 2), normal(3, 2, 2, 3)),
        (lambda x, k: ad.conv(x, k, strides=(1, 1), dilation=(2, 1), padding="valid"),
         normal(1, 5, 4, 2), normal(2, 3, 2, 1)),
    ],
    "max_pool": [
        (lambda x: ad.max_pool(x, sizes=(2, 3), strides=(1, 2), padding="same"),
         apart(2, 4, 5, 2)),
        (lambda x: ad.max_pool(x, sizes=(2, 2), strides=(2, 2)), apart(1, 5, 4, 2)),
        (lambda x: ad.max_pool(x, sizes=(3,), strides=(2,)), apart(2, 6, 2)),
    ],
    "average_pool": [
        (lambda x: ad.average_pool(x, sizes=(2, 3), strides=(1, 2), padding="same"),
         normal(2, 4, 5, 2)),
        (lambda x: ad.average_pool(x, sizes=(3,), strides=(2,)), normal(2, 6, 2)),
    ],
    "depthwise_conv": [
        (lambda x, k: ad.conv(x, k, strides=(2,), dilation=(1,), padding="causal", depthwise=True),
         normal(2, 6, 3), normal(3, 3, 2)),
        (lambda x, k: ad.conv(x, k, strides=(1, 1), dilation=(2, 1), padding="same",
                              depthwise=True),
         normal(2, 5, 4, 2), normal(3, 2, 2, 1)),
    ],
}  # fmt: skip

CALLS = [(name, *call) for name, calls in PRIMITIVES.items() for call in calls]


def gradients(function, arrays):
    """The gradient of a weighed sum of the function's values, by the tape."""
    tensors = [ad.Tensor(array) for array in arrays]
    with ad.Tape() as tape:
        value = weighed_sum(function(*tensors))
    return tape.gradients(value, tensors)


def weighed_sum(value):
    weights = np.cos(np.arange(value.value.size, dtype=float)).reshape(value.shape)
    return ad.sum(value * weights)


def difference_quotients(function, arrays, which):
    """The same gradient by central differences, one element at a time."""
    quotients = np.zeros(arrays[which].shape)
    for index in np.ndindex(quotients.shape):
        ends = []
        for sign in (1, -1):
            moved = [np.array(array) for array in arrays]
            moved[which][index] += sign * STEP
            ends.append(float(weighed_sum(function(*map(ad.Tensor, moved)))))
        quotients[index] = (ends[0] - ends[1]) / (2 * STEP)
    return quotients


@pytest.mark.parametrize(("name", "call"), [(call[0], call[1:]) for call in CALLS])
def test_gradient_of_a_primitive_is_the_difference_quotient(name, call):
    function, *arrays = call

    for which, found in enumerate(gradients(function, arrays)):
        expected = difference_quotients(function, arrays, which)

        assert found.shape == expected.shape, name
        worst = np.unravel_index(np.abs(found - expected).argmax(), found.shape)
        assert np.allclose(found, expected, rtol=1e-6, atol=1e-7), (
            f"{name}: argument {which} at {worst}: the tape says {found[worst]}, "
            f"the difference quotient is {expected[worst]}"
        )


def test_every_primitive_is_checked():
    """The table names each function of the two modules that returns a value and a pullback."""
    stated = {
        name
        for module in (primitives, products, windows)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and inspect.signature(function).return_annotation == primitives.Result
    }

    assert stated == set(PRIMITIVES)


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "float32", "float64"])
@pytest.mark.parametrize("call", [call[1:] for call in CALLS if call[0] != "cast"])
def test_value_and_gradient_keep_the_dtype(call, dtype):
    function, *arrays = call
    tensors = [ad.Tensor(array.astype(dtype)) for array in arrays]

    with ad.Tape() as tape:
        value = function(*tensors)
    found = tape.gradients(value, tensors)

    assert value.dtype == dtype
    assert [g.dtype for g in found] == [np.dtype(dtype)] * len(tensors)


def test_gradients_of_a_tensor_used_twice_add_up():
    x = ad.Tensor(np.array([2.0, 3.0]))

    with ad.Tape() as tape:
        y = x * x + 3.0 * x

    assert tape.gradients(y, [x])[0].tolist() == [7.0, 9.0]


def test_a_source_that_the_target_does_not_depend_on_has_no_gradient():
    x, y = ad.Tensor(np.ones(2)), ad.Tensor(np.ones(2))

    with ad.Tape() as tape:
        z = x * ad.stop_gradient(y * 2.0)
        tape_of_y = y * 3.0

    assert tape.gradients(z, [y]) == [None]
    assert tape.gradients(tape_of_y, [y])[0].tolist() == [3.0, 3.0]


def test_a_tensor_on_the_way_may_be_a_source():
    x = ad.Tensor(np.array([3.0]))

    with ad.Tape() as tape:
        y = x * x
        z = y * y

    assert [g.tolist() for g in tape.gradients(z, [y, x, z])] == [[18.0], [108.0], [1.0]]


def test_nothing_is_recorded_without_a_tape_nor_after_it():
    x = ad.Tensor(np.ones(2))
    before = x * 2.0

    with ad.Tape() as tape:
        inside = x * 2.0
    after = inside * 2.0

    assert tape.gradients(before, [x]) == [None]
    assert tape.gradients(after, [x]) == [None]
    assert tape.gradients(inside, [x])[0].tolist() == [2.0, 2.0]


def test_the_innermost_tape_records():
    x = ad.Tensor(np.ones(1))

    with ad.Tape() as outer:
        with ad.Tape() as inner:
            y = x * 2.0
        z = x * 3.0

    assert inner.gradients(y, [x])[0].tolist() == [2.0]
    assert outer.gradients(y, [x]) == [None]
    assert outer.gradients(z, [x])[0].tolist() == [3.0]


def test_a_later_assignment_does_not_reach_into_the_tape():
    v = ad.Variable(np.array([3.0]), name="v")

    with ad.Tape() as tape:
        y = v * v
    v.assign(np.array([100.0]))

    assert tape.gradients(y, [v])[0].tolist() == [6.0]


def test_assignment_casts_and_copies():
    v = ad.Variable(np.zeros(2, np.float32), name="v")
    given = np.array([1.0, 2.0])

    v.assign(given)
    given[0] = 9.0

    assert v.dtype == np.float32
    assert v.numpy().tolist() == [1.0, 2.0]


def test_an_array_is_adopted_where_it_can_be_the_value_itself():
    v = ad.Variable(np.zeros((2, 3), np.float32), name="v")
    fresh = np.ones((2, 3), np.float32)

    v.adopt(fresh)

    assert v.value is fresh


def read_only():
    value = np.ones((2, 3), np.float32)
    value.flags.writeable = False
    return value


@pytest.mark.parametrize(
    "given",
    [read_only(), np.ones((2, 3)), np.ones((3, 2), np.float32).T],
    ids=["read only", "another dtype", "another order"],
)
def test_another_array_that_is_adopted_is_copied(given):
    """One that is read only may be a view of a file, and then keeps the whole file in memory."""
    v = ad.Variable(np.zeros((2, 3), np.float32), name="v")

    v.adopt(given)

    assert not np.shares_memory(v.value, given)
    assert v.dtype == np.float32
    assert v.value.flags.carray
    assert v.numpy().tolist() == [[1.0] * 3] * 2


def test_an_array_of_another_shape_is_not_adopted():
    v = ad.Variable(np.zeros(2), name="dense/bias:0")

    with pytest.raises(VariableShapeError, match=r"dense/bias:0.*\(2,\).*\(3,\)"):
        v.adopt(np.ones(3))

    assert v.numpy().tolist() == [0.0, 0.0]


def test_assignment_of_another_shape_is_refused_and_changes_nothing():
    v = ad.Variable(np.zeros(2), name="dense/bias:0")

    with pytest.raises(VariableShapeError, match=r"dense/bias:0.*\(2,\).*\(3,\)"):
        v.assign(np.ones(3))

    assert v.numpy().tolist() == [0.0, 0.0]


def test_arrays_and_numbers_may_stand_on_either_side():
    x = ad.Tensor(np.array([[1.0, 2.0]], np.float32))
    array = np.array([[4.0, 8.0]], np.float32)

    results = [array + x, array - x, array * x, array / x, 1.0 - x, 2.0 / x, array @ x[0][:, None]]

    assert all(isinstance(result, ad.Tensor) for result in results)
    assert [r.numpy().ravel().tolist() for r in results] == [
        [5, 10], [3, 6], [4, 16], [4, 4], [0, -1], [2, 1], [20],
    ]  # fmt: skip


def test_matmul_of_a_vector_is_refused():
    with pytest.raises(RankError, match="rank >= 2"):
        ad.matmul(np.ones(3), np.ones((3, 2)))


def test_only_a_tensor_of_one_element_is_a_number():
    assert float(ad.Tensor(np.array([[2.5]]))) == 2.5
    with pytest.raises(ItemError, match=r"\(2,\)"):
        float(ad.Tensor(np.ones(2)))


def test_half_precision_sums_do_not_lose_small_terms():
    """3000 ones: the running sum of a float16 array would stop at 2048."""
    ones = np.ones((1, 3000), np.float16)

    assert float(ad.sum(ones)) == 3000
    assert float(ad.matmul(ones, ones.T)) == 3000


def test_extreme_arguments_do_not_overflow():
    x = np.array([-1e4, 0.0, 1e4])

    assert ad.sigmoid(x).numpy().tolist() == [0.0, 0.5, 1.0]
    assert ad.softplus(x).numpy().tolist() == [0.0, np.log(2.0), 1e4]
    assert ad.softmax(x).numpy().tolist() == [0.0, 0.0, 1.0]
    assert ad.log_softmax(x).numpy().tolist() == [-2e4, -1e4, 0.0]


def test_a_training_step_of_a_small_network_takes_less_than_a_millisecond():
    """Two layers, batch 8: the best of several rounds, so that a busy machine does not count."""
    rng = np.random.default_rng(0)
    shapes = [(8, 16), (16,), (16, 4), (4,)]
    weights = [ad.Variable(rng.normal(size=s).astype("float32"), name="w") for s in shapes]
    x, y = rng.normal(size=(8, 8)).astype("float32"), np.eye(4, dtype="float32")[[0, 1, 2, 3] * 2]

    def step():
        w1, b1, w2, b2 = weights
        with ad.Tape() as tape:
            logits = ad.relu(ad.matmul(x, w1) + b1) @ w2 + b2
            loss = -ad.mean(ad.sum(ad.log_softmax(logits) * y, -1))
        for weight, g in zip(weights, tape.gradients(loss, weights), strict=True):
            weight.assign(weight.value - 0.01 * g)

    seconds = min(timeit.repeat(step, number=50, repeat=8)) / 50

    assert seconds < 1e-3
