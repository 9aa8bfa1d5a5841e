"""Objects by themselves in source: the call that makes one, and what looks at it."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from saveproof.conformance.families.keras.codegen import behaviours
from saveproof.conformance.families.keras.codegen.behaviours import BEHAVIOURS, attribute, named
from saveproof.conformance.families.keras.codegen.source import (
    Expression,
    Lines,
    flat,
    lines,
    literal,
    one_or_list,
)
from saveproof.conformance.families.keras.codegen.values import constructed
from saveproof.conformance.model_state.contract import Facet
from saveproof.strategies.case import Case
from saveproof.strategies.catalogue.entries import ENTRIES, Tensor
from saveproof.strategies.catalogue.objects import FOLLOWS, inputs_of

SAMPLES = 2
"""How many samples a layer is probed with."""


def making(case: Case, variable: str = "model") -> Iterator[str]:
    """Yield what leaves the case's object in a variable."""
    layer = case.architecture.layers[0]
    yield from lines(f"{variable} = ", constructed(layer.class_name, layer.config))


def namespace(case: Case) -> str:
    """Return the namespace of the object's class."""
    return case.architecture.layers[0].class_name.rpartition(".")[0]


def probe_inputs(case: Case) -> Expression:
    """Return the expression of the inputs that the object is probed with; `None` of no layer."""
    qualified = case.architecture.layers[0].class_name
    if namespace(case) != "layers":
        return "None"
    several = [_input(index, tensor) for index, tensor in enumerate(inputs_of(qualified))]
    if ENTRIES.get(qualified, FOLLOWS).apart:
        return f"({', '.join(several)})"
    return one_or_list(several)


def _input(seed: int, tensor: Tensor) -> str:
    shape = literal((SAMPLES, *tensor.shape))
    if tensor.words:
        count = SAMPLES * prod(tensor.shape)
        words = [tensor.words[index % len(tensor.words)] for index in range(count)]
        return f"np.array({literal(words)}).reshape({shape})"
    drawn = f"np.random.default_rng({seed})"
    if tensor.below:
        return f"{drawn}.integers(0, {tensor.below}, {shape})"
    low = literal(0.0 if tensor.scale > 1 else -tensor.scale)
    return f'{drawn}.uniform({low}, {literal(tensor.scale)}, {shape}).astype("float32")'


def look(case: Case, facet: Facet, where: str) -> Lines:
    """Return the function `look(model)` that gives an entry of an object, after those it needs."""
    if facet is Facet.BEHAVIOUR:
        function = BEHAVIOURS[namespace(case)]
        inputs = flat(probe_inputs(case))
        return [
            *printed(function),
            "def look(model):",
            "    keras.utils.set_random_seed(3)",
            f"    return {function.__name__}(keras, model, {inputs})",
        ]
    if facet is Facet.ARCHITECTURE:
        entry = f"model.get_config().get({literal(where)})"
        return [
            *printed(named),
            "def look(model):",
            f"    return json.dumps({entry}, default=named)",
        ]
    _, name, *parts = where.split("/")
    return [*printed(attribute, named), "def look(model):", f"    return {_value(name, parts)}"]


def _value(name: str, parts: Sequence[str]) -> str:
    """Return the expression of an argument: `parts` lead into objects in it, by class and name."""
    value = f"attribute(model, {literal(name)})"
    rest = list(parts)
    while rest:
        part = rest.pop(0)
        if part.isdecimal():
            value += f"[{part}]"
        elif rest:
            value = f"attribute({value}, {literal(rest.pop(0))})"
    return f"json.dumps({value}, default=named)"


def printed(*functions: Callable[..., Any]) -> Lines:
    """Return the source of functions, and of the functions and constants that they use."""
    wanted = [function.__name__ for function in functions]
    found: dict[str, Lines] = {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = _source(name)
            words = re.findall(r"[A-Za-z_]+", "\n".join(found[name]))
            wanted += [word for word in words if word in DEFINED]
    return [line for block in reversed(found.values()) for line in (*block, "", "")]


def _source(name: str) -> Lines:
    """Return the source of a function without its annotations, or that of a constant."""
    held = getattr(behaviours, name)
    if isinstance(held, str):
        return [f"{name} = {literal(held)}"]
    if isinstance(held, np.ndarray):
        return [f"{name} = np.array({literal(held.tolist())}, {literal(held.dtype.name)})"]
    tree = ast.parse(inspect.getsource(held))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    text = ast.unparse(_Plain().visit(tree))
    return text.splitlines()


class _Plain(ast.NodeTransformer):
    """Takes the annotations off assignments."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Return the assignment without its annotation."""
        value = node.value or ast.Constant(None)
        return ast.fix_missing_locations(ast.copy_location(ast.Assign([node.target], value), node))


DEFINED = frozenset(
    name
    for name, held in vars(behaviours).items()
    if inspect.isfunction(held) and held.__module__ == behaviours.__name__
) | {"ABSENT", "WEIGHTS"}
"""The functions and constants that a script prints where it uses them."""
