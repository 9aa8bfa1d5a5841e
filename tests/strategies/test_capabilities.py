"""Capabilities: cases contain what a subject has, and nothing else."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from saveproof.strategies.capabilities import EVERYTHING, Capabilities, InvalidCapabilities
from saveproof.strategies.case import Case, Kind, Object, Recompile, tag_of
from saveproof.strategies.cases import cases
from saveproof.strategies.declared import checked
from saveproof.strategies.settings import name_of
from saveproof.strategies.validation import validate

SOME = settings(
    max_examples=60, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

FEW = checked(
    Capabilities(
        kinds=("sequential", "functional"),
        layers=("Dense", "LSTM", "Bidirectional", "Flatten", "Dropout"),
        arguments={
            "Dense": ("activation", "use_bias"),
            "LSTM": ("stateful", "unroll"),
            "Adam": ("beta_1",),
            "fit": ("sample_weight",),
            "train_on_batch": (),
        },
        without={"LSTM": ("unroll",)},
        activations=("tanh", "softmax"),
        optimizers=("Adam",),
        schedules=("CosineDecay",),
        losses=("mae", "categorical_crossentropy"),
        metrics=("mse",),
        events=("train_on_batch", "fit", "set_learning_rate"),
        dtypes=("float32",),
        axes=(2,),
        nesting=False,
        not_in_names=".-_",
    )
)
OPTIONAL = {
    "Dense": {"name", "units", "activation", "use_bias"},
    "LSTM": {"name", "units", "stateful"},
}


@SOME
@given(cases(kinds=FEW.kinds, hops=True, capabilities=FEW))
def test_cases_contain_nothing_that_the_subject_has_not(case: Case):
    validate(case)
    layers = list(case.architecture.every_layer())
    events = (*case.history.before, *case.history.after)
    compiled = [case.settings, *(e.settings for e in events if isinstance(e, Recompile))]

    assert {layer.class_name for layer in layers} <= {"Dense", "LSTM", "Flatten", "Dropout"}
    assert all(set(one.config) <= OPTIONAL.get(one.class_name, set(one.config)) for one in layers)
    assert {one.config["activation"] for one in layers if one.class_name == "Dense"} <= {
        *("tanh", "softmax")
    }
    assert all(not set(layer.name) & set(".-_") for layer in layers)
    assert {len(given.shape) for given in case.architecture.inputs} == {2}
    assert len(case.architecture.inputs) == 1
    assert {tag_of(type(event)) for event in events} <= set(FEW.events or ())
    assert not any(getattr(event, "shuffle", False) for event in events)
    assert not any(getattr(event, "class_weight", ()) for event in events)
    for one in compiled:
        assert one.optimizer.class_name == "Adam"
        assert set(one.optimizer.config) <= {"learning_rate", "beta_1"}
        assert set(map(name_of, one.losses)) <= set(FEW.losses or ())
        assert {name_of(metric) for each in one.metrics for metric in each} <= {"mse"}


@pytest.mark.parametrize(
    "wanted",
    [
        lambda case: case.is_stateful,
        lambda case: any(layer.class_name == "Dropout" for layer in case.architecture.layers),
        lambda case: isinstance(case.settings.optimizer.config["learning_rate"], dict),
        lambda case: any(getattr(event, "sample_weight", False) for event in case.history.before),
        lambda case: case.settings.losses == ("categorical_crossentropy",),
    ],
)
def test_what_the_subject_has_does_come_up(wanted: Callable[[Case], bool]):
    find(
        cases(kinds=FEW.kinds, capabilities=FEW),
        wanted,
        settings=settings(
            max_examples=3000,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@SOME
@given(
    cases(
        kinds=(Kind.SEQUENTIAL,),
        capabilities=Capabilities(layers=("Dense",), axes=(1,), max_layers=2),
    )
)
def test_a_model_has_at_most_as_many_layers_as_the_subject_has(case: Case):
    assert 1 <= len(case.architecture.layers) <= 2


@SOME
@given(cases(capabilities=Capabilities(events=("fit",), branching=False)))
def test_a_subject_without_batches_is_trained_by_fit_alone(case: Case):
    events = (*case.history.before, *case.history.after)

    assert {tag_of(type(event)) for event in events} == {"fit"}
    assert len(case.architecture.inputs) == len(case.architecture.outputs) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers": ("Dense", "Attention")}, "capabilities, layers: expected some of Dense, Act"),
        ({"layers": ("LSTM",)}, "expected Dense among them, which ends a model"),
        ({"layers": "Dense"}, "got `str` - at `$.layers`"),
        ({"optimizers": ()}, "capabilities, optimizers: expected some of SGD, Adam"),
        ({"events": ("evaluate",)}, "expected train_on_batch or fit among them"),
        ({"arguments": {"Densest": ()}}, "found Densest"),
        ({"max_layers": 0}, "max_layers: expected at least 1, found 0"),
        ({"axes": (4,)}, "axes: expected some of 1, 2, 3; found 4"),
    ],
)
def test_capabilities_that_name_what_no_case_has_are_refused(changes, said):
    with pytest.raises(InvalidCapabilities, match="capabilities") as refused:
        checked(EVERYTHING.but(**changes))

    assert said in str(refused.value)


def test_what_two_subjects_have_in_common_is_what_both_have():
    other = Capabilities(
        layers=("Dense", "GRU"), arguments={"Adam": ("beta_2",)}, max_layers=4, not_in_names="/"
    )

    both = FEW.common(other)

    assert both.layers == ("Dense",)
    assert both.arguments["Adam"] == ()
    assert both.arguments["Dense"] == ("activation", "use_bias")
    assert both.max_layers == 4
    assert both.not_in_names == "-./_"
    assert both.optimizers == ("Adam",)
    assert EVERYTHING.common(EVERYTHING) == EVERYTHING


def test_without_capabilities_the_simplest_case_is_trained_with_sgd():
    minimal = find(cases(capabilities=EVERYTHING), lambda _: True)

    assert isinstance(minimal.settings.optimizer, Object)
    assert minimal.settings.optimizer.class_name == "SGD"
