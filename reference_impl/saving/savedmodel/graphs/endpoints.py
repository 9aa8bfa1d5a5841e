"""A model's functions in a SavedModel: its call, and the serving signature."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Nested, Shape, leaves, map_leaves
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable
from saveproof.reference_impl.saving.checkpoint.tensor_types import DT_RESOURCE
from saveproof.reference_impl.saving.savedmodel.graphs.attributes import Called, Code
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol, UntraceableOperation
from saveproof.reference_impl.saving.savedmodel.graphs.tracing import Drawing

BODY = "__inference_body"
"""The function that all others call; it returns the outputs, then the penalties."""
CALL = "__inference_call"
SIGNATURE = "__inference_signature_wrapper"
WITH_LOSSES = "__inference_call_and_return_conditional_losses"
"""The call that tf_keras uses for an unknown class; it also returns a list of losses."""
WITH_LOSSES_IN_TRAINING = f"{WITH_LOSSES}_in_training"
"""A copy of that function for training, since each function has only one list of arguments."""


@dataclass(frozen=True, slots=True)
class Spec:
    """An input or output tensor: name, shape (None for open lengths) and dtype."""

    name: str
    shape: Shape
    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The functions of a model, with their inputs and outputs.

    Attributes:
        functions: FunctionDef messages: `CALL`, `SIGNATURE`, two with losses, and their callees.
        captures: the variables whose handles are arguments after the inputs.
        inputs: specs in the structure of the call's inputs.
        outputs: specs in the structure of the call's outputs.
        penalties: specs of the losses that the functions with losses also return.
        served_inputs: specs by the signature's keys.
        served_outputs: specs by the signature's keys.
    """

    functions: Sequence[Any]
    captures: Sequence[Variable]
    inputs: Nested
    outputs: Nested
    penalties: Sequence[Spec]
    served_inputs: Mapping[str, Spec]
    served_outputs: Mapping[str, Spec]


def endpoints(
    model: Layer, inputs: Nested, input_names: Sequence[str], output_names: Sequence[str] | None
) -> Endpoints:
    """Return the functions of a model in inference.

    Args:
        model: built.
        inputs: specs in the structure of the call's inputs.
        input_names: the signature's keys of the flattened inputs.
        output_names: the signature's keys of the outputs; None for a subclassed model.

    Raises:
        UntraceableOperation: if a graph cannot express the model's code.
    """
    drawing = Drawing(BODY)
    function = drawing.function
    symbols = map_leaves(lambda spec: function.argument("input", spec.shape, spec.dtype), inputs)
    found = map_leaves(drawing.symbol, drawing.call(model, symbols))
    results = list(leaves(found))
    keys = output_names or pseudo_names(found, "output_")
    given = _specs(input_names, list(leaves(symbols)))
    returned = _specs(keys, results)
    named = {f"penalty_{place}": symbol for place, symbol in enumerate(drawing.penalties)}
    body = function.message({f"output_{n}": symbol for n, symbol in enumerate(results)} | named)
    penalties = _specs(list(named), drawing.penalties)
    specs = {id(symbol): spec for symbol, spec in zip(results, returned, strict=True)}
    served, by_name = sorted(given, key=_by_name), sorted(returned, key=_by_name)
    computed = [*returned, *penalties]
    passing = partial(_passing, given, computed, function.captures)
    return Endpoints(
        functions=[
            *(*function.inner, body),
            passing(CALL, given, returned),
            passing(SIGNATURE, served, by_name),
            passing(WITH_LOSSES, given, computed),
            passing(WITH_LOSSES_IN_TRAINING, given, computed),
        ],
        captures=function.captures,
        inputs=inputs,
        outputs=map_leaves(lambda symbol: specs[id(symbol)], found),
        penalties=penalties,
        served_inputs={spec.name: spec for spec in served},
        served_outputs={spec.name: spec for spec in by_name},
    )


def pseudo_names(structure: Nested, prefix: str) -> list[str]:
    """Return tf_keras's names of a subclassed model's inputs or outputs.

    A name is the path in the structure: dictionary keys, and positions counted from 1, which get
    the prefix at the start of a path.

    >>> pseudo_names(0, "input_"), pseudo_names({"b": 0, "a": [0, 0]}, "output_")
    (['input_1'], ['a_1', 'a_2', 'b'])
    """
    if not isinstance(structure, dict | list | tuple):
        return [f"{prefix}1"]
    return [
        "_".join(map(str, path)) if isinstance(path[0], str) else prefix + "_".join(map(str, path))
        for path in _paths(structure)
    ]


def _paths(structure: Nested) -> Iterator[tuple[str | int, ...]]:
    if isinstance(structure, dict):
        items: list[tuple[str | int, Nested]] = [(key, structure[key]) for key in sorted(structure)]
    elif isinstance(structure, list | tuple):
        items = list(enumerate(structure, start=1))
    else:
        yield ()
        return
    for key, item in items:
        for path in _paths(item):
            yield (key, *path)


def _compares_nothing(*_: object) -> Tensor:
    raise UntraceableOperation("a wrapper function contains no comparisons")


def _by_name(spec: Spec) -> str:
    return spec.name


def _specs(names: Sequence[str], symbols: Sequence[Symbol]) -> list[Spec]:
    return [
        Spec(name, symbol.shape, symbol.dtype) for name, symbol in zip(names, symbols, strict=True)
    ]


def _passing(
    given: Sequence[Spec],
    computed: Sequence[Spec],
    captures: Sequence[Variable],
    name: str,
    taken: Sequence[Spec],
    returned: Sequence[Spec],
) -> Any:
    """Return a function that calls `BODY` with reordered inputs and returns some of its outputs."""
    function = Function(name, _compares_nothing)
    arguments = {spec.name: function.argument("input", spec.shape, spec.dtype) for spec in taken}
    handles = [function.handle(variable) for variable in captures]
    node = function.operation(
        "StatefulPartitionedCall",
        [*(arguments[spec.name].name for spec in given), *handles],
        Tin=[*(spec.dtype for spec in given), *[Code(DT_RESOURCE)] * len(handles)],
        Tout=[spec.dtype for spec in computed],
        f=Called(BODY),
    )
    places = [computed.index(spec) for spec in returned]
    return function.message(
        {
            f"output_{number}": function.symbol(
                f"{node}:output:{place}", computed[place].shape, computed[place].dtype
            )
            for number, place in enumerate(places)
        }
    )
