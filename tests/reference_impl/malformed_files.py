"""Files and configurations with one thing wrong: what is changed, and where it stands."""

import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.checkpoint.bundle_reader import open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_writer import write_bundle
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.saving.savedmodel.writer import INDEX
from saveproof.reference_impl.state import NamedArray

Place = tuple[Any, ...]
"""Keys and numbers that lead to a part of a configuration."""

OTHERS: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, -7, 3, 2**70, 1.5, -0.5, 1e308, "", "x", "\0", "relu"),
    *([], {}, [[]], [1, 2], ["x"], {"x": 1}, [[[[None]]]], "é" * 300),
    *({"class_name": "Dense"}, {"class_name": "Dense", "config": None}, "__tuple__", "Adam"),
)
"""What may stand in the place of a part; sizes are ones that no machine takes for its own."""


def places(part: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the place of every part, the whole first."""
    yield place
    listed = enumerate(part) if isinstance(part, list) else ()
    for key, inner in part.items() if isinstance(part, dict) else listed:
        yield from places(inner, (*place, key))


def part_at(whole: Any, place: Place) -> Any:
    """Return the part at a place."""
    for key in place:
        whole = whole[key]
    return whole


def mutated(whole: Any, draw: random.Random) -> tuple[Any, str]:
    """Return a copy with one part changed, and in words what was done where."""
    known = list(places(whole))
    place, other = draw.choice(known), draw.choice(known)
    kind = draw.choice(("other", "other", "other", "delete", "twice", "swap", "wrap", "negative"))
    changed = deepcopy(whole)
    if not place:
        return draw.choice(OTHERS), "the whole"
    holder, key = part_at(changed, place[:-1]), place[-1]
    if kind == "delete":
        del holder[key]
    elif kind == "twice" and isinstance(holder, list):
        holder.insert(key, deepcopy(holder[key]))
    elif kind == "twice":
        holder[f"{key}_again"] = deepcopy(holder[key])
    elif kind == "swap":
        holder[key] = deepcopy(part_at(whole, other))
    elif kind == "wrap":
        holder[key] = draw.choice(([holder[key]], {"x": holder[key]}, [holder[key]] * 2))
    elif kind == "negative" and type(holder[key]) in (int, float):
        holder[key] = draw.choice((-holder[key], holder[key] - 1, holder[key] * 10**20, 1e400))
    else:
        holder[key] = deepcopy(draw.choice(OTHERS))
    return changed, f"{kind} at {place}"


def functional() -> Any:
    """Return a trained model of two inputs and outputs, with a model and a call twice in it."""
    inner = keras.Sequential([keras.layers.Dense(3, activation="relu", name="i")], name="inner")
    one, other = keras.Input((4,), name="one"), keras.Input((4,), name="other")
    shared = keras.layers.Dense(3, kernel_regularizer="l2", kernel_constraint="max_norm", name="s")
    joined = keras.layers.Concatenate(name="c")([shared(one), shared(other)])
    normal = keras.layers.BatchNormalization(name="b")(joined)
    left = keras.layers.Dense(2, name="left")(keras.layers.Dropout(0.5, name="d")(normal))
    right = keras.layers.Dense(1, name="right")(inner(normal))
    model = keras.Model([one, other], [left, right], name="f")
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(
        keras.optimizers.Adam(rate, amsgrad=True),
        [keras.losses.MeanSquaredError(), "mse"],
        [["mae"], [keras.metrics.MeanSquaredError(name="m")]],
        loss_weights=[1.0, 0.5],
    )
    model.train_on_batch([np.ones((2, 4), "f4")] * 2, [np.ones((2, 2)), np.ones((2, 1))])
    return model


def sequential() -> Any:
    """Return a trained stack of a convolution, a stateful recurrent layer and others."""
    model = keras.Sequential(
        [
            keras.layers.Conv1D(3, 2, padding="same", batch_input_shape=(2, 4, 2), name="c"),
            keras.layers.Activation("tanh", name="a"),
            keras.layers.LSTM(2, stateful=True, name="l"),
            keras.layers.LayerNormalization(name="n"),
            keras.layers.Dense(1, name="o"),
        ],
        name="s",
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", ["mae"])
    model.train_on_batch(np.ones((2, 4, 2), "f4"), np.ones((2, 1)))
    return model


def subclassed() -> Any:
    """Return a trained model whose call is kept as a program, by which it comes back."""

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.parts = [keras.layers.Dense(3, name="p"), keras.layers.Dropout(0.5, name="d")]
            self.factor = self.add_weight(name="factor", shape=(3,))

        def call(self, inputs: Any, *, training: bool = False) -> Any:
            hidden = self.parts[0](inputs) * self.factor
            return self.parts[1](hidden[:, 1:] + 1.0, training=training)

    model = Own()
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((2, 4), "f4"), np.ones((2, 2)))
    return model


@dataclass(frozen=True)
class Document:
    """A JSON document in a file, and how the file is written with another in its place.

    Attributes:
        name: of the format and the document.
        content: the document.
        load: writes the file with another document, and loads it.
    """

    name: str
    content: Any
    load: Callable[[Any], Any]


def documents(model: Any, folder: Path) -> Iterator[Document]:
    """Yield every JSON document of every format that a model is saved in."""
    load_model = keras.models.load_model
    model.save(folder / "saved")
    yield from saved_model_documents(folder / "saved", folder / "changed")
    if model.graph is None:
        return
    entry = json.loads(model.to_json())
    yield Document("json", entry, lambda doc: keras.models.model_from_json(json.dumps(doc)))
    for dialect in ("keras", "tf_keras"):
        for name in ("m.h5", "m.keras", "w.weights.h5"):
            source = folder / f"{dialect}-{name}"
            whole = not name.startswith("w")
            (model.save if whole else model.save_weights)(source, dialect=dialect)
            load = load_model if whole else model.load_weights
            parts = (archive_parts if name.endswith(".keras") else hdf5_parts)(source)
            for part, content, write in parts:
                loads = partial(_written_and_loaded, write, load, folder / f"changed-{name}")
                yield Document(f"{dialect} {name} {part}", content, loads)


def _written_and_loaded(write: Any, load: Any, target: Path, doc: Any) -> Any:
    write(doc, target)
    return load(target)


Part = tuple[str, Any, Callable[[Any, Path], None]]


def hdf5_parts(source: Path) -> Iterator[Part]:
    """Yield the JSON attributes of an HDF5 file."""
    held = {"model_config": "/", "training_config": "/", "index": "saveproof_state"}
    data = source.read_bytes()
    for name, group in held.items():
        with h5py.File(source) as file:
            if name not in file[group].attrs:
                continue
            content = json.loads(file[group].attrs[name])

        def write(doc: Any, target: Path, name: str = name, group: str = group) -> None:
            target.write_bytes(with_attribute(data, group, name, json.dumps(doc)))

        yield name, content, write


def with_attribute(data: bytes, group: str, name: str, value: Any) -> bytes:
    """Return an HDF5 file with another value of an attribute."""
    stream = io.BytesIO(data)
    with h5py.File(stream, "a") as file:
        del file[group].attrs[name]
        file[group].attrs[name] = value
    return stream.getvalue()


def archive_parts(source: Path) -> Iterator[Part]:
    """Yield the JSON members of an archive, and the index of our own state in its weights."""
    with zipfile.ZipFile(source) as members:
        data = {name: members.read(name) for name in members.namelist()}
    for name in ("config.json", "metadata.json"):

        def write(doc: Any, target: Path, name: str = name) -> None:
            write_members({**data, name: json.dumps(doc).encode()}, target)

        yield name, json.loads(data[name]), write
    weights = data["model.weights.h5"]
    with h5py.File(io.BytesIO(weights)) as file:
        index = json.loads(file["saveproof_state"].attrs["index"])

    def write_index(doc: Any, target: Path) -> None:
        inner = with_attribute(weights, "saveproof_state", "index", json.dumps(doc))
        write_members({**data, "model.weights.h5": inner}, target)

    yield "index", index, write_index


def write_members(members: dict[str, bytes], target: Path) -> None:
    """Write a zip file."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def saved_model_documents(source: Path, changed: Path) -> Iterator[Document]:
    """Yield the metadata of each object, and the index of our own state."""
    bundle = open_bundle(source / "variables/variables")
    tensors = [NamedArray(key, bundle.read(key)) for key in bundle.entries]
    shutil.copytree(source, changed)
    metadata = MESSAGES["SavedMetadata"]()
    metadata.ParseFromString((source / "keras_metadata.pb").read_bytes())
    index = json.loads(bundle.read(INDEX).item())

    def load(number: int | None, doc: Any) -> Any:
        found = {**index, "members": {}} if number is not None else doc
        text = np.empty((), object)
        text[()] = json.dumps(found).encode()
        others = [item for item in tensors if item.name != INDEX]
        write_bundle(changed / "variables/variables", [*others, NamedArray(INDEX, text)])
        written = MESSAGES["SavedMetadata"]()
        written.CopyFrom(metadata)
        if number is not None:
            written.nodes[number].metadata = json.dumps(doc)
        (changed / "keras_metadata.pb").write_bytes(written.SerializeToString())
        return keras.models.load_model(changed)

    yield Document("saved index", {**index, "members": {}}, partial(load, None))
    for number, node in enumerate(metadata.nodes):
        name = "root" if not number else "layer"
        yield Document(f"saved {name}", json.loads(node.metadata), partial(load, number))
