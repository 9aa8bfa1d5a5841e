"""The object graph of a SavedModel: the kind of each node of the checkpoint's object graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saveproof.reference_impl.saving.checkpoint.object_graph import Node, describe_slots, numbered
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.saving.checkpoint.tensor_types import dtype_of, number_of
from saveproof.reference_impl.saving.errors import NotReadHere
from saveproof.reference_impl.saving.savedmodel.graphs.attributes import shape_message
from saveproof.reference_impl.saving.savedmodel.graphs.endpoints import Spec

LIST, DICT, GENERIC = "trackable_list_wrapper", "trackable_dict_wrapper", "_generic_user_object"
OPTIMIZER, SIGNATURES = "experimentalOptimizer", "signature_map"
LEGACY_OPTIMIZER = "optimizer"

KERAS_API = "keras_api"
"""The child under which tf_keras stores objects that its checkpoints do not have."""

CALL_WITH_LOSSES = "call_and_return_conditional_losses"
"""The layer function that tf_keras calls instead of `call`; it returns outputs and losses."""


@dataclass(frozen=True, slots=True)
class Concrete:
    """A concrete function of the graph.

    Attributes:
        name: of the FunctionDef.
        bound: the captured variables, its arguments after the inputs.
        arguments: specs and other values in the structure of the positional arguments.
        keywords: specs by keyword.
        outputs: specs in the structure of the outputs.
    """

    name: str
    bound: Sequence[Node]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Spec]
    outputs: Any


@dataclass(frozen=True, slots=True)
class Bare:
    """A node with one concrete function."""

    concrete: Concrete


@dataclass(frozen=True, slots=True)
class Polymorphic:
    """A node with several concrete functions, and the signature of the Python function."""

    concretes: Sequence[Concrete] = ()
    parameters: tuple[str, ...] = ()
    defaults: tuple[Any, ...] = ()


Kind = str | Bare | Polymorphic
"""The kind of a node: a user object's identifier, or a function; variables have a value instead."""


@dataclass(slots=True)
class Objects:
    """The nodes below a root, and their kinds.

    `bound` are the variables that functions capture; those in `frozen` are not trainable.
    """

    root: Node
    bound: list[Node] = field(default_factory=list)
    kinds: dict[int, Kind] = field(default_factory=dict)
    frozen: set[int] = field(default_factory=set)

    def node(self, kind: Kind, children: Mapping[str, Node] | None = None) -> Node:
        """Return a new node with that kind."""
        node = Node(children=dict(children or {}))
        self.kinds[id(node)] = kind
        return node

    def list_of(self, nodes: Sequence[Node]) -> Node:
        """Return a new list of nodes."""
        return self.node(LIST, {str(place): node for place, node in enumerate(nodes)})


def object_graph(objects: Objects) -> Any:
    """Return the SavedObjectGraph, with the numbers of the checkpoint's object graph."""
    nodes = numbered(objects.root)
    numbers = {id(node): number for number, node in enumerate(nodes)}
    graph = MESSAGES["SavedObjectGraph"]()
    for node in nodes:
        described = graph.nodes.add()
        for name, child in node.children.items():
            described.children.add(node_id=numbers[id(child)], local_name=name)
        describe_slots(described, node, numbers)
        if node.value is not None:
            _describe_variable(described.variable, node, trainable=id(node) not in objects.frozen)
        else:
            _describe(described, objects.kinds.get(id(node), GENERIC))
    for kind in objects.kinds.values():
        for concrete in _concretes(kind):
            described = graph.concrete_functions[concrete.name]
            described.Clear()
            described.bound_inputs.extend(numbers[id(node)] for node in concrete.bound)
            given = (concrete.arguments, dict(concrete.keywords))
            described.canonicalized_input_signature.CopyFrom(structured(given))
            described.output_signature.CopyFrom(structured(concrete.outputs))
    return graph


def _concretes(kind: Kind) -> Sequence[Concrete]:
    if isinstance(kind, Bare):
        return [kind.concrete]
    return kind.concretes if isinstance(kind, Polymorphic) else []


def _describe_variable(described: Any, node: Node, *, trainable: bool) -> None:
    value = np.asarray(node.value)
    described.dtype = number_of(value.dtype, where=f"variable {node.full_name!r}")
    described.shape.CopyFrom(shape_message(value.shape))
    described.trainable = trainable
    described.name = node.full_name


def _describe(described: Any, kind: Kind) -> None:
    if isinstance(kind, str):
        described.user_object.identifier = kind
        described.user_object.version.producer = 2 if kind in (OPTIMIZER, LEGACY_OPTIMIZER) else 1
        described.user_object.version.min_consumer = 1
    elif isinstance(kind, Bare):
        concrete, bare = kind.concrete, described.bare_concrete_function
        bare.concrete_function_name = concrete.name
        bare.argument_keywords.extend(sorted(concrete.keywords))
        bare.allowed_positional_arguments = 1 if len(concrete.keywords) == 1 else 0
        keywords = sorted(concrete.keywords)
        bare.function_spec.CopyFrom(_function_spec((), (), keywords))
    else:
        described.function.concrete_functions.extend(one.name for one in kind.concretes)
        spec = _function_spec(kind.parameters, kind.defaults, [])
        described.function.function_spec.CopyFrom(spec)


def _function_spec(
    parameters: Sequence[str], defaults: tuple[Any, ...], keywords: Sequence[str]
) -> Any:
    spec = MESSAGES["FunctionSpec"]()
    named = spec.fullargspec.named_tuple_value
    named.name = "FullArgSpec"
    parts: dict[str, Any] = {
        "args": list(parameters),
        "varargs": None,
        "varkw": None,
        "defaults": defaults or None,
        "kwonlyargs": list(keywords),
        "kwonlydefaults": None,
        "annotations": {},
    }
    for key, value in parts.items():
        named.values.add(key=key, value=structured(value))
    spec.input_signature.CopyFrom(structured(None))
    return spec


def structured(value: Any) -> Any:
    """Return the StructuredValue of a spec, string, bool, None, or a structure of them."""
    message = MESSAGES["StructuredValue"]()
    if isinstance(value, Spec):
        spec = message.tensor_spec_value
        spec.name = value.name
        spec.shape.CopyFrom(shape_message(value.shape))
        spec.dtype = number_of(value.dtype, where=f"tensor {value.name!r}")
    elif isinstance(value, Mapping):
        message.dict_value.SetInParent()
        for key, item in value.items():
            message.dict_value.fields[key].CopyFrom(structured(item))
    elif isinstance(value, list | tuple):
        sequence = message.tuple_value if isinstance(value, tuple) else message.list_value
        sequence.SetInParent()
        sequence.values.extend(structured(item) for item in value)
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        message.string_value = value
    else:
        message.none_value.SetInParent()
    return message


def unstructured(message: Any) -> Any:
    """Return the value of a StructuredValue: the inverse of `structured`.

    Dictionaries are sorted by key, like the tensors of their values in a function.

    Raises:
        NotReadHere: if it contains a named tuple or an extension type.
    """
    kind = message.WhichOneof("kind")
    if kind is None or kind == "none_value":
        return None
    value = getattr(message, kind)
    if kind == "list_value":
        return [unstructured(item) for item in value.values]
    if kind == "tuple_value":
        return tuple(unstructured(item) for item in value.values)
    if kind == "dict_value":
        return {key: unstructured(value.fields[key]) for key in sorted(value.fields)}
    if kind in ("tensor_spec_value", "bounded_tensor_spec_value"):
        shape = tuple(None if dim.size < 0 else dim.size for dim in value.shape.dim)
        return Spec(value.name, shape, dtype_of(value.dtype, where=f"tensor {value.name!r}"))
    if kind in ("bool_value", "int64_value", "float64_value", "string_value"):
        return value
    raise NotReadHere(f"function: expected tensors, lists, tuples and dictionaries, found a {kind}")
