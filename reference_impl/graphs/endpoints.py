"""A model's functions as a SavedModel holds them: its call, and the signature that is served."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from reference_impl.autodiff import Tensor, Variable
from reference_impl.formats.tensor_types import DT_RESOURCE
from reference_impl.graphs.attributes import Called, Code
from reference_impl.graphs.drawing import Drawing
from reference_impl.graphs.function import Function
from reference_impl.graphs.symbol import Symbol, UntraceableOperation
from reference_impl.layers.base import Layer
from reference_impl.nest import Nested, Shape, leaves, map_leaves

CALL = "__inference_call"
SIGNATURE = "__inference_signature_wrapper"
WITH_LOSSES = "__inference_call_and_return_conditional_losses"
"""The call as tf_keras has it of a model whose class it does not know: with a list of losses."""
WITH_LOSSES_IN_TRAINING = f"{WITH_LOSSES}_in_training"
"""The same function by another name: a function of a SavedModel has one list of arguments."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A tensor that goes in or comes out: its name, shape (None where open) and dtype."""

    name: str
    shape: Shape
    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The functions of a model, and what goes into them and comes out.

    Attributes:
        functions: FunctionDef messages: `CALL`, `SIGNATURE`, two with losses, what they call.
        captures: the variables whose handles these take after their inputs.
        inputs: specs in the structure that the call takes.
        outputs: specs in the structure that the call returns.
        served_inputs: specs by the signature's keys.
        served_outputs: likewise.
    """

    functions: Sequence[Any]
    captures: Sequence[Variable]
    inputs: Nested
    outputs: Nested
    served_inputs: Mapping[str, Spec]
    served_outputs: Mapping[str, Spec]


def endpoints(
    model: Layer, inputs: Nested, input_names: Sequence[str], output_names: Sequence[str] | None
) -> Endpoints:
    """Return the functions of a model in inference.

    Args:
        model: built.
        inputs: what goes in, specs in the structure that the call takes.
        input_names: the signature's keys of the inputs, flattened.
        output_names: the signature's keys of the outputs; None for a subclassed model's.

    Raises:
        UntraceableOperation: if the model's code does what a graph can't express.
    """
    drawing = Drawing(CALL)
    function = drawing.function
    symbols = map_leaves(lambda spec: function.argument("input", spec.shape, spec.dtype), inputs)
    found = map_leaves(drawing.symbol, drawing.call(model, symbols))
    results = list(leaves(found))
    keys = output_names or pseudo_names(found, "output_")
    names = [f"output_{place}" for place in range(len(results))]
    call = function.message(dict(zip(names, results, strict=True)))
    given = _specs(input_names, list(leaves(symbols)))
    returned = _specs(keys, results)
    specs = {id(symbol): spec for symbol, spec in zip(results, returned, strict=True)}
    passing = partial(_passing, captures=function.captures)
    signature = passing(SIGNATURE, given, returned, in_order=sorted(given, key=_by_name))
    with_losses = [
        passing(name, given, returned, in_order=given)
        for name in (WITH_LOSSES, WITH_LOSSES_IN_TRAINING)
    ]
    return Endpoints(
        functions=[*function.inner, call, signature, *with_losses],
        captures=function.captures,
        inputs=inputs,
        outputs=map_leaves(lambda symbol: specs[id(symbol)], found),
        served_inputs={spec.name: spec for spec in sorted(given, key=_by_name)},
        served_outputs={spec.name: spec for spec in sorted(returned, key=_by_name)},
    )


def pseudo_names(structure: Nested, prefix: str) -> list[str]:
    """Return the names that tf_keras gives to a subclassed model's inputs or outputs.

    By the path to each: keys as they are, places counted from 1 and after the prefix if first.

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
    raise UntraceableOperation("a function that passes on what it is given compares nothing")


def _by_name(spec: Spec) -> str:
    return spec.name


def _specs(names: Sequence[str], symbols: Sequence[Symbol]) -> list[Spec]:
    return [
        Spec(name, symbol.shape, symbol.dtype) for name, symbol in zip(names, symbols, strict=True)
    ]


def _passing(
    name: str,
    given: Sequence[Spec],
    returned: Sequence[Spec],
    *,
    captures: Sequence[Variable],
    in_order: Sequence[Spec],
) -> Any:
    """Return a function that calls `CALL`: its inputs and outputs in their order, or by name."""
    function = Function(name, _compares_nothing)
    arguments = {spec.name: function.argument("input", spec.shape, spec.dtype) for spec in in_order}
    handles = [function.handle(variable) for variable in captures]
    node = function.operation(
        "StatefulPartitionedCall",
        [*(arguments[spec.name].name for spec in given), *handles],
        Tin=[*(spec.dtype for spec in given), *[Code(DT_RESOURCE)] * len(handles)],
        Tout=[spec.dtype for spec in returned],
        f=Called(CALL),
    )
    places = list(range(len(returned)))
    if name == SIGNATURE:
        places.sort(key=lambda place: returned[place].name)
    return function.message(
        {
            f"output_{number}": function.symbol(
                f"{node}:output:{place}", returned[place].shape, returned[place].dtype
            )
            for number, place in enumerate(places)
        }
    )
