"""The subject for modules that speak the Keras API, on the reference."""

import numpy as np
import pytest
from msgspec.structs import replace

from saveproof.conformance.families.keras.keras3 import _loopless
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import differences
from saveproof.conformance.model_state.subject import Unsupported
from saveproof.strategies import data
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import (
    Evaluate,
    Fit,
    Kind,
    Layer,
    Object,
    Predict,
    Recompile,
    ResetMetrics,
    ResetStates,
    SetLearningRate,
    SetTrainable,
    TrainingHistory,
)
from tests.conformance.keras_cases import ARCHITECTURE, CASE, INNER, SETTINGS, STEPS


@pytest.fixture
def subject():
    subject = resolve("reference")
    subject.seed(1)
    return subject


@pytest.fixture
def model(subject):
    return subject.build(CASE)


def events(*performed):
    return replace(CASE, history=TrainingHistory(performed, (STEPS,)))


def performed(subject, model, *listed):
    """Do the events and return the logs of the last."""
    case, logs = events(*listed), ()
    for index, event in enumerate(listed):
        logs = subject.perform(model, event, data.rows(case, index))
    return logs


def test_arguments_of_the_case_are_on_the_live_layers(subject, model):
    told = subject.snapshot(model)[Facet.ARGUMENTS]

    assert told["both/activation"] == "tanh"
    assert told["both/trainable"] is False
    assert told["both/kernel_initializer"] == "RandomNormal"
    assert told["both/kernel_initializer/RandomNormal/stddev"] == 0.4
    assert told["both/kernel_regularizer/L2/l2"] == pytest.approx(0.02)
    assert told["both/bias_constraint"] == "NonNeg"
    assert told["norm/momentum"] == 0.7
    assert told["lstm/stateful"] is True
    assert told["nested/deep/units"] == 4


def test_calls_of_a_shared_layer_are_told(subject, model):
    told = subject.snapshot(model)[Facet.SHARING]

    assert told["both/call 0"] == [["x", 0, 0]]
    assert told["both/call 1"] == [["both", 0, 0]]


def test_a_layer_in_two_places_is_told_to_be_one(subject):
    """A nested model in a subclassed one, its layer held by both, is one object at two paths."""
    keras = subject.keras
    layer = keras.layers.Dense(2, name="twice")
    inner = keras.Sequential([keras.Input((2,)), layer], name="inner")
    inputs = keras.Input((2,))
    outer = keras.Model(inputs, inner(layer(inputs)))

    told = subject.snapshot(outer)[Facet.SHARING]

    assert told["inner/twice"] == told["twice"] == "twice"


def test_training_moves_every_kind_of_state(subject, model):
    before = subject.snapshot(model)
    performed(subject, model, STEPS)
    after = subject.snapshot(model)

    for facet in (
        Facet.WEIGHTS,
        Facet.NON_TRAINABLE,
        Facet.SLOTS,
        Facet.ITERATION,
        Facet.RNG,
        Facet.METRICS,
        Facet.RECURRENT,
    ):
        assert list(differences(before[facet], after[facet])), facet


def test_a_snapshot_is_a_copy(subject, model):
    before = subject.snapshot(model)
    kept = {name: value.copy() for name, value in before[Facet.WEIGHTS].items()}
    performed(subject, model, STEPS)

    assert list(differences(kept, before[Facet.WEIGHTS])) == []


def test_states_and_statistics_are_no_weights(subject, model):
    told = subject.snapshot(model)

    assert list(told[Facet.NON_TRAINABLE]) == ["norm/2 moving_mean", "norm/3 moving_variance"]
    assert [name for name in told[Facet.WEIGHTS] if name.startswith("lstm")] == [
        "lstm/0 kernel",
        "lstm/1 recurrent_kernel",
        "lstm/2 bias",
    ]


def test_a_frozen_layer_s_weights_are_weights(subject, model):
    assert "both/0 kernel" in subject.snapshot(model)[Facet.WEIGHTS]


def test_flags_of_nested_layers_are_told_by_path(subject, model):
    performed(subject, model, STEPS, SetTrainable("nested/deep", False))

    flags = subject.snapshot(model)[Facet.TRAINABLE]
    assert flags["nested/deep"] is False
    assert flags["nested"] is True


def test_compile_settings_are_told_in_the_order_of_the_outputs(subject, model):
    told = subject.snapshot(model)[Facet.COMPILE]

    assert told["loss/0"] == "mean_squared_error"
    assert told["loss/1"] == "huber"
    assert told["loss/1/delta"] == pytest.approx(0.7)
    assert told["metrics/1"] == "mean_absolute_error"
    assert told["loss_weights"] == [0.5, 1.5]


def test_a_schedule_is_told_with_its_arguments(subject):
    schedule = {
        "class_name": "ExponentialDecay",
        "config": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
    }
    settings = replace(SETTINGS, optimizer=Object("SGD", {"learning_rate": schedule}))

    model = subject.build(replace(CASE, settings=settings))

    told = subject.snapshot(model)[Facet.LEARNING_RATE]
    assert told["learning_rate/class_name"] == "ExponentialDecay"
    assert told["learning_rate/config/decay_rate"] == 0.5


def test_train_on_batch_logs_each_step_s_own_loss(subject, model):
    """Totals start anew with each step: what the metrics hold is the last step's alone."""
    logs = performed(subject, model, STEPS)

    totals = subject.snapshot(model)[Facet.METRICS]
    assert len(logs) == STEPS.steps
    assert totals["0 loss/0"] / totals["0 loss/1"] == np.float32(logs[-1]["loss"])
    assert logs[0]["loss"] != logs[1]["loss"]
    assert all(type(value) is float for log in logs for value in log.values())


def test_fit_logs_an_epoch_each(subject, model):
    assert len(performed(subject, model, Fit(2, 4, 2, shuffle=True, sample_weight=True))) == 2


def test_evaluate_changes_no_weight(subject, model):
    before = subject.snapshot(model)[Facet.WEIGHTS]
    logs = performed(subject, model, Evaluate(4, 2))

    assert "loss" in logs[0]
    assert list(differences(before, subject.snapshot(model)[Facet.WEIGHTS])) == []


def test_predict_as_an_event_logs_nothing(subject, model):
    assert list(performed(subject, model, Predict(4, 2))) == []


def test_the_learning_rate_can_be_set(subject, model):
    performed(subject, model, STEPS, SetLearningRate(0.125))

    assert subject.snapshot(model)[Facet.LEARNING_RATE]["learning_rate"] == 0.125


def test_recompiling_starts_the_optimizer_anew(subject, model):
    other = replace(SETTINGS, optimizer=Object("SGD", {"learning_rate": 0.2}))
    performed(subject, model, STEPS, Recompile(other))

    told = subject.snapshot(model)
    assert told[Facet.OPTIMIZER]["class_name"] == "SGD"
    assert told[Facet.ITERATION]["iterations"] == 0


def test_metrics_and_states_can_be_reset(subject, model):
    performed(subject, model, STEPS, ResetMetrics(), ResetStates())

    told = subject.snapshot(model)
    assert not any(np.any(value) for value in told[Facet.METRICS].values())
    assert not any(np.any(value) for value in told[Facet.RECURRENT].values())


def test_building_leaves_no_trace_in_recurrent_states(subject):
    model = subject.build(replace(CASE, architecture=replace(ARCHITECTURE, kind=Kind.SUBCLASSED)))

    states = subject.snapshot(model)[Facet.RECURRENT]
    assert states
    assert not any(np.any(value) for value in states.values())


def test_a_subclassed_model_computes_what_the_functional_one_does(subject):
    written = replace(CASE, architecture=replace(ARCHITECTURE, kind=Kind.SUBCLASSED))
    functional, subclassed = subject.build(CASE), subject.build(written)
    for layer in subclassed.layers:
        layer.set_weights(functional.get_layer(layer.name).get_weights())

    probe = data.probe(CASE)
    for one, other in zip(
        subject.predict(functional, probe), subject.predict(subclassed, probe), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_model_can_be_left_without_weights(subject):
    written = replace(CASE, architecture=replace(ARCHITECTURE, kind=Kind.SUBCLASSED))

    model = subject.build(written, built=False)

    weights = subject.snapshot(model)[Facet.WEIGHTS]
    assert [name for name in weights if not name.startswith("nested/")] == []


def test_a_graph_case_is_predicted_by_predict(subject, monkeypatch):
    model = subject.build(replace(CASE, settings=replace(SETTINGS, run_eagerly=False)))
    asked = []
    monkeypatch.setattr(
        type(model), "predict", lambda _, x, **__: asked.append(x) or [np.zeros((2, 4))] * 2
    )
    subject.predict(model, data.probe(CASE))

    assert len(asked) == 1


def test_a_model_that_is_not_to_run_eagerly_runs_as_a_graph(monkeypatch):
    plain = KerasSubject("plain", "saveproof.reference_impl", eager=lambda _: False)
    model = plain.build(CASE)
    asked = []
    monkeypatch.setattr(
        type(model), "predict", lambda _, x, **__: asked.append(x) or [np.zeros((2, 4))] * 2
    )
    plain.predict(model, data.probe(CASE))

    assert not model.run_eagerly
    assert len(asked) == 1


@pytest.mark.parametrize(("kind", "eager"), [("GRU", False), ("Dense", True)])
def test_jax_runs_what_has_no_loops_eagerly(kind, eager):
    within = replace(INNER, layers=(Layer(kind, {"name": "deep", "units": 4}),))
    around = replace(INNER, layers=(Layer("Sequential", {"name": "nested"}, within),))

    assert _loopless(around) is eager


def test_a_class_that_the_module_lacks_is_unsupported(subject, monkeypatch):
    monkeypatch.delattr(subject.keras.layers, "Add")

    with pytest.raises(Unsupported, match="layers has no 'Add'"):
        subject.build(CASE)


def test_a_class_that_no_case_may_name_is_unsupported(subject):
    layers = (*ARCHITECTURE.layers[:-1], Layer("NoSuchLayer", {"name": "add"}))

    with pytest.raises(Unsupported, match="layers has no 'NoSuchLayer'"):
        subject.build(replace(CASE, architecture=replace(ARCHITECTURE, layers=layers)))


def test_what_a_subject_raises_itself_is_not_unsupported(subject, monkeypatch):
    """A class that the module lacks is missed by our source, not by the module's own code."""

    def broken(*_, **__):
        return subject.keras.no_such_thing

    monkeypatch.setattr(subject.keras.layers, "Add", broken)

    with pytest.raises(AttributeError, match="no_such_thing"):
        subject.build(CASE)


def test_a_name_that_the_subject_can_t_have_is_unsupported():
    unfit = KerasSubject(
        "unfit", "saveproof.reference_impl", capabilities=Capabilities(not_in_names="d")
    )

    with pytest.raises(Unsupported, match="can't contain 'd'"):
        unfit.build(CASE)


def test_what_cannot_be_told_of_a_model_is_part_of_its_snapshot(subject, model, monkeypatch):
    """Whatever a model makes of a look at it, the rest is told."""
    whole = subject.snapshot(model)

    def odd():
        raise KeyError("name")

    monkeypatch.setattr(model, "get_config", odd)
    told = subject.snapshot(model)

    assert told[Facet.ARCHITECTURE] == {"can't be read": "KeyError: 'name'"}
    assert not list(differences(whole[Facet.WEIGHTS], told[Facet.WEIGHTS]))
