"""A subject that does not import saveproof: linear regression, served as JSON lines.

saveproof run "exec:python examples/linear_server.py"
"""

import base64
import json
import random
import struct
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Rows = Sequence[Sequence[float]]

MUST = ("weights", "optimizer slots", "iteration")
CODE = (
    *("architecture", "dtype policy", "trainable flags", "non-trainable state"),
    *("compile settings", "optimizer config", "learning rate"),
)
CONTRACT = {
    "document": "https://www.rfc-editor.org/rfc/rfc8259",
    "facets": dict.fromkeys(MUST, "must") | dict.fromkeys(CODE, "code"),
}
PATH = {
    "name": "json",
    "in_memory": False,
    "writes": "linear-json",
    "reads": {"linear-json": "must"},
    "contract": CONTRACT,
}

CAPABILITIES = {
    "kinds": ["sequential"],
    "layers": ["Dense"],
    "arguments": {"Dense": [], "SGD": [], "train_on_batch": []},
    "optimizers": ["SGD"],
    "schedules": [],
    "losses": ["mse"],
    "metrics": [],
    "events": ["train_on_batch"],
    "dtypes": ["float32"],
    "axes": [1],
    "max_layers": 1,
}
"""What the subject has: generated cases contain nothing else."""

MODELS: dict[int, Json] = {}
"""Models by number; the client refers to a model by its number."""


class Unsupported(Exception):
    """The case asks for more than one Dense layer trained on batches."""


def stored(model: Json) -> int:
    """Store a model (outputs, kernel, momentum and steps) and return its number."""
    number = len(MODELS) + 1
    MODELS[number] = model
    return number


def doubles(values: Sequence[float], shape: Sequence[int]) -> Json:
    """Return a float64 array in the protocol's encoding."""
    data = base64.b64encode(array("d", values).tobytes()).decode()
    return {"__array__": {"dtype": "float64", "shape": shape, "data": data}}


def matrix(encoded: Json) -> list[tuple[float, ...]]:
    """Return the rows of a float32 array, with all axes after the first flattened."""
    found = encoded["__array__"]
    if found["dtype"] != "float32":
        raise Unsupported(f"expected a float32 array, found {found['dtype']}")
    data = base64.b64decode(found["data"])
    flat = struct.unpack(f"<{len(data) // 4}f", data)
    width = len(flat) // found["shape"][0]
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def outputs(model: Json, rows: Rows) -> list[list[float]]:
    """Return the product of the rows and the kernel."""
    n = model["outputs"]
    return [
        [sum(x * model["kernel"][i * n + j] for i, x in enumerate(row)) for j in range(n)]
        for row in rows
    ]


def describe(_: Json) -> Json:
    """Describe the subject and its one save path."""
    version = ".".join(map(str, sys.version_info[:3]))
    return {
        "protocol": 1,
        "name": "linear",
        "environment": {"python": version},
        "paths": [PATH],
        "capabilities": CAPABILITIES,
    }


def build(request: Json) -> int:
    """Build a model whose weights are drawn from the case's seed."""
    architecture = request["case"]["architecture"]
    if [layer["class_name"] for layer in architecture["layers"]] != ["Dense"]:
        raise Unsupported("expected a model of one Dense layer")
    features = architecture["inputs"][0]["shape"][-1]
    units = architecture["layers"][0]["config"]["units"]
    draw = random.Random(request["case"]["seed"])
    kernel = [draw.uniform(-1, 1) for _ in range(features * units)]
    model = {"outputs": units, "kernel": kernel, "momentum": [0.0] * len(kernel), "steps": 0}
    return stored(model)


def perform(request: Json) -> list[Json]:
    """Train on batches: momentum 0.9, learning rate 0.01, mean squared error."""
    model, event = MODELS[request["model"]], request["event"]
    if event["event"] != "train_on_batch":
        raise Unsupported(f"expected the event train_on_batch, found {event['event']}")
    x, y = matrix(request["rows"]["inputs"][0]), matrix(request["rows"]["targets"][0])
    size = event["batch_size"]
    return [step(model, x[at : at + size], y[at : at + size]) for at in range(0, len(x), size)]


def step(model: Json, x: Rows, y: Rows) -> Json:
    """Train on one batch and return its log."""
    errors = [
        [found - wanted for found, wanted in zip(*pair, strict=True)]
        for pair in zip(outputs(model, x), y, strict=True)
    ]
    for index, old in enumerate(model["momentum"]):
        i, j = divmod(index, model["outputs"])
        slope = sum(row[i] * error[j] for row, error in zip(x, errors, strict=True)) / len(x)
        model["momentum"][index] = 0.9 * old - 0.01 * slope
        model["kernel"][index] += model["momentum"][index]
    model["steps"] += 1
    squares = [error**2 for row in errors for error in row]
    return {"loss": sum(squares) / len(squares)}


def predict(request: Json) -> list[Json]:
    """Return one array for each output."""
    rows = outputs(MODELS[request["model"]], matrix(request["inputs"][0]))
    return [doubles([y for row in rows for y in row], [len(rows), len(rows[0])])]


def snapshot(request: Json) -> Json:
    """Return the state of a model, by facet, as pairs of a name and a value."""
    model = MODELS[request["model"]]
    shape = [len(model["kernel"]) // model["outputs"], model["outputs"]]
    return {
        "weights": [["kernel", doubles(model["kernel"], shape)]],
        "optimizer slots": [["momentum", doubles(model["momentum"], shape)]],
        "iteration": [["steps", model["steps"]]],
    }


def save(request: Json) -> str:
    """Write the model as JSON, and return the file."""
    source = request["target"] + ".json"
    Path(source).write_text(json.dumps(MODELS[request["model"]]), encoding="utf-8")
    return source


def load(request: Json) -> int:
    """Read a model back."""
    return stored(json.loads(Path(request["source"]).read_text(encoding="utf-8")))


def nothing(_: Json) -> None:
    """Do nothing: this subject needs no seed and no compilation, and its models stay in memory."""


CALLS = {
    "describe": describe,
    "seed": nothing,
    "build": build,
    "compile": nothing,
    "perform": perform,
    "predict": predict,
    "snapshot": snapshot,
    "save": save,
    "load": load,
    "release": nothing,
}


def answer(line: str) -> Json:
    """Return the answer to one request line."""
    request = json.loads(line)
    try:
        return {"result": CALLS[request["call"]](request)}
    except Exception as error:  # noqa: BLE001 - the caller gets every exception as an answer
        kind = f"builtins.{type(error).__name__}"
        unsupported = isinstance(error, Unsupported)
        return {"error": {"kind": kind, "message": str(error), "unsupported": unsupported}}


def main() -> None:
    """Answer line by line until standard input closes."""
    for line in sys.stdin:
        print(json.dumps(answer(line)), flush=True)


if __name__ == "__main__":
    main()
