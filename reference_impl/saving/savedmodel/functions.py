"""The functions of a SavedModel that was read, and which of its objects are called by which."""

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
    """One function of a layer: what it takes and returns, for one way to be called.

    Attributes:
        name: of the FunctionDef.
        bound: the numbers of the objects that it takes after its tensors.
        arguments: specs and other values by the name of the argument, in its structure.
        outputs: specs in the structure that the layer returns.
        losses: how many tensors it returns after these.
    """

    name: str
    bound: Sequence[int]
    arguments: Mapping[str, Any]
    outputs: Any
    losses: int

    @property
    def training(self) -> bool | None:
        """Whether it is that of training; None where the layer is not told."""
        found = self.arguments.get("training")
        return found if isinstance(found, bool) else None


class Functions:
    """What a SavedModel says of its functions.

    Args:
        meta: the MetaGraphDef.
        where: it was read.
    """

    def __init__(self, meta: Any, where: str) -> None:
        self.meta = meta
        self.where = where
        self._objects = meta.object_graph_def

    def object(self, number: int) -> Any:
        """Return the SavedObject of that number."""
        if not 0 <= number < len(self._objects.nodes):
            raise WrongPart(
                f"{self.where}: refers to object {number}, of {len(self._objects.nodes)}"
            )
        return self._objects.nodes[number]

    def children(self, number: int) -> dict[str, int]:
        """Return the numbers of the objects that one holds, by local name."""
        return {child.local_name: child.node_id for child in self.object(number).children}

    def below(self, number: int, *names: str) -> int | None:
        """Return the number of the object that these names lead to, None if there is none."""
        found: int | None = number
        for name in names:
            found = None if found is None else self.children(found).get(name)
        return found

    def concrete_names(self, number: int | None) -> Sequence[str]:
        """Return the functions that an object stands for."""
        return () if number is None else self.object(number).function.concrete_functions

    def traces(self, number: int) -> Iterator[Trace]:
        """Yield the functions by which a layer is called."""
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
