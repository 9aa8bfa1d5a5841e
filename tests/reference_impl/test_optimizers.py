import logging
import math

import ml_dtypes
import numpy as np
import pytest

from saveproof.reference_impl import constraints, optimizers
from saveproof.reference_impl.catalogue import UnknownNameError
from saveproof.reference_impl.loading import MalformedEntry
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import schedules

NAMES = tuple(optimizers.OPTIMIZERS.entries)


def weight(value=1.0, *, name="w:0", dtype=np.float64, constraint=None):
    return Variable(np.array([value], dtype), name=name, constraint=constraint)


def after_steps(optimizer, gradients, *, start=1.0):
    w = weight(start)
    for g in gradients:
        optimizer.apply_gradients([(np.array([g]), w)])
    return float(w.value[0])


def trained(optimizer, variables, *, steps, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        gradients = [rng.normal(size=v.shape).astype(v.dtype) for v in variables]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return [v.value for v in variables]


WORKED = {
    "descent: 1 - 0.5 * 0.2": (optimizers.SGD(0.5), [0.2], 0.9),
    # m = -0.125, then 0.5 * -0.125 - 0.125 = -0.1875
    "momentum": (optimizers.SGD(0.125, momentum=0.5), [1.0, 1.0], 1 - 0.125 - 0.1875),
    # each step goes on by half of the new momentum: -0.0625 - 0.125, then -0.09375 - 0.125
    "nesterov": (
        optimizers.SGD(0.125, momentum=0.5, nesterov=True),
        [1.0, 1.0],
        1 - 0.1875 - 0.21875,
    ),
    # v = 0.25 * 4, step = 0.5 * 2 / 1
    "rmsprop": (optimizers.RMSprop(0.5, rho=0.75, epsilon=0.0), [2.0], 0.0),
    # v - a^2 = 0.25 * 4 - (0.25 * 2)^2 = 0.75
    "rmsprop, centered": (
        optimizers.RMSprop(0.5, rho=0.75, epsilon=0.0, centered=True),
        [2.0],
        1 - 1 / math.sqrt(0.75),
    ),
    # steps of 1 and then 0.5 * 1 + 1 / sqrt(1.75)
    "rmsprop, momentum": (
        optimizers.RMSprop(0.5, rho=0.75, epsilon=0.0, momentum=0.5),
        [2.0, 2.0],
        1 - 1 - (0.5 + 1 / math.sqrt(1.75)),
    ),
    # accumulated 1 + 9 + 6, step 0.5 * 3 / sqrt(10), then 0.5 * sqrt(6) / 4
    "adagrad": (
        optimizers.Adagrad(0.5, initial_accumulator_value=1.0, epsilon=0.0),
        [3.0, math.sqrt(6)],
        1 - 1.5 / math.sqrt(10) - 0.125 * math.sqrt(6),
    ),
    # E[g^2] = 0.25 * 4 = 1, d = -sqrt(3) / sqrt(1 + 3) * 2
    "adadelta": (optimizers.Adadelta(0.5, rho=0.75, epsilon=3.0), [2.0], 1 - math.sqrt(3) / 2),
    # u = |g|, m / (1 - beta_1) = g: the first step is the rate
    "adamax": (optimizers.Adamax(0.25, epsilon=0.0), [-7.0], 1.25),
    # m = 1, 0.5, 0.4375; signs of 0.5 m + 0.5 g: +, 0, +
    "lion": (optimizers.Lion(0.25, beta_1=0.5, beta_2=0.75), [4.0, -1.0, -0.25], 0.5),
    # v = 9, then 0.5 * 9 + 0.5 * 7 = 8; steps of |w| rate u with u = 1, then sqrt(7) / sqrt(8)
    "adafactor": (
        optimizers.Adafactor(0.25, beta_2_decay=-1.0),
        [3.0, math.sqrt(7)],
        0.75 * (1 - 0.25 * math.sqrt(7 / 8)),
    ),
    # t = 1 and u = 1 of at most 0.5: steps of max(2, |w|) min(rate, 1) u / 2
    "adafactor, clipped": (
        optimizers.Adafactor(3.0, epsilon_2=2.0, clip_threshold=0.5),
        [7.0],
        1 - 2 * 1 * 0.5,
    ),
    # n = 1 + 3, z = sqrt(3) - (2 - 1) / 0.5, w = -z / (2 / 0.5)
    "ftrl": (
        optimizers.Ftrl(0.5, initial_accumulator_value=1.0),
        [math.sqrt(3)],
        (2 - math.sqrt(3)) / 4,
    ),
    # |z| = 2 - sqrt(3) is 0.018 more than l1; 2 / 0.5 + 2 (0.5 + 2 / (2 * 0.5)) = 9
    "ftrl, regularized": (
        optimizers.Ftrl(
            0.5,
            initial_accumulator_value=1.0,
            l1_regularization_strength=0.25,
            l2_regularization_strength=0.5,
            beta=2.0,
        ),
        [math.sqrt(3)],
        (2 - math.sqrt(3) - 0.25) / 9,
    ),
    # the gradient is sqrt(3) + 2 * 0.25 * 1 in z, and sqrt(3) in n
    "ftrl, shrunk": (
        optimizers.Ftrl(
            0.5, initial_accumulator_value=1.0, l2_shrinkage_regularization_strength=0.25
        ),
        [math.sqrt(3)],
        (2 - math.sqrt(3) - 0.5) / 4,
    ),
}


@pytest.mark.parametrize("name", WORKED)
def test_a_worked_number_comes_out(name):
    optimizer, gradients, expected = WORKED[name]

    assert after_steps(optimizer, gradients) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_adafactor_keeps_a_matrix_as_the_product_of_its_means():
    """Means 2.5 and 12.5 of the rows of g^2 and 5 and 10 of its columns, over their mean 7.5."""
    g = np.array([[1.0, 2.0], [3.0, 4.0]])
    v = np.outer([2.5, 12.5], [5.0, 10.0]) / 7.5
    u = g / np.sqrt(v)
    w = Variable(np.zeros((2, 2)), name="w:0")
    adafactor = optimizers.Adafactor(0.25, epsilon_2=1.0)
    adafactor.apply_gradients([(g, w)])

    values = [slot.value for slot in adafactor.variables[1:]]
    for found, expected in zip(values, ([2.5, 12.5], [5.0, 10.0], v), strict=True):
        np.testing.assert_allclose(found, expected)
    # RMS(u) is sqrt(0.96), which is below the threshold of 1
    np.testing.assert_allclose(w.value, -0.25 * u)


def test_adam_is_algorithm_1_of_its_paper():
    """With both moments corrected, as on page 2, instead of the faster form of section 2."""
    rate, beta_1, beta_2, gradients = 0.25, 0.5, 0.75, [1.0, -3.0, 0.5, 2.0]
    w, m, v = 1.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        w -= rate * (m / (1 - beta_1**t)) / math.sqrt(v / (1 - beta_2**t))

    found = after_steps(optimizers.Adam(rate, beta_1, beta_2, epsilon=0.0), gradients)

    assert found == pytest.approx(w, rel=1e-12)


def test_amsgrad_divides_by_the_largest_second_moment():
    rate, beta_1, beta_2, gradients = 0.25, 0.5, 0.75, [3.0, 0.5, 0.25]
    w, m, v, largest = 1.0, 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g * g
        largest = max(largest, v)
        w -= rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / math.sqrt(largest)

    adam = optimizers.Adam(rate, beta_1, beta_2, epsilon=0.0, amsgrad=True)

    assert after_steps(adam, gradients) == pytest.approx(w, rel=1e-12)


def test_adamw_decays_the_weight_before_adam_moves_it():
    adamw = optimizers.AdamW(0.25, weight_decay=0.5, beta_1=0.5, beta_2=0.75, epsilon=0.0)
    moved = after_steps(adamw, [3.0])

    assert moved == pytest.approx(1 - 0.25 * 0.5 - 0.25, rel=1e-6)


def test_nadam_looks_ahead_by_its_momentum_schedule():
    u_1, u_2 = 0.9 * (1 - 0.5 * 0.96), 0.9 * (1 - 0.5 * 0.96**2)
    m_hat = u_2 * 0.1 / (1 - u_1 * u_2) + 1

    assert after_steps(optimizers.Nadam(0.25, epsilon=0.0), [1.0]) == pytest.approx(
        1 - 0.25 * m_hat, rel=1e-6
    )


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_from_saved_state_to_the_last_bit(name):
    options = {"learning_rate": 0.05, "use_ema": True, "ema_overwrite_frequency": 2}
    whole = optimizers.OPTIMIZERS.entries[name](**options)
    variables = [weight(0.5, name="a:0", dtype=np.float32), weight(2, name="b:0", dtype=np.float32)]
    trained(whole, variables, steps=5)

    resumed = optimizers.deserialize(optimizers.serialize(whole))
    copies = [Variable(v.value, name=v.name) for v in variables]
    resumed.build(copies)
    resumed.set_weights([v.value for v in whole.variables])

    expected = trained(whole, variables, steps=4, seed=1)
    for found, wanted in zip(trained(resumed, copies, steps=4, seed=1), expected, strict=True):
        assert found.tobytes() == wanted.tobytes()
    for mine, other in zip(resumed.variables, whole.variables, strict=True):
        assert mine.value.tobytes() == other.value.tobytes()
    assert {k: v.value for k, v in resumed.extra_state.items()} == {
        k: v.value for k, v in whole.extra_state.items()
    }


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_weights_and_slots_keep_shape_and_dtype(name, dtype):
    optimizer = optimizers.get(name)
    variables = [
        Variable(np.ones(shape, dtype), name=f"v{len(shape)}:0") for shape in [(), (2,), (2, 3)]
    ]
    with np.errstate(invalid="ignore"):  # in bfloat16 beta_2 is 1: Nadam gives NaN, as in TF
        trained(optimizer, variables, steps=3)

    for variable in variables:
        slots = [v for v in optimizer.variables if v.name.endswith(variable.name)]
        means = {"r": variable.shape[:-1], "c": variable.shape[1:]}  # Adafactor's
        for held in (variable, *slots):
            assert isinstance(held.value, np.ndarray)
            shape = means.get((held.name.split("/") * 2)[1], variable.shape)
            assert (held.shape, held.dtype) == (shape, np.dtype(dtype))
    assert optimizer.iterations.value == np.int64(3)
    assert optimizer.iterations.dtype == np.int64


def test_a_step_replaces_arrays_and_writes_into_none():
    optimizer, w = optimizers.Adam(), weight()
    trained(optimizer, [w], steps=1)
    held = [v.value for v in (w, *optimizer.variables)]
    copies = [array.copy() for array in held]
    trained(optimizer, [w], steps=1)

    assert all(np.array_equal(a, b) for a, b in zip(held, copies, strict=True))


SLOTS = {
    "SGD": ["m/a", "m/b"],
    "RMSprop": ["velocity/a", "velocity/b"],
    "Adam": ["m/a", "v/a", "m/b", "v/b"],
    "AdamW": ["m/a", "v/a", "m/b", "v/b"],
    "Adamax": ["m/a", "u/a", "m/b", "u/b"],
    "Nadam": ["m/a", "v/a", "m/b", "v/b"],
    "Adagrad": ["accumulator/a", "accumulator/b"],
    "Adadelta": [
        f"{slot}/{v}" for v in "ab" for slot in ("accumulated_grad", "accumulated_delta_var")
    ],
    "Lion": ["m/a", "m/b"],
    "Adafactor": ["v/a", "v/b"],
    "Ftrl": ["accumulator/a", "linear/a", "accumulator/b", "linear/b"],
}


@pytest.mark.parametrize("name", NAMES)
def test_slots_have_the_names_and_the_order_of_the_files(name):
    optimizer = optimizers.OPTIMIZERS.entries[name](use_ema=True)
    optimizer.build([weight(name="a:0"), weight(name="b:0")])

    averages = ["average/a", "average/b"]
    assert [v.name for v in optimizer.variables] == [
        "iteration:0",
        *[f"{name}/{slot}:0" for slot in averages + SLOTS[name]],
    ]


def test_the_average_replaces_the_weight_every_so_many_steps_and_at_the_end():
    optimizer, w = (
        optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
        weight(),
    )
    seen = []
    for _ in range(3):
        optimizer.apply_gradients([(np.ones(1), w)])
        seen.append(float(w.value[0]))

    # averages: (1 + 0.5) / 2 = 0.75, (0.75 + 0) / 2 = 0.375, (0.375 - 0.125) / 2 = 0.125
    assert seen == [0.5, 0.375, -0.125]
    optimizer.finalize_variable_values([w])
    assert w.value[0] == 0.125


def test_constraints_hold_after_a_step():
    w = weight(constraint=constraints.NonNeg())
    optimizers.SGD(1.0).apply_gradients([(np.array([3.0]), w)])

    assert w.value[0] == 0


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"clipnorm": 2.5}, [-1.5, -2.0, -1.0]),
        ({"clipvalue": 3.5}, [-3.0, -3.5, -1.0]),
        ({"global_clipnorm": math.sqrt(26) / 2}, [-1.5, -2.0, -0.5]),
    ],
)
def test_gradients_are_clipped_each_by_its_norm_by_value_or_all_together(option, expected):
    optimizer = optimizers.SGD(1.0, **option)
    a, b = Variable(np.zeros(2), name="a:0"), Variable(np.zeros(1), name="b:0")
    optimizer.apply_gradients([(np.array([3.0, 4.0]), a), (np.array([1.0]), b)])

    assert [*a.value, *b.value] == pytest.approx(expected)


def test_the_configured_rate_is_float32_widened():
    assert optimizers.Adam(0.01).get_config()["learning_rate"] == 0.009999999776482582


def test_a_rate_that_is_set_holds_and_is_saved():
    optimizer = optimizers.SGD(0.5)
    optimizer.learning_rate = 0.25

    assert after_steps(optimizer, [1.0]) == 0.75
    assert optimizer.get_config()["learning_rate"] == 0.25
    assert optimizer.lr is optimizer.learning_rate


def test_a_scheduled_rate_follows_the_iteration_and_comes_back_from_the_config():
    optimizer = optimizers.SGD(schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    back = optimizers.deserialize(optimizers.serialize(optimizer))

    assert after_steps(optimizer, [1.0, 1.0]) == 0.25
    assert float(optimizer.learning_rate) == 0.25
    assert back.get_config() == optimizer.get_config()
    assert float(back.learning_rate) == 0.5


def test_a_scheduled_rate_cannot_be_set_to_a_number():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(0.5, 1, 0.5))

    with pytest.raises(TypeError, match="ExponentialDecay"):
        optimizer.learning_rate = 0.1


def test_a_missing_gradient_leaves_the_variable_and_is_logged(caplog):
    a, b = weight(name="a:0"), weight(name="b:0")
    with caplog.at_level(logging.WARNING):
        optimizers.SGD(0.5).apply_gradients([(np.ones(1), a), (None, b)])

    assert (a.value[0], b.value[0]) == (0.5, 1.0)
    assert "b:0" in caplog.text
    assert "a:0" not in caplog.text


def test_no_gradient_at_all_is_refused():
    with pytest.raises(optimizers.MissingGradientsError, match="w:0"):
        optimizers.SGD().apply_gradients([(None, weight())])


def test_a_variable_that_was_not_built_with_is_refused():
    optimizer = optimizers.SGD()
    optimizer.build([weight()])

    with pytest.raises(optimizers.UnknownVariableError, match="other:0"):
        optimizer.apply_gradients([(np.ones(1), weight(name="other:0"))])


def test_state_of_another_shape_is_refused_and_nothing_changes():
    optimizer = optimizers.SGD(momentum=0.5)
    optimizer.build([weight()])

    with pytest.raises(optimizers.OptimizerStateError, match=r"\(2,\)"):
        optimizer.set_weights([np.int64(7), np.ones(2)])
    assert optimizer.iterations.value == 0


def test_state_for_an_unbuilt_optimizer_is_refused():
    with pytest.raises(optimizers.OptimizerStateError, match="build"):
        optimizers.SGD().set_weights([np.int64(7)])


@pytest.mark.parametrize("name", ["adam", "Adam", "ADAM", "Custom>Adam"])
def test_an_optimizer_is_found_by_each_of_its_names(name):
    assert type(optimizers.get(name)) is optimizers.Adam


@pytest.mark.parametrize("identifier", ["adum", 3.5])
def test_what_stands_for_no_optimizer_is_refused(identifier):
    with pytest.raises(UnknownNameError, match="optimizer: expected"):
        optimizers.get(identifier)


def test_keys_of_other_dialects_are_dropped_only_where_they_ask_for_nothing():
    entry = {"class_name": "Adam", "config": {"loss_scale_factor": None}}

    assert type(optimizers.get(entry)) is optimizers.Adam
    with pytest.raises(MalformedEntry, match=r"Adam.*loss_scale_factor"):
        optimizers.get({"class_name": "Adam", "config": {"loss_scale_factor": 2.0}})


@pytest.mark.parametrize("argument", ["lr", "decay"])
def test_an_argument_of_old_optimizers_tells_that_it_is_one(argument):
    entry = {"class_name": "Adam", "config": {argument: 0.25}}

    assert type(optimizers.get(entry)) is optimizers.legacy.Adam


def test_the_rate_of_a_legacy_optimizer_decays_with_each_step():
    """One step of 1 on a gradient of 1, the next of 1 / (1 + 0.25): the rule of Keras 2."""
    sgd = optimizers.legacy.SGD(1.0, decay=0.25)
    variable = Variable(np.zeros(1, np.float32), name="w:0")
    for _ in range(2):
        sgd.apply_gradients([(np.ones(1, np.float32), variable)])

    assert variable.value == pytest.approx(-1.8)
    assert float(sgd.learning_rate) == 1.0


@pytest.mark.parametrize("options", [{"decay": -1.0}, {"momentum": 2.0}])
def test_arguments_of_a_legacy_optimizer_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="SGD: expected"):
        optimizers.legacy.SGD(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"clipnorm": 1.0, "global_clipnorm": 1.0},
        {"use_ema": True, "ema_momentum": 2.0},
        {"is_legacy_optimizer": True},
        {"momentum": 2.0},
    ],
)
def test_arguments_that_contradict_are_refused(options):
    with pytest.raises(ValueError, match="SGD: expected"):
        optimizers.SGD(**options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (optimizers.Lion, {"beta_1": 0.0}),
        (optimizers.Ftrl, {"learning_rate_power": 0.5}),
        (optimizers.Ftrl, {"initial_accumulator_value": -1.0}),
        (optimizers.Ftrl, {"l1_regularization_strength": -1.0}),
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(kind, options):
    with pytest.raises(ValueError, match=f"{kind.__name__}: expected {next(iter(options))}"):
        kind(**options)
