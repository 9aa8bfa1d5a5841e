"""What Keras 2 and Keras 3 compute in two ways: no file can make these equal."""

from collections.abc import Iterator

from saveproof.conformance.interchange.pairs import KERAS_3, Exchange
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.strategies.case import Architecture, Case, Layer
from saveproof.strategies.shapes import tensor_shapes

CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
IMAGE_AXES = 4


def another_model(case: Case, at: Exchange) -> str:
    """Return why the case is another model to the reader than to the writer; empty if it isn't."""
    if not at.dialects_differ:
        return ""
    layers = [*case.architecture.every_layer()]
    if any(_forgets(layer) for layer in layers):
        return "Keras 3's SimpleRNN takes an activity regularizer and has none"
    # a file of Keras 3 tells Keras 2's readers which of the two is meant
    told = at.contract.facets.get(Facet.ARCHITECTURE) in (Promise.MUST, Promise.SHOULD)
    if not (told and at.dialects[0] == KERAS_3) and any(
        "hard_sigmoid" in map(str, layer.config.values()) for layer in layers
    ):
        return "`hard_sigmoid` is another function in Keras 3 than in Keras 2"
    return ""


def other_losses(case: Case, at: Exchange) -> str:
    """Return why the two sides' losses differ on the same weights; empty if they don't."""
    frozen = case.in_force.architecture.layers
    if at.dialects_differ and any(_penalties(layer, frozen=False) for layer in frozen):
        return "Keras 2 adds a frozen layer's penalty to the loss, and Keras 3 does not"
    return ""


def other_steps(case: Case, at: Exchange) -> str:
    """Return why the two sides' steps differ from the same loss; empty if they don't."""
    images = any(len(shape) >= IMAGE_AXES for shape in _normalized(case.architecture))
    if at.dialects_differ and images:
        return "Keras 2 keeps the unbiased variance of a batch of images, and Keras 3 the biased"
    layers = case.architecture.every_layer()
    return _words(case, at) if any(layer.class_name == "Embedding" for layer in layers) else ""


def _words(case: Case, at: Exchange) -> str:
    """Return why a word that occurs twice is trained in two ways."""
    optimizer = case.final_settings.optimizer
    clipped = any(optimizer.config.get(name) for name in CLIPPING)
    if at.dialects_differ and clipped:
        return "Keras 2 clips the gradients of a word's occurrences one by one, Keras 3 their sum"
    one, other = at.squares_occurrences
    if one != other and (clipped or optimizer.class_name != "SGD"):
        return "Keras 3 on TensorFlow squares the gradients of a word's occurrences one by one"
    return ""


def _forgets(layer: Layer) -> bool:
    return layer.class_name == "SimpleRNN" and bool(layer.config.get("activity_regularizer"))


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
