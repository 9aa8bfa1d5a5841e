"""The smallest models: each object of the catalogue as a part of a model that trains one step."""

from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from saveproof.strategies.case import (
    Architecture,
    Call,
    Case,
    CompileSettings,
    Config,
    Input,
    Kind,
    Layer,
    Object,
    TrainingHistory,
    TrainOnBatch,
)
from saveproof.strategies.catalogue import objects
from saveproof.strategies.catalogue.entries import Tensor
from saveproof.strategies.catalogue.exports import Exports
from saveproof.strategies.catalogue.marked import made
from saveproof.strategies.catalogue.objects import inputs_of

UNITS = 3
STEP = TrainOnBatch(1, 2)
HISTORY = TrainingHistory((STEP,), (STEP,))
SGD = Object("SGD", {"learning_rate": 0.05})
SETTINGS = CompileSettings(SGD, ("mse",))


def smallest(exports: Exports) -> Iterator[Case]:
    """Yield the smallest model with each object of the systematic pass, where a model has one."""
    for case in objects.cases(exports):
        namespace, _, name = case.architecture.layers[0].class_name.rpartition(".")
        around = AROUND.get(namespace)
        model = around and around(name, case.architecture.layers[0].config)
        if model:
            yield replace(model, tested=case.tested)


def _layer(name: str, arguments: Config) -> Case | None:
    """Return the model of a layer between its inputs and a Dense layer; None of one with words."""
    tensors = inputs_of(f"layers.{name}")
    returns_several = arguments.get("return_state") or arguments.get("return_attention_scores")
    if any(tensor.words for tensor in tensors) or returns_several or name.endswith("Cell"):
        return None
    tested = Layer(name, {"name": "tested", **arguments})
    return _around(tested, tuple(_input(n, one) for n, one in enumerate(tensors, 1)))


def _input(number: int, tensor: Tensor) -> Input:
    dtype = "int32" if tensor.below else "float32"
    return Input(f"input_{number}", tensor.shape, dtype, tensor.below)


def _around(tested: Layer, inputs: tuple[Input, ...]) -> Case:
    layers = (
        tested,
        Layer("Flatten", {"name": "flatten"}),
        Layer("Dense", {"name": "head", "units": UNITS, **_seeded(5)}),
    )
    names = tuple(one.name for one in inputs)
    calls = (
        Call(tested.name, names, "t1"),
        Call("flatten", ("t1",), "t2"),
        Call("head", ("t2",), "t3"),
    )
    architecture = Architecture(Kind.FUNCTIONAL, "smallest", inputs, layers, calls, ("t3",))
    return Case(architecture, SETTINGS, HISTORY, objects.SEED)


def _seeded(seed: int) -> Config:
    return {"kernel_initializer": made("initializers.GlorotUniform", seed=seed)}


def _dense(**arguments: object) -> Case:
    """Return the model of two Dense layers; the arguments are those of the first."""
    tested = Layer("Dense", {"name": "tested", "units": UNITS, **_seeded(7), **arguments})
    return _around(tested, (Input("input_1", (4,)),))


def _loss(name: str, arguments: Config) -> Case:
    return _compiled(losses=(Object(name, arguments),))


def _metric(name: str, arguments: Config) -> Case:
    return _compiled(metrics=((Object(name, arguments),),))


def _optimizer(name: str, arguments: Config) -> Case:
    return _compiled(optimizer=Object(name, arguments))


def _schedule(name: str, arguments: Config) -> Case:
    rate = made(f"optimizers.schedules.{name}", **arguments)
    return _compiled(optimizer=Object("SGD", {"learning_rate": rate}))


def _compiled(**settings: object) -> Case:
    return replace(_dense(), settings=replace(SETTINGS, **settings))


def _argument_of_a_layer(namespace: str, argument: str) -> Callable[[str, Config], Case]:
    def around(name: str, arguments: Config) -> Case:
        return _dense(**{argument: made(f"{namespace}.{name}", **arguments)})

    return around


AROUND: Mapping[str, Callable[[str, Config], Case | None]] = {
    "layers": _layer,
    "losses": _loss,
    "metrics": _metric,
    "optimizers": _optimizer,
    "optimizers.schedules": _schedule,
    "initializers": _argument_of_a_layer("initializers", "kernel_initializer"),
    "regularizers": _argument_of_a_layer("regularizers", "kernel_regularizer"),
    "constraints": _argument_of_a_layer("constraints", "kernel_constraint"),
    "dtype_policies": _argument_of_a_layer("dtype_policies", "dtype"),
    "mixed_precision": _argument_of_a_layer("mixed_precision", "dtype"),
}
"""What makes the smallest model with an object, by its namespace."""
