"""A model's functions as a SavedModel holds them: its call, and the signature that is served."""

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
"""What all of them call: it returns the outputs, then the penalties."""
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
        penalties: specs of the losses that those with losses return besides.
        served_inputs: specs by the signature's keys.
        served_outputs: likewise.
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
        inputs: what goes in, specs in the structure that the call takes.
        input_names: the signature's keys of the inputs, flattened.
        output_names: the signature's keys of the outputs; None for a subclassed model's.

    Raises:
        UntraceableOperation: if the model's code does what a graph can't express.
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
    given: Sequence[Spec],
    computed: Sequence[Spec],
    captures: Sequence[Variable],
    name: str,
    taken: Sequence[Spec],
    returned: Sequence[Spec],
) -> Any:
    """Return a function that calls `BODY`, which is given inputs and computes outputs.

    It takes the inputs in an order of its own, and returns some of the outputs in its own.
    """
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
