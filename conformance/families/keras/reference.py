"""The subject `reference`: this project's own implementation, in NumPy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from saveproof import reference_impl
from saveproof.conformance.families.keras.dialect import Dialect
from saveproof.conformance.families.keras.generators import Generators
from saveproof.conformance.families.keras.inspection import Traits
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.keras.reference_paths import BOTH_DIALECTS
from saveproof.conformance.families.keras.save_paths import CHECKPOINT, OBJECT_COPIES, SAVEDMODEL
from saveproof.conformance.model_state.contract import Exactness
from saveproof.conformance.model_state.subject import Model
from saveproof.reference_impl.random import process_generator
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import MODELS

GENERATOR = "seed_generator_state"
"""The name of a generator's state among the state of a layer that is no weight."""


EXACT_SAVEDMODEL = replace(SAVEDMODEL, contract=replace(SAVEDMODEL.contract, exactness=Exactness()))
"""The reference loads the model itself, not its graph: it computes the same to the last bit."""

_GENERATORS = (
    "def generators(layer):",
    "    states = layer.extra_state.items()",
    '    return [state for name, state in states if name == "seed_generator_state"]',
)


def reference() -> KerasSubject:
    """Return the subject."""
    traits = Traits(
        generators=_generators,
        recurrent=_recurrent,
        beside_slots=lambda optimizer: optimizer.extra_state,
        compiled=_compiled,
    )
    paths = (*BOTH_DIALECTS, CHECKPOINT, EXACT_SAVEDMODEL, *OBJECT_COPIES)
    return KerasSubject(
        *("reference", reference_impl.__name__, traits, paths, ("numpy",)),
        process=Generators(lambda: {"reference": str(process_generator().state)}),
        capabilities=Capabilities(non_ascii=MODELS),
        dialect=Dialect("", _GENERATORS),
    )


def _generators(layer: Any) -> Sequence[Any]:
    return [state for name, state in layer.extra_state.items() if name == GENERATOR]


def _recurrent(layer: Any) -> Sequence[Any]:
    return [state for name, state in layer.extra_state.items() if name != GENERATOR]


def _compiled(model: Model) -> Mapping[str, Any] | None:
    if model.compiled is None:
        return None
    arguments = model.compiled.arguments
    return {
        "loss": _each(reference_impl.losses.serialize, arguments.loss),
        "metrics": _each(reference_impl.metrics.serialize, arguments.metrics),
        "loss_weights": arguments.loss_weights,
        "weighted_metrics": _each(reference_impl.metrics.serialize, arguments.weighted_metrics),
    }


def _each(serialize: Callable[[Any], Any], structure: Any) -> Any:
    if isinstance(structure, list | tuple):
        return [_each(serialize, inner) for inner in structure]
    if isinstance(structure, Mapping):
        return {name: _each(serialize, inner) for name, inner in structure.items()}
    return serialize(structure) if callable(structure) else structure
