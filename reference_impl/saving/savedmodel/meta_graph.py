"""The graph of a SavedModel: variables, signature, and the nodes that save and restore them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.saving.checkpoint.tensor_types import DT_RESOURCE, DT_STRING
from saveproof.reference_impl.saving.savedmodel.graphs.attributes import (
    Called,
    Code,
    Sizes,
    dtype_code,
    node_message,
    shape_message,
)
from saveproof.reference_impl.saving.savedmodel.graphs.endpoints import SIGNATURE, Spec

SERVING = "serving_default"
PRODUCER, MIN_CONSUMER = 1087, 12
"""Graph versions that TensorFlow 2.15 and 2.21 both read."""

TENSORFLOW_VERSION = "2.15.0"
SAVER_VERSION = 2


@dataclass(frozen=True, slots=True)
class StoredVariable:
    """A variable of the graph: its name, its variable, and its key in the checkpoint."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    key: str


def meta_graph(
    functions: Sequence[Any],
    variables: Sequence[StoredVariable],
    inputs: Mapping[str, Spec],
    outputs: Mapping[str, Spec],
) -> Any:
    """Return the MetaGraphDef, without its object graph.

    Args:
        functions: FunctionDef messages, including the signature's.
        variables: captured by the signature, in order.
        inputs: of the signature, by key.
        outputs: of the signature, by key.
    """
    meta = MESSAGES["MetaGraphDef"]()
    info = meta.meta_info_def
    info.tags.append("serve")
    info.tensorflow_version = TENSORFLOW_VERSION
    info.stripped_default_attrs = True
    graph = meta.graph_def
    graph.versions.producer, graph.versions.min_consumer = PRODUCER, MIN_CONSUMER
    graph.library.function.extend(functions)
    handles = _add_variables(graph, variables)
    places = _add_inputs(graph, inputs)
    graph.node.append(
        node_message(
            "StatefulPartitionedCall",
            "StatefulPartitionedCall",
            [*places.values(), *handles],
            {
                "Tin": [
                    *(spec.dtype for spec in inputs.values()),
                    *[Code(DT_RESOURCE)] * len(handles),
                ],
                "Tout": [spec.dtype for spec in outputs.values()],
                "f": Called(SIGNATURE),
            },
        )
    )
    _add_saver(meta, variables, handles)
    _add_signatures(meta, inputs, outputs, places)
    return meta


def _add_variables(graph: Any, variables: Sequence[StoredVariable]) -> list[str]:
    """Add the variables' handles; return the nodes' names."""
    names = [f"variable_{number}" for number in range(len(variables))]
    for name, variable in zip(names, variables, strict=True):
        attributes = {
            "shared_name": variable.name,
            "dtype": variable.dtype,
            "shape": Sizes(variable.shape),
        }
        graph.node.append(node_message(name, "VarHandleOp", [], attributes))
    return names


def _add_inputs(graph: Any, inputs: Mapping[str, Spec]) -> dict[str, str]:
    """Add the placeholders and return their names: the signature's keys, as valid node names."""
    names: dict[str, str] = {}
    for key, spec in inputs.items():
        name = f"{SERVING}_{re.sub('[^A-Za-z0-9_.]', '_', key)}"
        while name in names.values():
            name += "_"
        names[key] = name
        attributes = {"dtype": spec.dtype, "shape": Sizes(spec.shape)}
        graph.node.append(node_message(name, "Placeholder", [], attributes))
    return names


def _add_saver(meta: Any, variables: Sequence[StoredVariable], handles: Sequence[str]) -> None:
    """Add the nodes that save and restore the variables, which TensorFlow 1 runs by name."""
    nodes, string = meta.graph_def.node, Code(DT_STRING)
    nodes.append(
        node_message("saver_filename", "Placeholder", [], {"dtype": string, "shape": Sizes(())})
    )
    keys = np.array([variable.key.encode() for variable in variables], "S")
    slices = np.zeros(len(variables), "S1")
    dtypes = [variable.dtype for variable in variables]
    for name, texts in (("saver_keys", keys), ("saver_slices", slices)):
        nodes.append(node_message(name, "Const", [], {"dtype": string, "value": texts}))
    lists = ["saver_filename", "saver_keys", "saver_slices"]
    restored, read = [], []
    if variables:
        nodes.append(node_message("saver_values", "RestoreV2", lists, {"dtypes": dtypes}))
    for place, (variable, handle) in enumerate(zip(variables, handles, strict=True)):
        of_dtype = {"dtype": variable.dtype}
        value = f"saver_values:{place}"
        assign, current = f"saver_assign_{place}", f"saver_read_{place}"
        nodes.append(node_message(assign, "AssignVariableOp", [handle, value], of_dtype))
        nodes.append(node_message(current, "ReadVariableOp", [handle], of_dtype))
        restored.append(f"^{assign}")
        read.append(current)
    nodes.append(node_message("saver_restored", "NoOp", restored, {}))
    control = []
    if variables:
        nodes.append(node_message("saver_save", "SaveV2", [*lists, *read], {"dtypes": dtypes}))
        control = ["^saver_save"]
    saved = node_message("saver_saved", "Identity", ["saver_filename", *control], {"T": string})
    nodes.append(saved)
    saver = meta.saver_def
    saver.filename_tensor_name, saver.save_tensor_name = "saver_filename:0", "saver_saved:0"
    saver.restore_op_name, saver.version = "saver_restored", SAVER_VERSION


def _add_signatures(
    meta: Any,
    inputs: Mapping[str, Spec],
    outputs: Mapping[str, Spec],
    places: Mapping[str, str],
) -> None:
    signature = meta.signature_def[SERVING]
    signature.method_name = "tensorflow/serving/predict"
    for key, spec in inputs.items():
        _describe(signature.inputs[key], f"{places[key]}:0", spec)
    for place, (key, spec) in enumerate(outputs.items()):
        _describe(signature.outputs[key], f"StatefulPartitionedCall:{place}", spec)
    meta.graph_def.node.append(node_message("NoOp", "NoOp", [], {}))
    start = meta.signature_def["__saved_model_init_op"].outputs["__saved_model_init_op"]
    start.name = "NoOp"
    start.tensor_shape.unknown_rank = True


def _describe(info: Any, name: str, spec: Spec) -> None:
    info.name, info.dtype = name, dtype_code(spec.dtype)
    info.tensor_shape.CopyFrom(shape_message(spec.shape))
