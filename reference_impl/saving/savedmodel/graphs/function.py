"""`Function`: a builder of TensorFlow graph functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.saving.checkpoint.tensor_types import DT_RESOURCE
from saveproof.reference_impl.saving.savedmodel.graphs.attributes import (
    VARIANT,
    Code,
    dtype_code,
    node_message,
)
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol

OUTPUTS: Mapping[str, str] = {
    "Abs": "y",
    "AddV2": "z",
    "AvgPool": "output",
    "BatchMatMulV2": "output",
    "BroadcastTo": "output",
    "Cast": "y",
    "ConcatV2": "output",
    "Const": "output",
    "Conv2D": "output",
    "DepthwiseConv2dNative": "output",
    "Einsum": "output",
    "Erf": "y",
    "Exp": "y",
    "ExpandDims": "output",
    "Fill": "output",
    "GatherV2": "output",
    "Greater": "z",
    "GreaterEqual": "z",
    "Identity": "output",
    "Less": "z",
    "LessEqual": "z",
    "Log": "y",
    "Log1p": "y",
    "LogSoftmax": "logsoftmax",
    "MatMul": "product",
    "Max": "output",
    "MaxPool": "output",
    "Maximum": "z",
    "Mean": "output",
    "Minimum": "z",
    "Mul": "z",
    "Neg": "y",
    "OnesLike": "y",
    "NotEqual": "z",
    "Pack": "output",
    "PadV2": "output",
    "Pow": "z",
    "ReadVariableOp": "value",
    "RandomStandardNormal": "output",
    "RandomUniform": "output",
    "RealDiv": "z",
    "Relu": "activations",
    "Reshape": "output",
    "SelectV2": "output",
    "Shape": "output",
    "Sigmoid": "y",
    "Softmax": "softmax",
    "Sqrt": "y",
    "Square": "y",
    "Squeeze": "output",
    "StatefulPartitionedCall": "output",
    "StatelessWhile": "output",
    "StridedSlice": "output",
    "Sub": "z",
    "Sum": "output",
    "Tanh": "y",
    "TensorListReserve": "handle",
    "TensorListSetItem": "output_handle",
    "TensorListStack": "tensor",
    "Transpose": "y",
}
"""The name of each operation's output in references between nodes."""


class Function:
    """The arguments and nodes of a function so far.

    Handles of variables that it reads or assigns are further arguments, in the order of `captures`.
    `inner` contains the functions that its nodes call.
    """

    def __init__(self, name: str, compare: Callable[..., Tensor]) -> None:
        self.name = name
        self.captures: list[Variable] = []
        self._compare = compare
        self._arguments: list[tuple[str, int]] = []
        self._nodes: list[Any] = []
        self._names: set[str] = set()
        self._handles: dict[int, str] = {}
        self._constants: dict[tuple[Any, ...], Symbol] = {}
        self._reads: dict[int, Symbol] = {}
        self._assignments: list[str] = []
        self.inner: list[Any] = []

    def argument(self, name: str, shape: Shape, dtype: Any) -> Symbol:
        """Add an argument and return it."""
        name = self._unique(name)
        self._arguments.append((name, dtype_code(dtype)))
        return self.symbol(name, shape, dtype)

    def symbol(self, name: str, shape: Shape, dtype: Any) -> Symbol:
        """Return the symbol of an output."""
        kind = np.dtype(object) if isinstance(dtype, Code) else np.dtype(dtype)
        return Symbol(name, shape, kind, self._compare)

    def node(
        self, op: str, inputs: Sequence[str], shape: Shape, dtype: Any, /, **attributes: Any
    ) -> Symbol:
        """Add a node with one output and return the output."""
        name = self.operation(op, inputs, **attributes)
        return self.symbol(f"{name}:{OUTPUTS[op]}:0", shape, dtype)

    def operation(self, op: str, inputs: Sequence[str], /, **attributes: Any) -> str:
        """Add a node and return its name."""
        name = self._unique(op)
        self._nodes.append(node_message(name, op, inputs, attributes))
        return name

    def constant(self, value: Any, dtype: Any = None) -> Symbol:
        """Return a constant; equal values share a node."""
        array = np.asarray(value, dtype)
        key = (array.dtype, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.node(
                "Const", [], array.shape, array.dtype, dtype=array.dtype, value=array
            )
        return self._constants[key]

    def read(self, variable: Variable) -> Symbol:
        """Return a variable's value at the start of the function."""
        if id(variable) not in self._reads:
            self._reads[id(variable)] = self.node(
                "ReadVariableOp",
                [self.handle(variable)],
                variable.shape,
                variable.dtype,
                dtype=variable.dtype,
            )
        return self._reads[id(variable)]

    def give(self, variable: Variable, value: Symbol) -> None:
        """Use a symbol as a variable's value."""
        self._reads[id(variable)] = value

    def assign(self, variable: Variable, value: Symbol) -> None:
        """Assign a value to a variable, after all earlier nodes and before the function returns."""
        inputs = [self.handle(variable), value.name]
        earlier = [node.name for node in self._nodes if node.input and node.input[0] == inputs[0]]
        controls = [f"^{name}" for name in earlier]
        name = self.operation("AssignVariableOp", [*inputs, *controls], dtype=variable.dtype)
        self._assignments.append(name)
        self.give(variable, value)

    def handle(self, variable: Variable) -> str:
        """Return the argument for a variable's handle."""
        if id(variable) not in self._handles:
            self.captures.append(variable)
            self._handles[id(variable)] = self._unique(f"variable_{len(self.captures)}")
        return self._handles[id(variable)]

    def message(self, outputs: Mapping[str, Symbol]) -> Any:
        """Return the FunctionDef that returns these outputs, in their order."""
        returned = {
            key: self.operation(
                "Identity",
                [symbol.name, *(f"^{name}" for name in self._assignments)],
                T=symbol_type(symbol),
            )
            for key, symbol in outputs.items()
        }
        function = MESSAGES["FunctionDef"](node_def=self._nodes)
        signature = function.signature
        signature.name = self.name
        draws = any(node.op.startswith("Random") for node in self._nodes)
        signature.is_stateful = draws or bool(self.captures)
        handles = [(self._handles[id(variable)], DT_RESOURCE) for variable in self.captures]
        for name, code in (*self._arguments, *handles):
            signature.input_arg.add(name=name, type=code)
        for key, symbol in outputs.items():
            signature.output_arg.add(name=key, type=dtype_code(symbol_type(symbol)))
            function.ret[key] = f"{returned[key]}:output:0"
        for name in self._assignments:
            function.control_ret[name] = name
            signature.control_output.append(name)
        return function

    def _unique(self, name: str) -> str:
        count, candidate = 0, name
        while candidate in self._names:
            count += 1
            candidate = f"{name}_{count}"
        self._names.add(candidate)
        return candidate


def symbol_type(symbol: Symbol) -> Any:
    """Return the dtype of a symbol as an attribute value."""
    return Code(VARIANT) if symbol.dtype == np.dtype(object) else symbol.dtype
