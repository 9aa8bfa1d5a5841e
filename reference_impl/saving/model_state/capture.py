"""Capture of a live model's state for a save."""

from collections.abc import Sequence
from typing import Any

from saveproof.reference_impl import losses, metrics, optimizers
from saveproof.reference_impl.engine.compiled import Compiled
from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.engine.flags import flags_in_order
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.serialization import serialize_layer
from saveproof.reference_impl.layers.stated import plain_config
from saveproof.reference_impl.metrics import Metric
from saveproof.reference_impl.nest import map_leaves
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import Optimizer
from saveproof.reference_impl.state import (
    Extras,
    LayerWeights,
    ModelState,
    NamedArray,
    WeightsState,
)


def weights_state(model: Trainer) -> WeightsState:
    """Return the weights of a built model."""
    return WeightsState(
        tuple(
            LayerWeights(layer.name, _named(saved_weights(layer))) for layer in saved_layers(model)
        ),
        _named(top_level_weights(model)),
        tuple(layer.trainable for layer in model.flatten_layers()),
    )


def check_built(model: Trainer) -> None:
    """Check that the model and all nested models have created their weights."""
    for layer in model.flatten_layers():
        if isinstance(layer, Trainer) and not layer.built:
            raise UnbuiltModel(
                f"model {layer.name!r}: expected weights to save, but they have not been created "
                "yet; call the model on data, fit it, or call build(input_shape) first"
            )


def check_complete(model: Trainer) -> None:
    """Check that no layer's weights may still be missing because its call failed on zeros.

    Raises:
        UnbuiltModel: naming the layer and the reason.
    """
    check_built(model)
    for layer in model.flatten_layers():
        missing = [below.name for below in layer.flatten_layers() if not below.built]
        if layer.uncalled is not None and missing:
            raise UnbuiltModel(
                f"model {model.name!r}: layer {layer.name!r} has not been called on data yet, and "
                f"its call() does not work on zeros ({layer.uncalled}): the weights of {missing} "
                "do not exist; call the model on data before saving it"
            )


def saved_layers(model: Trainer) -> Sequence[Layer]:
    """Return the layers in the order of a file: `model.layers`."""
    return model.layers


def saved_weights(layer: Layer) -> list[Variable]:
    """Return a layer's weights in the order of a file: trainable ones first."""
    return layer.trainable_weights + layer.non_trainable_weights


def top_level_weights(model: Trainer) -> list[Variable]:
    """Return the weights created on the model itself."""
    return model.own_weights(trainable=True) + model.own_weights(trainable=False)


def _named(variables: Sequence[Variable]) -> tuple[NamedArray, ...]:
    return tuple(NamedArray(variable.name, variable.value) for variable in variables)


def model_state(model: Trainer, *, include_optimizer: bool = True) -> ModelState:
    """Return everything that a whole-model file contains.

    Raises:
        NotImplementedError: if the model has no configuration.
    """
    compiled = model.compiled if include_optimizer else None
    return ModelState(
        architecture=serialize_layer(model),
        weights=weights_state(model),
        training=None if compiled is None else training_config(compiled),
        optimizer=None if compiled is None else _named(compiled.optimizer.variables),
        extras=extras_of(model, compiled),
    )


def training_config(compiled: Compiled) -> dict[str, Any]:
    """Return the compile settings in tf_keras's form."""
    arguments = compiled.arguments
    made = compiled.ready
    plain: list[list[Metric | None]] = [[*group] or [None] for group in compiled.output_metrics]
    weighted: list[list[Metric | None]] = [
        [*group] or [None] for group in compiled.output_weighted_metrics
    ]
    settings = {
        "loss": map_leaves(_serialized_loss, arguments.loss),
        "metrics": _entries(plain if made and arguments.metrics is not None else arguments.metrics),
        "weighted_metrics": _entries(
            weighted
            if made and arguments.weighted_metrics is not None
            else arguments.weighted_metrics
        ),
        "loss_weights": arguments.loss_weights,
        "optimizer_config": optimizers.serialize(compiled.optimizer, use_legacy_format=True),
    }
    return plain_config(settings, where="compile()", entry=serialize_layer)


def _serialized_loss(loss: Any) -> Any:
    return losses.serialize(loss, use_legacy_format=True) if callable(loss) else loss


def _entries(structure: Any) -> Any:
    return map_leaves(_serialized_metric, structure)


def _serialized_metric(metric: Any) -> Any:
    if isinstance(metric, Metric) or callable(metric):
        return metrics.serialize(metric, use_legacy_format=True)
    return metric


def extras_of(model: Trainer, compiled: Compiled | None) -> Extras:
    """Return the state that Keras's layouts do not store."""
    layers = list(model.flatten_layers())
    states = {
        f"{number}/{name}": variable.value
        for number, layer in enumerate(layers)
        for name, variable in layer.extra_state.items()
    }
    trainable = tuple(layer.trainable for layer in layers)
    if compiled is None:
        return Extras(trainable=trainable, layer_states=states)
    optimizer = compiled.optimizer
    outside = {name: variable.value for name, variable in optimizer.extra_state.items()}
    return Extras(
        trainable=trainable,
        layer_states=states,
        metrics=tuple(
            variable.value for metric in compiled.metrics for variable in metric.variables
        ),
        optimizer=outside | {"learning_rate": optimizer.learning_rate.value},
        optimized=optimized_places(optimizer, model.weights),
        compiled_trainable=flags_in_order(model, compiled.flags),
        run_eagerly=compiled.arguments.run_eagerly,
        output_shapes=tuple((tuple(one), tuple(other)) for one, other in compiled.shapes),
    )


def optimized_places(optimizer: Optimizer, weights: Sequence[Variable]) -> tuple[int, ...]:
    """Return the positions in `weights` of the optimizer's variables, in its order."""
    places = {weight: place for place, weight in enumerate(weights)}
    return tuple(places[weight] for weight in optimizer.built_for if weight in places)
