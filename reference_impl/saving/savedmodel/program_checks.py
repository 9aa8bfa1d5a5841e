"""What must hold of the description of a model without its class, before anything runs it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.nest import leaves
from saveproof.reference_impl.saving.savedmodel.program import COMPARISONS, PRIMITIVES, Ref, decoded


class LayerStep(TypedDict):
    """A layer is called."""

    layer: int
    inputs: Any
    arguments: Mapping[str, Any]
    training: bool | None


class ComparisonStep(TypedDict):
    """A tensor is compared with a number."""

    comparison: str
    inputs: Any
    number: float


class PrimitiveStep(TypedDict):
    """A primitive is applied."""

    primitive: str
    inputs: Sequence[Any]
    arguments: Sequence[Any]
    keywords: Mapping[str, Any]


STEPS: Mapping[str, Any] = {
    "layer": LayerStep,
    "comparison": ComparisonStep,
    "primitive": PrimitiveStep,
}

OPERANDS = (Ref, np.ndarray, int, float)
"""What goes into a step: tensors, and constants."""


class Program(TypedDict):
    """What a model does in one way to be called."""

    steps: Sequence[Mapping[str, Any]]
    outputs: Any


class WeightEntry(TypedDict):
    """A weight of the model's own."""

    name: str
    shape: Sequence[int]
    dtype: str
    trainable: bool


class Description(TypedDict):
    """A model without its class."""

    name: str
    layers: Sequence[Mapping[str, Any]]
    attributes: Mapping[str, Any]
    weights: Sequence[WeightEntry]
    programs: Mapping[str, Program]


def check_programs(programs: Mapping[str, Program], layers: int) -> None:
    """Check that every step is of a kind that is known, and refers to what there is by then.

    Args:
        programs: by how the model is called.
        layers: how many there are, the model itself the first.

    Raises:
        MalformedEntry: saying which step is not so.
    """
    for name, program in programs.items():
        with at("programs", name):
            for number, step in enumerate(program["steps"]):
                with at("steps", number):
                    _check_step(step, number, layers)
            with at("outputs"):
                decoded(program["outputs"], _reference(len(program["steps"]), layers))


def _check_step(step: Mapping[str, Any], number: int, layers: int) -> None:
    known = {"layer": range(layers), "comparison": COMPARISONS, "primitive": PRIMITIVES}
    kinds = [kind for kind in STEPS if kind in step]
    if len(kinds) != 1:
        raise MalformedEntry(f"expected one of {sorted(STEPS)}, found {sorted(step)}")
    told = checked(step, STEPS[kinds[0]])
    if told[kinds[0]] not in known[kinds[0]]:
        raise MalformedEntry(f"expected a {kinds[0]} that there is, found {told[kinds[0]]!r:.200}")
    reference = _reference(number, layers)
    for operand in leaves(decoded(told["inputs"], reference)):
        if not isinstance(operand, OPERANDS):
            raise MalformedEntry(f"expected tensors or numbers, found {operand!r:.200}")
    arguments = told.get("arguments", ())
    for one in arguments.values() if isinstance(arguments, Mapping) else arguments:
        decoded(one, reference)


def _reference(steps: int, layers: int) -> Any:
    """Return what takes a reference for right: to what is there after so many steps."""

    def check(of: str, number: int, output: int) -> Ref:
        checked([of, number, output], tuple[str, int, int])
        most = {"input": number + 1, "step": steps, "weight": layers}.get(of, 0)
        if not (0 <= number < most and output >= 0):
            raise MalformedEntry(
                f"expected an input, one of {steps} steps or a weight, found {[of, number, output]}"
            )
        return Ref(of, number, output)

    return check
