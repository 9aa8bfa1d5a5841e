"""Tests of saveproof.strategies.cases: what is generated is valid, varied, and shrinks."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from saveproof.strategies.architecture_builder import is_stateful
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import (
    Case,
    Hop,
    Kind,
    Recompile,
    ResetMetrics,
    ResetStates,
    SetLearningRate,
    SetTrainable,
    TrainOnBatch,
    from_json,
    to_json,
)
from saveproof.strategies.cases import cases
from saveproof.strategies.layers import ALL
from saveproof.strategies.optimizers import OPTIMIZERS, SCHEDULES
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.validation import validate

MINIMAL = Path(__file__).parent / "minimal_case.json"
MANY = settings(
    max_examples=200, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
PLAIN = cases(hops=True, capabilities=Capabilities(non_ascii=tuple(Kind)))


def test_minimal_case_is_one_dense_layer_and_one_training_step():
    """The whole case is pinned: what it shrinks to is what people read in findings."""
    minimal = find(cases(), lambda _: True, settings=settings(database=None))

    assert to_json(minimal) == MINIMAL.read_bytes().strip()


@MANY
@given(PLAIN)
def test_generated_cases_are_valid(case: Case):
    validate(case)


@MANY
@given(PLAIN)
def test_generated_cases_go_through_json_and_keep_their_id(case: Case):
    again = from_json(to_json(case))

    assert again == case
    assert again.id == case.id


@MANY
@given(PLAIN)
def test_a_layer_that_gives_an_output_trains(case: Case):
    """No output may hang on nothing: else a lost slot or weight could go unseen."""
    givers = {call.output: call.layer for call in case.architecture.calls}
    ends = [case.architecture.layer(givers[name]) for name in case.architecture.outputs]

    assert all(layer.config.get("trainable", True) for layer in ends)
    assert all(layer.class_name != "Activation" for layer in ends)


@MANY
@given(PLAIN)
def test_stateful_layers_have_the_batch_size_fixed(case: Case):
    stateful = any(map(is_stateful, case.architecture.layers))
    sizes = {input_.batch_size for input_ in case.architecture.inputs}

    assert not stateful or len(sizes) == 1
    assert not stateful or None not in sizes


@MANY
@given(PLAIN)
def test_every_random_initializer_has_a_seed_of_its_own(case: Case):
    seeds = [
        value["config"]["seed"] if isinstance(value, dict) else value
        for layer in case.architecture.every_layer()
        for key, value in layer.config.items()
        if key == "seed" or (isinstance(value, dict) and "seed" in value["config"])
    ]

    assert len(seeds) == len(set(seeds))


@MANY
@given(cases())
def test_only_subclassed_models_leave_ascii_by_default(case: Case):
    layers = case.architecture.every_layer()
    ascii_only = all(layer.name.isascii() for layer in layers)

    assert ascii_only or case.architecture.kind is Kind.SUBCLASSED


def test_another_process_gives_the_same_id():
    """Content ids stand in files and reports, so string hashing must not reach them."""
    program = (
        "import sys; from saveproof.strategies.case import from_json;"
        "print(from_json(sys.stdin.read()).id)"
    )
    case = from_json(MINIMAL.read_bytes())
    ids = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=MINIMAL.read_text(encoding="utf-8"),
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "7")
    }

    assert ids == {case.id}


def test_the_id_of_the_minimal_case_is_pinned():
    assert from_json(MINIMAL.read_bytes()).id == "d5e63b08847330a6"


def layers_of(case: Case) -> set[str]:
    return {layer.class_name for layer in case.architecture.every_layer()}


def arguments_of(case: Case) -> set[str]:
    return {key for layer in case.architecture.every_layer() for key in layer.config}


def nested_in_nested(case: Case) -> bool:
    models = [layer.model for layer in case.architecture.layers if layer.model is not None]
    return any(inner.model is not None for model in models for inner in model.layers)


def several_inputs_of_nested(case: Case) -> bool:
    models = [layer.model for layer in case.architecture.every_layer() if layer.model is not None]
    return any(len(model.inputs) > 1 for model in models)


def shared_nested_model(case: Case) -> bool:
    called = [call.layer for call in case.architecture.calls]
    nested = [layer.name for layer in case.architecture.layers if layer.model is not None]
    return any(called.count(name) > 1 for name in nested)


def sorts_differently(case: Case) -> bool:
    """Two layers of one class are numbered, and the later one sorts first."""
    names = [layer.name for layer in case.architecture.layers if layer.name.startswith("dense_")]
    return names != sorted(names)


def has_event(kind: type) -> Callable[[Case], bool]:
    return lambda case: any(isinstance(event, kind) for event in case.history.before)


def initializers_of(case: Case) -> dict[str, dict[str, object]]:
    """Return the arguments of the initializers by class name, the last of each class."""
    return {
        value["class_name"]: value["config"]
        for layer in case.architecture.every_layer()
        for name, value in layer.config.items()
        if name.endswith("_initializer")
    }


RARE: dict[str, Callable[[Case], bool]] = {
    "sequential": lambda c: c.architecture.kind is Kind.SEQUENTIAL,
    "functional": lambda c: c.architecture.kind is Kind.FUNCTIONAL,
    "subclassed": lambda c: c.architecture.kind is Kind.SUBCLASSED,
    "nested in nested": nested_in_nested,
    "nested with two inputs": several_inputs_of_nested,
    "frozen nested": lambda c: any(
        layer.model is not None and layer.config.get("trainable") is False
        for layer in c.architecture.layers
    ),
    "shared nested": shared_nested_model,
    "shared layer": lambda c: len(c.architecture.calls) > len(c.architecture.layers),
    "three inputs": lambda c: len(c.architecture.inputs) == 3,
    "three outputs": lambda c: len(c.architecture.outputs) == 3,
    "stateful": lambda c: "stateful" in arguments_of(c),
    "causal": lambda c: any(
        layer.config.get("padding") == "causal" for layer in c.architecture.every_layer()
    ),
    "float64": lambda c: any(
        layer.config.get("dtype") == "float64" for layer in c.architecture.every_layer()
    ),
    "mixed_bfloat16": lambda c: any(
        layer.config.get("dtype") == "mixed_bfloat16" for layer in c.architecture.every_layer()
    ),
    "names that sort differently": sorts_differently,
    "long names": lambda c: any(len(layer.name) > 80 for layer in c.architecture.layers),
    "non-ASCII names": lambda c: (
        not all(layer.name.isascii() for layer in c.architecture.every_layer())
    ),
    "graph path": lambda c: not c.settings.run_eagerly,
    "identity with a gain": lambda c: "Identity" in initializers_of(c),
    "constant kernel": lambda c: any(
        layer.config.get("kernel_initializer", {}).get("class_name") == "Constant"
        for layer in c.architecture.every_layer()
    ),
    "seed 0": lambda c: 0 in [one.get("seed") for one in initializers_of(c).values()],
    "loss weights of outputs": lambda c: len(c.settings.loss_weights or ()) > 1,
    "sample weights": lambda c: any(
        getattr(event, "sample_weight", False) for event in c.history.before
    ),
    "class weights": lambda c: any(
        getattr(event, "class_weight", ()) for event in c.history.before
    ),
    "frozen and not recompiled": lambda c: isinstance(c.history.before[-1], SetTrainable),
    "thawed": lambda c: any(
        isinstance(event, SetTrainable) and event.value for event in c.history.before
    ),
    "set learning rate": has_event(SetLearningRate),
    "recompiled": has_event(Recompile),
    "metrics reset": has_event(ResetMetrics),
    "states reset": has_event(ResetStates),
    "hop": has_event(Hop),
    "longer after the load": lambda c: len(c.history.after) > 1,
}


@pytest.fixture(scope="session")
def sample() -> list[Case]:
    """A few thousand generated cases, the same in every run."""
    found: list[Case] = []

    @settings(
        max_examples=4000,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(PLAIN)
    def collect(case: Case):
        found.append(case)

    collect()
    return found


@pytest.mark.parametrize("kind", RARE)
def test_rare_kinds_come_up(kind: str, sample: list[Case]):
    assert any(map(RARE[kind], sample))


@pytest.mark.parametrize("class_name", ALL)
def test_every_layer_comes_up(class_name: str, sample: list[Case]):
    assert any(class_name in layers_of(case) for case in sample)


def optimizer_and_schedule(case: Case) -> set[str]:
    optimizer = case.settings.optimizer
    rate = optimizer.config["learning_rate"]
    return {optimizer.class_name, rate["class_name"] if isinstance(rate, dict) else "constant"}


@pytest.mark.parametrize("name", [*OPTIMIZERS, *SCHEDULES])
def test_every_optimizer_and_schedule_comes_up(name: str, sample: list[Case]):
    assert any(name in optimizer_and_schedule(case) for case in sample)


def test_a_failing_lstm_shrinks_to_little_else():
    """What a finding about one layer looks like: that layer, plain, and what ends the model."""
    found = find(
        cases(),
        lambda c: "LSTM" in layers_of(c),
        settings=settings(database=None, max_examples=3000, derandomize=True),
    )

    assert len(found.architecture.layers) <= 2
    assert found.architecture.kind is Kind.SEQUENTIAL
    assert arguments_of(found) <= {
        "name", "units", "kernel_initializer", "recurrent_initializer",
    }  # fmt: skip
    assert found.history.before == (TrainOnBatch(steps=1, batch_size=2),)


@MANY
@given(cases(kinds=[Kind.FUNCTIONAL], layers=["Conv2D", "Flatten", "Dense"], max_layers=2))
def test_kinds_and_layers_are_chosen_from_what_is_given(case: Case):
    """Layers that join branches may come in besides."""
    assert case.architecture.kind is Kind.FUNCTIONAL
    assert layers_of(case) <= {
        "Conv2D",
        "Flatten",
        "Dense",
        "Concatenate",
        "Functional",
        "Sequential",
    }
    assert all(len(shape) >= 2 for shape in tensor_shapes(case.architecture).values())
