"""Tests of saveproof.strategies.drawing: the text is pinned once, and always comes."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings

from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import Case, Kind, from_json
from saveproof.strategies.cases import cases
from saveproof.strategies.drawing import drawing

MINIMAL = Path(__file__).parent / "minimal_case.json"


def test_the_minimal_case_is_drawn_in_seven_lines():
    assert drawing(from_json(MINIMAL.read_bytes())).splitlines() == [
        "sequential model 'model'",
        "  input: Input(shape=(4,))",
        "  dense: Dense(units=3, kernel_initializer=GlorotUniform(seed=0)) → (3,)",
        "compile: SGD(learning_rate=0.05), loss mean_squared_error",
        "before the save: train_on_batch(steps=1, batch_size=2)",
        "after the load: train_on_batch(steps=2, batch_size=2)",
        "data seed: 0",
    ]


@settings(
    max_examples=200, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(cases(hops=True, capabilities=Capabilities(non_ascii=tuple(Kind))))
def test_every_layer_and_argument_is_drawn(case: Case):
    text = drawing(case)

    for layer in case.architecture.every_layer():
        assert f"{layer.name}: {layer.class_name}(" in text
        assert all(f"{key}=" in text for key in layer.config if key != "name")
