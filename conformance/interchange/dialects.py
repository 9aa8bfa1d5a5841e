"""What Keras 2 and Keras 3 compute in two ways: no file can make these equal."""

from collections.abc import Iterator

from conformance.contract import Facet, Promise
from conformance.interchange.pairs import KERAS_3, Crossing
from strategies.case import Architecture, Case, Layer
from strategies.shapes import tensor_shapes

CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
IMAGE_AXES = 4


def another_model(case: Case, at: Crossing) -> str:
    """Return why the case is another model to the reader than to the writer; empty if it isn't.

    Only a file of Keras 3 tells Keras 2's readers which of two functions is meant.
    """
    told = at.contract.facets.get(Facet.ARCHITECTURE) in (Promise.MUST, Promise.SHOULD)
    if not at.dialects_differ or (told and at.dialects[0] == KERAS_3):
        return ""
    layers = case.architecture.every_layer()
    if any("hard_sigmoid" in map(str, layer.config.values()) for layer in layers):
        return "`hard_sigmoid` is another function in Keras 3 than in Keras 2"
    return ""


def other_losses(case: Case) -> str:
    """Return why the dialects' losses differ on the same weights; empty if they don't."""
    if any(_penalties(layer, frozen=False) for layer in case.in_force.architecture.layers):
        return "Keras 2 adds a frozen layer's penalty to the loss, and Keras 3 does not"
    return ""


def other_steps(case: Case) -> str:
    """Return why the dialects' steps differ from the same loss; empty if they don't."""
    architecture = case.architecture
    if any(len(shape) >= IMAGE_AXES for shape in _normalized(architecture)):
        return "Keras 2 keeps the unbiased variance of a batch of images, and Keras 3 the biased"
    clipped = any(case.final_settings.optimizer.config.get(name) for name in CLIPPING)
    gathers = any(layer.class_name == "Embedding" for layer in architecture.every_layer())
    if clipped and gathers:
        return "Keras 2 clips the gradients of a word's occurrences one by one, Keras 3 their sum"
    return ""


def _penalties(layer: Layer, *, frozen: bool) -> bool:
    frozen = frozen or not layer.config.get("trainable", True)
    if layer.model is not None:
        return any(_penalties(inner, frozen=frozen) for inner in layer.model.layers)
    return frozen and any(name.endswith("_regularizer") for name in layer.config)


def _normalized(architecture: Architecture) -> Iterator[tuple[int | None, ...]]:
    """Yield the shapes of what is batch-normalized."""
    shapes = tensor_shapes(architecture)
    for call in architecture.calls:
        layer = architecture.layer(call.layer)
        if layer.model is not None:
            yield from _normalized(layer.model)
        elif layer.class_name == "BatchNormalization":
            yield shapes[call.inputs[0]]
