"""HDF5 files and checkpoints with one thing damaged, and all state of a live model."""

import io
import random
from typing import Any

import h5py
import numpy as np

from saveproof.reference_impl.random import process_generator
from saveproof.reference_impl.saving.checkpoint.object_graph import GRAPH_KEY
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.state import NamedArray


def state_of(model: Any) -> Any:
    """Return all state of a live model, so that two are equal if they are to the last bit."""
    compiled = model.compiled
    layers = list(model.flatten_layers())
    optimizer = compiled.optimizer
    variables = {
        "weights": model.weights,
        "states": [one for layer in layers for one in layer.extra_state.values()],
        "optimizer": [*optimizer.variables, *optimizer.extra_state.values()],
        "rate": [optimizer.learning_rate],
        "metrics": [one for metric in compiled.metrics for one in metric.variables],
    }
    return {
        **{name: [_bits(one) for one in listed] for name, listed in variables.items()},
        "flags": [(layer.name, layer.trainable) for layer in layers],
        "compiled flags": [(layer.name, flag) for layer, flag in compiled.flags],
        "built": (optimizer.built, optimizer.iterations.value.item(), compiled.ready),
        "metric names": [metric.name for metric in compiled.metrics],
        "drawn": process_generator().state.tobytes(),
    }


def _bits(variable: Any) -> Any:
    value = np.asarray(variable.value)
    return variable.name, str(value.dtype), value.shape, value.tobytes()


def damaged_hdf5(data: bytes, draw: random.Random) -> tuple[bytes, str]:
    """Return an HDF5 file with one object, attribute or array damaged, and what was done."""
    stream = io.BytesIO(data)
    with h5py.File(stream, "a") as file:
        names: list[str] = []
        file.visit(names.append)
        attributes = [(name, key) for name in ("/", *names) for key in file[name].attrs]
        if attributes and draw.random() < 0.4:
            name, key = draw.choice(attributes)
            what = f"attribute {key} of {name}: {_damage_attribute(file[name].attrs, key, draw)}"
        else:
            name = draw.choice(names)
            what = f"{name}: {_damage_object(file, name, draw)}"
    return stream.getvalue(), what


def _damage_attribute(attributes: Any, key: str, draw: random.Random) -> str:
    old, others = attributes[key], (0, -1.5, "x", "", b"\xff\xfe", [b"x", b"x"], [1, 2], b"[1]")
    listed = [*np.ravel(old)]
    changed: tuple[Any, ...] = (listed[::-1], listed[:-1], [*listed, *listed[:1]], [*listed, b"y"])
    new = draw.choice((*others, *(changed if listed else ())))
    del attributes[key]
    kind = draw.choice(("gone", "other", "other", "empty"))
    if kind == "empty":
        attributes[key] = h5py.Empty("S1")
    elif kind == "other":
        of_texts = isinstance(new, list) and any(isinstance(one, str | bytes) for one in new)
        attributes[key] = np.array(new, "S") if of_texts else new
    return f"{kind} {new!r:.60}"


OTHER_DTYPES = ("V2", "S3", "f8", "f2", "i4", "i1", "?", "c8", "u8", [("a", "f4")])


def _damage_object(file: Any, name: str, draw: random.Random) -> str:
    item = file[name]
    is_array = isinstance(item, h5py.Dataset)
    old = np.asarray(item) if is_array else np.zeros((2,), "f4")
    del file[name]
    kind = draw.choice(("gone", "kind", "dtype", "dtype", "shape", "shape", "values", "soft"))
    if kind == "kind" and is_array:
        file.create_group(name)
    elif kind == "soft":
        file[name] = h5py.SoftLink("/nowhere")
    elif kind == "dtype":
        dtype = draw.choice(OTHER_DTYPES)
        file[name] = np.zeros(old.shape, dtype)
        return f"{kind} {dtype}"
    elif kind == "shape":
        shape = draw.choice(((), (0,), (*old.shape, 1), (2, *old.shape), (old.size,), (7,)))
        file[name] = np.zeros(shape, old.dtype)
        return f"{kind} {shape}"
    elif kind == "values" and old.dtype.kind in "iuf":
        file[name] = np.full(old.shape, draw.choice((np.nan, np.inf, 1.5, -1)), "f8")
    elif kind != "gone":
        file[name] = old
    return kind


def damaged_tensors(tensors: list[NamedArray], draw: random.Random) -> tuple[list[NamedArray], str]:
    """Return the tensors of a checkpoint with one of another kind, and what was done."""
    changed = list(tensors)
    place = draw.randrange(len(changed))
    name, value = changed[place].name, changed[place].value
    graphs = [number for number, one in enumerate(tensors) if one.name.endswith("object_graph")]
    graphs += [number for number, one in enumerate(tensors) if one.name == GRAPH_KEY]
    if draw.random() < 0.6:
        place = draw.choice(graphs)
        name, value = tensors[place].name, tensors[place].value
        message = MESSAGES["TrackableObjectGraph"]()
        message.ParseFromString(value.item())
        what = damage_graph(message, draw)
        changed[place] = NamedArray(name, text_tensor(message.SerializeToString()))
        return changed, f"{name}: {what}"
    kind = draw.choice(("gone", "dtype", "shape", "text", "swap"))
    if kind == "gone":
        del changed[place]
    elif kind == "dtype":
        dtype = draw.choice(("f8", "f2", "i4", "?", "c8"))
        changed[place] = NamedArray(name, np.zeros(value.shape, dtype))
    elif kind == "shape":
        shape = draw.choice(((), (0,), (*value.shape, 1), (2, *value.shape), (7,)))
        changed[place] = NamedArray(name, np.zeros(shape, "f4"))
    elif kind == "text":
        changed[place] = NamedArray(name, text_tensor(draw.choice((b"", b"x", b"[]", b"\xff"))))
    else:
        changed[place] = NamedArray(name, draw.choice(tensors).value)
    return changed, f"{name}: {kind}"


def text_tensor(text: bytes) -> np.ndarray:
    """Return a tensor of one string."""
    value = np.empty((), object)
    value[()] = text
    return value


def damage_graph(message: Any, draw: random.Random) -> str:
    """Change one thing in a graph of objects, of a checkpoint or a SavedModel; say what."""
    nodes = message.nodes
    number = draw.randrange(len(nodes))
    node = nodes[number]
    kind = draw.choice(("child", "child", "name", "key", "gone", "slot", "cycle", "value", "cut"))
    if kind == "cut":
        del nodes[draw.randrange(len(nodes)) :]
    elif kind in ("child", "name", "gone") and node.children:
        child = draw.choice(node.children)
        if kind == "child":
            child.node_id = draw.choice((-1, len(nodes), 2**31 - 1, number, 0, len(nodes) - 1))
        elif kind == "name":
            child.local_name = draw.choice(("", "x", "0", "kernel", node.children[0].local_name))
        else:
            del node.children[draw.randrange(len(node.children)) :]
    elif kind == "cycle":
        node.children.add(node_id=draw.choice((0, number)), local_name=draw.choice(("0", "again")))
    elif kind == "slot":
        slots = [one for held in nodes for one in held.slot_variables]
        slot = draw.choice(slots) if slots else node.slot_variables.add(slot_name="m")
        slot.slot_variable_node_id = draw.choice((-1, len(nodes), number))
        slot.original_variable_node_id = draw.choice((-1, len(nodes), number))
    elif hasattr(node, "attributes"):
        valued = [one for held in nodes for one in held.attributes]
        if valued:
            chosen, other = draw.choice(valued), draw.choice(valued)
            keys = (other.checkpoint_key, "", "x", "_CHECKPOINTABLE_OBJECT_GRAPH")
            chosen.checkpoint_key = draw.choice(keys)
            if kind == "value":
                node.attributes.add().CopyFrom(other)
    return f"{kind} at object {number}"
