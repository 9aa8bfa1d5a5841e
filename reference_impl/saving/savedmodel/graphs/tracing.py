"""`Drawing`: a tracer that converts a model's computations to the nodes of a function."""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.call_context import CallFrame, calling
from saveproof.reference_impl.nest import Nested, Shape, leaves
from saveproof.reference_impl.numerics import primitives
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable
from saveproof.reference_impl.numerics.tape import Operand, traced_by, value_of
from saveproof.reference_impl.saving.savedmodel.graphs.casting_ops import Outcome, converted
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.layers import LAYER_RECIPES
from saveproof.reference_impl.saving.savedmodel.graphs.operations import OPERATIONS
from saveproof.reference_impl.saving.savedmodel.graphs.shape_ops import length_of
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol, UntraceableOperation
from saveproof.reference_impl.saving.savedmodel.graphs.training_layers import RECIPES_IN_TRAINING

TAKES_SHAPE = (primitives.broadcast_to, primitives.reshape)
"""Primitives with a shape argument, in which lengths may be open."""

STAND_INS = (2, 3)
"""Trial values for open lengths; an output length that differs between the two is open."""


class Drawing:
    """Draws operations on symbols and variables into a function; computes all others.

    A layer is drawn by the recipe of its class, or from its own `call`. `penalties` are the
    activity penalties of the called layers, per sample.
    """

    def __init__(self, name: str) -> None:
        self.function = Function(name, self.compared)
        self.penalties: list[Symbol] = []

    def below(self, name: str) -> "Drawing":
        """Return a drawing of a function that this one calls."""
        return Drawing(f"{self.function.name}_{name}_{len(self.function.inner)}")

    def call(self, model: Layer, inputs: Nested, *, training: bool = False) -> Nested:
        """Draw a model's call on symbols and return the symbols of its outputs.

        Raises:
            UntraceableOperation: if the call adds losses, which a model loaded without its code
                would train without.
        """
        frame = CallFrame((model.name,), training)
        with traced_by(self), calling(frame):
            outputs = model.call(inputs, **training_argument(model, training=training))
        if frame.activity:
            raise UntraceableOperation(
                f"model {model.name!r}: its call adds {len(frame.activity)} losses (add_loss), "
                "which a SavedModel cannot keep; save it in another format"
            )
        return outputs

    def applied(
        self, primitive: Any, inputs: tuple[Operand, ...], args: tuple[object, ...]
    ) -> Tensor:
        """Draw a primitive if an operand is a symbol or a variable.

        Raises:
            UntraceableOperation: if the primitive has no recipe.
        """
        if not any(isinstance(x, Symbol | Variable) for x in (*inputs, *args)):
            return Tensor(primitive(*map(value_of, inputs), *args)[0])
        given = args
        if isinstance(primitive, partial):
            primitive, given = primitive.func, (dict(primitive.keywords), *args)
        if primitive not in OPERATIONS:
            raise UntraceableOperation(
                f"{getattr(primitive, '__name__', primitive)}: a graph cannot express this "
                "primitive"
            )
        symbols = [self.symbol(x) for x in inputs]
        outcome = _outcome(primitive, symbols, given)
        return OPERATIONS[primitive](self.function, symbols, given, outcome)

    def assigned(self, variable: Variable, value: Operand) -> None:
        """Draw an assignment to a state."""
        self.function.assign(variable, converted(self.function, self.symbol(value), variable.dtype))

    def called(self, layer: Layer, inputs: Nested, arguments: Mapping[str, Any]) -> Nested:
        """Draw a layer's call, by the recipe of its class or from its own `call`."""
        recipes = RECIPES_IN_TRAINING if arguments.get("training") else LAYER_RECIPES
        recipe = recipes.get(type(layer)) or LAYER_RECIPES.get(type(layer))
        if recipe is None:
            outputs = layer.call(inputs, **arguments)
        else:
            outputs = recipe(self, layer, inputs, **_for_recipe(arguments))
        layer.pass_mask(inputs, outputs, arguments)
        if layer.activity_regularizer is not None:
            self.penalties += [self._penalty(layer, self.symbol(x)) for x in leaves(outputs)]
        return outputs

    def _penalty(self, layer: Layer, output: Symbol) -> Symbol:
        total = self.symbol(layer.activity_regularizer(output))
        samples = length_of(self.function, output, 0)
        return self.symbol(total / converted(self.function, samples, total.dtype))

    def compared(self, op: str, symbol: Symbol, number: float) -> Tensor:
        """Draw the comparison of a symbol with a number."""
        other = self.function.constant(number, symbol.dtype)
        return self.function.node(
            op, [symbol.name, other.name], symbol.shape, np.bool_, T=symbol.dtype
        )

    def symbol(self, x: Operand) -> Symbol:
        """Return the symbol of an operand, reading variables and adding constants."""
        if isinstance(x, Symbol):
            return x
        if isinstance(x, Variable):
            return self.function.read(x)
        return self.function.constant(value_of(x))


def _for_recipe(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments for a recipe, which knows whether it is in training."""
    return {key: value for key, value in arguments.items() if key != "training"}


def training_argument(model: Layer, *, training: bool) -> dict[str, Any]:
    """Return {"training": training} if the model's own `call` takes it."""
    parameters = inspect.signature(type(model).call).parameters
    return {"training": training} if "training" in parameters else {}


def _outcome(primitive: Any, symbols: Sequence[Symbol], args: Sequence[Any]) -> Outcome:
    """Return the shape and dtype of a primitive's result, by computing it on ones."""
    found = [_tried(primitive, symbols, args, length) for length in STAND_INS]
    pairs = zip(found[0].shape, found[1].shape, strict=True)
    shape: Shape = tuple(one if one == other else None for one, other in pairs)
    return shape, found[0].dtype


def _tried(
    primitive: Any, symbols: Sequence[Symbol], args: Sequence[Any], length: int
) -> np.ndarray:
    def ones(shape: Shape, dtype: np.dtype) -> np.ndarray:
        return np.ones([length if size is None else size for size in shape], dtype)

    values = [ones(symbol.shape, symbol.dtype) for symbol in symbols]
    known: list[Any] = [
        ones(arg.shape, arg.dtype) if isinstance(arg, Symbol) else arg for arg in args
    ]
    if primitive in TAKES_SHAPE:
        known = [tuple(length if size is None else size for size in known[0])]
    keywords: dict[str, Any] = known.pop(0) if known and isinstance(known[0], dict) else {}
    with np.errstate(all="ignore"):
        return np.asarray(primitive(*values, *known, **keywords)[0])
