"""Programs: the steps of a subclassed model's `call` as plain data."""

import base64
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import EllipsisType
from typing import Any

import numpy as np

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.call_context import CallFrame, calling, current_frame
from saveproof.reference_impl.layers.masks import masks_are_own
from saveproof.reference_impl.loading import MalformedEntry
from saveproof.reference_impl.nest import Nested, leaves, map_leaves
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable
from saveproof.reference_impl.numerics.tape import Operand, applied, traced_by, value_of
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.operations import OPERATIONS
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol, UntraceableOperation
from saveproof.reference_impl.saving.savedmodel.graphs.tracing import (
    TAKES_SHAPE,
    Drawing,
    training_argument,
)

PRIMITIVES: Mapping[str, Any] = {primitive.__name__: primitive for primitive in OPERATIONS}
"""The primitives that programs may use, by name."""

COMPARISONS: Mapping[str, Any] = {
    "Greater": operator.gt,
    "GreaterEqual": operator.ge,
    "Less": operator.lt,
    "LessEqual": operator.le,
    "NotEqual": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor of a program: an output of an 'input' or a 'step', by number.

    For a 'weight', the number of the layer and the position in its own weights.
    """

    of: str
    number: int
    output: int = 0


class Recording:
    """A tracer that records a model's own `call`; calls of its layers are drawn as a graph."""

    def __init__(self, model: Layer, inputs: Nested) -> None:
        self.steps: list[dict[str, Any]] = []
        self._drawing = Drawing("recording")
        function = self._drawing.function = Function("recording", self._compared)
        self.symbols = map_leaves(
            lambda spec: function.argument("input", spec.shape, spec.dtype), inputs
        )
        self._layers = {id(layer): n for n, layer in enumerate(model.flatten_layers())}
        self._weights = {
            id(weight): (n, place)
            for n, layer in enumerate(model.flatten_layers())
            for place, weight in enumerate(layer.own_weights())
        }
        self._seen: list[Tensor] = []
        self._refs: dict[int, Ref] = {}
        self._depth = 0
        for number, symbol in enumerate(leaves(self.symbols)):
            self._know(symbol, Ref("input", number))

    def applied(
        self, primitive: Any, inputs: tuple[Operand, ...], args: tuple[object, ...]
    ) -> Tensor:
        """Record a primitive of the model's own call, unless all operands are constants."""
        out = self._drawing.applied(primitive, inputs, args)
        if self._depth == 0 and isinstance(out, Symbol):
            function, keywords = primitive, {}
            if isinstance(primitive, partial):
                function, keywords = primitive.func, dict(primitive.keywords)
            self._note(
                {
                    "primitive": function.__name__,
                    "inputs": [self.encoded(x) for x in inputs],
                    "arguments": [self.encoded(arg) for arg in args],
                    "keywords": keywords,
                },
                out,
            )
        return out

    def assigned(self, variable: Variable, value: Operand) -> None:
        """Forward a layer's assignment to the graph.

        Raises:
            UntraceableOperation: if the model's own call assigns.
        """
        if self._depth == 0:
            raise UntraceableOperation(
                f"variable {variable.name!r}: the model's own call() assigns it, which is not "
                "supported; assign it in a layer"
            )
        self._drawing.assigned(variable, value)

    def called(self, layer: Layer, inputs: Nested, arguments: dict[str, Any]) -> Nested:
        """Record the call of a layer; its outputs are drawn in inference mode.

        Shapes and dtypes are the same in training, where layers also depend on values.
        """
        outermost, frame = self._depth == 0, current_frame()
        drawn = {**arguments, **({"training": False} if "training" in arguments else {})}
        self._depth += 1
        try:
            with calling(CallFrame(frame.scope, training=False)):
                outputs = self._drawing.called(layer, inputs, drawn)
        finally:
            self._depth -= 1
        if outermost:
            if id(layer) not in self._layers:
                raise UntraceableOperation(
                    f"layer {layer.name!r}: expected a layer of the model, found another one; "
                    "assign it to an attribute of the model"
                )
            others = {key: value for key, value in arguments.items() if key != "training"}
            if masks_are_own(inputs, others.get("mask")):
                others.pop("mask", None)
            self._note(
                {
                    "layer": self._layers[id(layer)],
                    "inputs": self.encoded(inputs),
                    "arguments": {key: self.encoded(value) for key, value in others.items()},
                    "training": frame.training,
                },
                outputs,
            )
        return outputs

    def _compared(self, op: str, symbol: Symbol, number: float) -> Tensor:
        out = self._drawing.compared(op, symbol, number)
        if self._depth == 0:
            step = {"comparison": op, "inputs": self.encoded(symbol), "number": float(number)}
            self._note(step, out)
        return out

    def _note(self, step: dict[str, Any], outputs: Nested) -> None:
        for output, tensor in enumerate(leaves(outputs)):
            self._know(tensor, Ref("step", len(self.steps), output))
        self.steps.append(step)

    def _know(self, tensor: Tensor, ref: Ref) -> None:
        self._seen.append(tensor)  # keeps its id unique
        self._refs[id(tensor)] = ref

    def encoded(self, value: Any) -> Any:
        """Return a value, or a structure of values and tensors, as JSON data."""
        if id(value) in self._refs:
            return encoded_value(self._refs[id(value)], self.encoded)
        if isinstance(value, Variable) and id(value) in self._weights:
            return encoded_value(Ref("weight", *self._weights[id(value)]), self.encoded)
        if isinstance(value, Symbol):
            raise UntraceableOperation(
                f"tensor of shape {value.shape}: expected the output of a layer or a step, found "
                "a tensor that a layer stored in its call"
            )
        return encoded_value(value.value if isinstance(value, Tensor) else value, self.encoded)


def encoded_value(value: Any, encoded: Callable[[Any], Any]) -> Any:
    """Return a reference, an array or plain data as JSON data.

    Args:
        value: to encode.
        encoded: encodes the items of a container.

    Raises:
        UntraceableOperation: for any other value.
    """
    if isinstance(value, Ref):
        return {"ref": [value.of, value.number, value.output]}
    if isinstance(value, np.ndarray | np.generic):
        return {"array": _encoded_array(np.asarray(value))}
    if isinstance(value, Mapping):
        return {"dict": {key: encoded(item) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [encoded(item) for item in value]}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, EllipsisType):
        return {"ellipsis": True}
    if isinstance(value, np.dtype):
        return {"dtype": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UntraceableOperation(f"expected plain arguments, found {value!r:.200}")


def _encoded_array(array: np.ndarray) -> list[Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return [str(array.dtype), list(array.shape), data]


def recorded(model: Layer, inputs: Nested, *, training: bool) -> dict[str, Any]:
    """Return the program of a built model's call.

    Args:
        model: a subclassed model.
        inputs: symbolic inputs, with shapes and dtypes.
        training: the flag of the call.

    Raises:
        UntraceableOperation: if a program cannot express the call.
    """
    recording = Recording(model, inputs)
    with traced_by(recording), calling(CallFrame((model.name,), training)):
        outputs = model.call(recording.symbols, **training_argument(model, training=training))
        return {"steps": recording.steps, "outputs": recording.encoded(outputs)}


def run(program: Mapping[str, Any], inputs: Sequence[Tensor], layers: Sequence[Layer]) -> Nested:
    """Run a program on inputs with these layers, of which the model is the first."""
    made: list[list[Tensor]] = []

    def tensor(of: str, number: int, output: int) -> Tensor:
        if of == "input":
            return inputs[number]
        if of == "weight":
            return layers[number].own_weights()[output]
        return made[number][output]

    for step in program["steps"]:
        given = decoded(step["inputs"], tensor)
        if "layer" in step:
            others = {key: decoded(item, tensor) for key, item in step["arguments"].items()}
            outputs = layers[step["layer"]](given, training=step["training"], **others)
        elif "comparison" in step:
            found = COMPARISONS[step["comparison"]](given.value, step["number"])
            outputs = found if isinstance(found, Tensor) else Tensor(found)
        else:
            args = [_static(decoded(item, tensor)) for item in step["arguments"]]
            outputs = _applied(PRIMITIVES[step["primitive"]], given, args, step["keywords"])
        made.append(list(leaves(outputs)))
    return decoded(program["outputs"], tensor)


def _static(argument: Any) -> Any:
    """Return a static argument as an array, unless its value is unknown while drawing."""
    return argument if isinstance(argument, Symbol) else value_of(argument)


def _applied(
    primitive: Any, inputs: Sequence[Any], args: list[Any], keywords: Mapping[str, Any]
) -> Tensor:
    if primitive in TAKES_SHAPE:
        like = np.shape(value_of(inputs[0]))
        args[0] = tuple(like[a] if size is None else size for a, size in enumerate(args[0]))
    return applied(partial(primitive, **keywords) if keywords else primitive, tuple(inputs), *args)


def decoded(item: Any, tensor: Any) -> Any:
    """Return the value of encoded data; `tensor` returns the tensor of a reference.

    Raises:
        MalformedEntry: if the data is not the encoding of a value.
    """
    if isinstance(item, list):
        return [decoded(inner, tensor) for inner in item]
    if not isinstance(item, Mapping):
        return item
    ((kind, value),) = item.items()
    if kind == "ref":
        return tensor(*value)
    if kind == "array":
        return _decoded_array(*value)
    if kind == "dict":
        return {key: decoded(inner, tensor) for key, inner in value.items()}
    if kind in ("list", "tuple"):
        parts = [decoded(inner, tensor) for inner in value]
        return parts if kind == "list" else tuple(parts)
    if kind == "slice":
        return slice(*checked(value, tuple[int | None, int | None, int | None]))
    if kind == "dtype":
        return np.dtype(value)
    if kind == "ellipsis":
        return ...
    raise MalformedEntry(f"program: expected a value, found {kind!r}")


def _decoded_array(dtype: str, shape: Sequence[int], data: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(data), np.dtype(dtype)).reshape(shape)
