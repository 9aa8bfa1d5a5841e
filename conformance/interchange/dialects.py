"""Computations in which Keras 2 and Keras 3 differ, whatever a file holds."""

from collections.abc import Iterator

from saveproof.conformance.interchange.pairs import KERAS_3, Exchange
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.strategies.case import Architecture, Case, Layer
from saveproof.strategies.shapes import tensor_shapes

CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
IMAGE_AXES = 4


def another_model(case: Case, at: Exchange) -> str:
    """Return why the case means a different model to the reader; empty if it means the same."""
    if not at.dialects_differ:
        return ""
    layers = [*case.architecture.every_layer()]
    if any(_ignores_regularizer(layer) for layer in layers):
        return "Keras 3's SimpleRNN accepts an activity regularizer and ignores it"
    # a file of Keras 3 that holds the architecture tells Keras 2 which function is meant
    in_file = at.contract.facets.get(Facet.ARCHITECTURE) in (Promise.MUST, Promise.SHOULD)
    if not (in_file and at.dialects[0] == KERAS_3) and any(
        "hard_sigmoid" in map(str, layer.config.values()) for layer in layers
    ):
        return "`hard_sigmoid` is a different function in Keras 3 than in Keras 2"
    return ""


def other_losses(case: Case, at: Exchange) -> str:
    """Return why writer and reader compute different losses; empty if they compute the same."""
    frozen = case.in_force.architecture.layers
    if at.dialects_differ and any(_penalties(layer, frozen=False) for layer in frozen):
        return "Keras 2 adds a frozen layer's penalty to the loss, and Keras 3 does not"
    return ""


def other_steps(case: Case, at: Exchange) -> str:
    """Return why writer and reader take different training steps; empty if they take the same."""
    images = any(len(shape) >= IMAGE_AXES for shape in _normalized(case.architecture))
    if at.dialects_differ and images:
        return "Keras 2 keeps the unbiased variance of a batch of images, Keras 3 the biased one"
    layers = case.architecture.every_layer()
    return _words(case, at) if any(layer.class_name == "Embedding" for layer in layers) else ""


def _words(case: Case, at: Exchange) -> str:
    """Return why writer and reader train differently on a word that occurs twice in a batch."""
    optimizer = case.final_settings.optimizer
    clipped = any(optimizer.config.get(name) for name in CLIPPING)
    if at.dialects_differ and clipped:
        return "Keras 2 clips the gradient of each occurrence of a word, Keras 3 clips their sum"
    one, other = at.squares_occurrences
    if one != other and (clipped or optimizer.class_name != "SGD"):
        return "Keras 3 on TensorFlow squares the gradient of each occurrence of a word"
    return ""


def _ignores_regularizer(layer: Layer) -> bool:
    return layer.class_name == "SimpleRNN" and bool(layer.config.get("activity_regularizer"))


def _penalties(layer: Layer, *, frozen: bool) -> bool:
    frozen = frozen or not layer.config.get("trainable", True)
    if layer.model is not None:
        return any(_penalties(inner, frozen=frozen) for inner in layer.model.layers)
    return frozen and any(name.endswith("_regularizer") for name in layer.config)


def _normalized(architecture: Architecture) -> Iterator[tuple[int | None, ...]]:
    """Yield the input shapes of batch normalization layers."""
    shapes = tensor_shapes(architecture)
    for call in architecture.calls:
        layer = architecture.layer(call.layer)
        if layer.model is not None:
            yield from _normalized(layer.model)
        elif layer.class_name == "BatchNormalization":
            yield shapes[call.inputs[0]]
