"""The functions of a SavedModel that was read, and the objects that they belong to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saveproof.reference_impl.saving.errors import WrongPart
from saveproof.reference_impl.saving.savedmodel.objects import (
    CALL_WITH_LOSSES,
    KERAS_API,
    unstructured,
)


@dataclass(frozen=True, slots=True)
class Trace:
    """One concrete function of a layer, with the structure of its arguments and outputs.

    Attributes:
        name: of the FunctionDef.
        bound: the numbers of the objects that it captures, its arguments after the tensors.
        arguments: specs and other values by argument name, in nested structure.
        outputs: specs in the structure of the layer's outputs.
        losses: the number of further outputs that are losses.
    """

    name: str
    bound: Sequence[int]
    arguments: Mapping[str, Any]
    outputs: Any
    losses: int

    @property
    def training(self) -> bool | None:
        """The value of the `training` argument; None if there is none."""
        found = self.arguments.get("training")
        return found if isinstance(found, bool) else None


class Functions:
    """The functions of a SavedModel.

    Args:
        meta: the MetaGraphDef.
        where: the file, for messages.
    """

    def __init__(self, meta: Any, where: str) -> None:
        self.meta = meta
        self.where = where
        self._objects = meta.object_graph_def

    def object(self, number: int) -> Any:
        """Return the SavedObject with that number."""
        if not 0 <= number < len(self._objects.nodes):
            raise WrongPart(
                f"{self.where}: expected one of {len(self._objects.nodes)} objects, "
                f"found number {number}"
            )
        return self._objects.nodes[number]

    def children(self, number: int) -> dict[str, int]:
        """Return the numbers of an object's children, by local name."""
        return {child.local_name: child.node_id for child in self.object(number).children}

    def below(self, number: int, *names: str) -> int | None:
        """Return the number of the object at a path of names; None if there is none."""
        found: int | None = number
        for name in names:
            found = None if found is None else self.children(found).get(name)
        return found

    def concrete_names(self, number: int | None) -> Sequence[str]:
        """Return the names of an object's concrete functions."""
        return () if number is None else self.object(number).function.concrete_functions

    def traces(self, number: int) -> Iterator[Trace]:
        """Yield the concrete functions of a layer's call."""
        place = self.below(number, KERAS_API, CALL_WITH_LOSSES) or self.below(
            number, CALL_WITH_LOSSES
        )
        if place is None:
            return
        spec = self.object(place).function.function_spec.fullargspec.named_tuple_value
        parameters: list[str] = next(
            (unstructured(one.value) for one in spec.values if one.key == "args"), []
        )
        for name in self.concrete_names(place):
            concrete = self._objects.concrete_functions[name]
            given, keywords = unstructured(concrete.canonicalized_input_signature)
            outputs, losses = unstructured(concrete.output_signature)
            named = dict(zip(parameters, given, strict=False))
            yield Trace(name, concrete.bound_inputs, named | keywords, outputs, len(losses))
