"""A case that has some of everything that a model of the Keras family can hold."""

from saveproof.strategies.case import (
    Architecture,
    Call,
    Case,
    CompileSettings,
    Input,
    Kind,
    Layer,
    Object,
    TrainingHistory,
    TrainOnBatch,
)

INNER = Architecture(
    Kind.SEQUENTIAL,
    "inner",
    (Input("in", (4,), batch_size=2),),
    (Layer("Dense", {"name": "deep", "units": 4}),),
    (Call("deep", ("in",), "out"),),
    ("out",),
)
DENSE = {
    "name": "both",
    "units": 4,
    "activation": "tanh",
    "kernel_initializer": {"class_name": "RandomNormal", "config": {"stddev": 0.4, "seed": 5}},
    "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.02}},
    "bias_constraint": {"class_name": "NonNeg", "config": {}},
    "trainable": False,
}
ARCHITECTURE = Architecture(
    Kind.FUNCTIONAL,
    "model",
    (Input("x", (4,), batch_size=2), Input("words", (5,), "int32", 7, batch_size=2)),
    (
        Layer("Dense", DENSE),
        Layer("Embedding", {"name": "embedding", "input_dim": 7, "output_dim": 3}),
        Layer("LSTM", {"name": "lstm", "units": 4, "stateful": True}),
        Layer("BatchNormalization", {"name": "norm", "momentum": 0.7}),
        Layer("Dropout", {"name": "drop", "rate": 0.3, "seed": 3}),
        Layer("Sequential", {"name": "nested"}, INNER),
        Layer("Add", {"name": "add"}),
    ),
    (
        Call("both", ("x",), "a"),
        Call("both", ("a",), "b"),
        Call("embedding", ("words",), "c"),
        Call("lstm", ("c",), "d"),
        Call("norm", ("d",), "e"),
        Call("drop", ("e",), "f"),
        Call("add", ("b", "f"), "g"),
        Call("nested", ("g",), "h"),
    ),
    ("h", "b"),
)
SETTINGS = CompileSettings(
    Object("Adam", {"learning_rate": 0.03, "beta_1": 0.8}),
    ("mse", Object("Huber", {"delta": 0.7})),
    ((Object("RootMeanSquaredError"),), ("mae",)),
    (0.5, 1.5),
)
STEPS = TrainOnBatch(2, 2)
CASE = Case(ARCHITECTURE, SETTINGS, TrainingHistory((STEPS,), (STEPS,)), seed=7)
