"""Validation of the description of a model without its class, before it is run."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.nest import leaves
from saveproof.reference_impl.saving.savedmodel.program import COMPARISONS, PRIMITIVES, Ref, decoded


class LayerStep(TypedDict):
    """The call of a layer."""

    layer: int
    inputs: Any
    arguments: Mapping[str, Any]
    training: bool | None


class ComparisonStep(TypedDict):
    """The comparison of a tensor with a number."""

    comparison: str
    inputs: Any
    number: float


class PrimitiveStep(TypedDict):
    """The application of a primitive."""

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
"""The operands of a step: tensors and constants."""


class Program(TypedDict):
    """The steps and outputs of a model's call, in training or in inference."""

    steps: Sequence[Mapping[str, Any]]
    outputs: Any


class WeightEntry(TypedDict):
    """One of the model's own weights."""

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
    """Check that every step has a known kind and refers only to inputs, weights and earlier steps.

    Args:
        programs: by the mode of the call.
        layers: the number of layers, of which the model is the first.

    Raises:
        MalformedEntry: naming the first invalid step.
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
    found = checked(step, STEPS[kinds[0]])
    if found[kinds[0]] not in known[kinds[0]]:
        raise MalformedEntry(f"expected a known {kinds[0]}, found {found[kinds[0]]!r:.200}")
    reference = _reference(number, layers)
    for operand in leaves(decoded(found["inputs"], reference)):
        if not isinstance(operand, OPERANDS):
            raise MalformedEntry(f"expected tensors or numbers, found {operand!r:.200}")
    arguments = found.get("arguments", ())
    for one in arguments.values() if isinstance(arguments, Mapping) else arguments:
        decoded(one, reference)


def _reference(steps: int, layers: int) -> Any:
    """Return the function that checks a reference after this number of steps."""

    def check(of: str, number: int, output: int) -> Ref:
        checked([of, number, output], tuple[str, int, int])
        most = {"input": number + 1, "step": steps, "weight": layers}.get(of, 0)
        if not (0 <= number < most and output >= 0):
            raise MalformedEntry(
                f"expected an input, one of {steps} steps or a weight, found {[of, number, output]}"
            )
        return Ref(of, number, output)

    return check
