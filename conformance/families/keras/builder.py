"""Builds the models that cases describe in any module that speaks the Keras API."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from saveproof.conformance.families.keras.compile_settings import snake_case
from saveproof.conformance.model_state.subject import Model, Unsupported
from saveproof.strategies.case import (
    Architecture,
    CompileSettings,
    Config,
    Input,
    Kind,
    Layer,
    Object,
)

Loaded = Any
"""A layer, tensor or other object of the framework."""

TAKES_TRAINING = frozenset(
    ("BatchNormalization", "Dropout", "Functional", "GRU", "LSTM", "Sequential", "SimpleRNN")
)
"""Layers whose call has an argument `training`, as a subclassed model's author would pass it."""

RECURRENT = frozenset(("GRU", "LSTM", "SimpleRNN"))
"""Layers that carry states from batch to batch when they are stateful."""

NAMESPACES = {
    "_initializer": "initializers",
    "_regularizer": "regularizers",
    "_constraint": "constraints",
}
"""Where the object of a layer's argument is found, by the argument's ending."""

WRAPPED = "layer"
"""The argument of a wrapper that describes the layer inside."""


def build_model(module: ModuleType, architecture: Architecture, *, built: bool = True) -> Model:
    """Return a new model, uncompiled.

    `built=False` leaves a subclassed model without weights; the others always have theirs.

    Raises:
        Unsupported: the module lacks a class that the architecture names.
    """
    if architecture.kind is Kind.SEQUENTIAL:
        return _sequential(module, architecture, architecture.name)
    if architecture.kind is Kind.FUNCTIONAL:
        return _functional(module, architecture, architecture.name)
    model = subclass(module)(architecture)
    if built:
        _create_weights(module, model, architecture)
    return model


def check_names(architecture: Architecture, unfit: str) -> None:
    """Hold the layers' names against characters that a subject can't have in them.

    Raises:
        Unsupported: a name has one.
    """
    for layer in architecture.layers:
        found = sorted(set(layer.name) & set(unfit))
        if found:
            raise Unsupported(f"layer {layer.name!r}: a name can't contain {found[0]!r}")
        if layer.model is not None:
            check_names(layer.model, unfit)


def compile_model(module: ModuleType, model: Model, settings: CompileSettings) -> None:
    """Compile with new objects for everything that the settings name."""
    losses = [_named(module, "losses", loss) for loss in settings.losses]
    metrics = [[_named(module, "metrics", one) for one in each] for each in settings.metrics]
    single = len(losses) == 1
    weights = settings.loss_weights
    model.compile(
        optimizer=build_optimizer(module, settings.optimizer),
        loss=losses[0] if single else losses,
        metrics=(metrics[0] if single else metrics) if any(metrics) else None,
        loss_weights=None if weights is None else list(weights),
        run_eagerly=settings.run_eagerly,
    )


def build_optimizer(module: ModuleType, optimizer: Object) -> Loaded:
    """Return a new optimizer; a schedule stands in its `learning_rate` as an object by name.

    It has its class's name where the case gives none: Keras 3 would number it by process.
    """
    config = {"name": optimizer.class_name, **optimizer.config}
    rate = config.get("learning_rate")
    if isinstance(rate, Mapping):
        config["learning_rate"] = _object(module.optimizers, "schedules", rate)
    return _class(module, "optimizers", optimizer.class_name)(**config)


def build_layer(module: ModuleType, layer: Layer) -> Loaded:
    """Return a new layer, made by its constructor with the arguments of the description."""
    if layer.model is not None:
        return _nested(module, layer, layer.model)
    return _class(module, "layers", layer.class_name)(**_arguments(module, layer.config))


@cache
def subclass(module: ModuleType) -> type:
    """Return the module's subclassed model: its layers are attributes, its `call` their calls.

    It has no `get_config`, as most models that people write: its constructor's argument is not
    JSON, so nothing can rebuild it but its code.
    """

    class SubclassedModel(module.Model):  # type: ignore[misc, name-defined]  # the module is opaque
        """A model as its author wrote it."""

        def __init__(self, architecture: Architecture) -> None:
            super().__init__(name=architecture.name)
            self._written = architecture
            for layer, attribute in _attributes(architecture):
                setattr(self, attribute, build_layer(module, layer))

        def call(self, inputs: Loaded, training: bool | None = None) -> Loaded:  # noqa: FBT001 - Keras's signature
            """Run the calls in order; several outputs come as a list."""
            written = self._written
            given = inputs if isinstance(inputs, list | tuple) else [inputs]
            tensors = {i.name: tensor for i, tensor in zip(written.inputs, given, strict=True)}
            layers = {layer.name: (layer, name) for layer, name in _attributes(written)}
            for call in written.calls:
                layer, attribute = layers[call.layer]
                more = {"training": training} if layer.class_name in TAKES_TRAINING else {}
                taken = one_or_list(tensors[name] for name in call.inputs)
                tensors[call.output] = getattr(self, attribute)(taken, **more)
            return one_or_list(tensors[name] for name in written.outputs)

    return SubclassedModel


def _attributes(architecture: Architecture) -> list[tuple[Layer, str]]:
    return [
        (layer, f"{layer.class_name.lower()}_{index}")
        for index, layer in enumerate(architecture.layers)
    ]


def _sequential(module: ModuleType, architecture: Architecture, name: str) -> Model:
    layers = [build_layer(module, layer) for layer in architecture.layers]
    return module.Sequential([_input(module, architecture.inputs[0]), *layers], name=name)


def _functional(module: ModuleType, architecture: Architecture, name: str) -> Model:
    inputs = [_input(module, one) for one in architecture.inputs]
    tensors = {one.name: tensor for one, tensor in zip(architecture.inputs, inputs, strict=True)}
    layers = {layer.name: build_layer(module, layer) for layer in architecture.layers}
    for call in architecture.calls:
        taken = one_or_list(tensors[tensor] for tensor in call.inputs)
        tensors[call.output] = layers[call.layer](taken)
    outputs = one_or_list(tensors[tensor] for tensor in architecture.outputs)
    return module.Model(one_or_list(inputs), outputs, name=name)


def _nested(module: ModuleType, layer: Layer, architecture: Architecture) -> Model:
    makers = {Kind.SEQUENTIAL: _sequential, Kind.FUNCTIONAL: _functional}
    if architecture.kind not in makers:
        raise Unsupported(f"layer {layer.name!r}: a nested model is sequential or functional")
    model = makers[architecture.kind](module, architecture, layer.name)
    if "trainable" in layer.config:
        _set_flags(model, layer)
    return model


def _set_flags(built: Loaded, layer: Layer) -> None:
    """Set the flags that are told, outermost first: a model's is that of every layer in it."""
    if "trainable" in layer.config:
        built.trainable = layer.config["trainable"]
    for inner in layer.model.layers if layer.model else ():
        _set_flags(built.get_layer(inner.name), inner)


def _input(module: ModuleType, one: Input) -> Loaded:
    return module.Input(
        shape=tuple(one.shape), batch_size=one.batch_size, dtype=one.dtype, name=one.name
    )


def _create_weights(module: ModuleType, model: Model, architecture: Architecture) -> None:
    zeros = [np.zeros((one.batch_size or 1, *one.shape), one.dtype) for one in architecture.inputs]
    model(one_or_list(zeros), training=False)
    forget_sequences(module, model)


def forget_sequences(module: ModuleType, model: Model) -> None:
    """Reset the states of the stateful recurrent layers, nested models' too."""
    for layer in model.layers:
        if isinstance(layer, module.Model):
            forget_sequences(module, layer)
        elif type(layer).__name__ in RECURRENT and layer.stateful:
            layer.reset_states()


def _arguments(module: ModuleType, config: Config) -> dict[str, Loaded]:
    return {name: _argument(module, name, value) for name, value in config.items()}


def _argument(module: ModuleType, name: str, value: Any) -> Loaded:
    if name == WRAPPED:
        return build_layer(module, Layer(value["class_name"], value["config"]))
    if isinstance(value, Mapping):
        ending = next(end for end in NAMESPACES if name.endswith(end))
        return _object(module, NAMESPACES[ending], value)
    return value


def _named(module: ModuleType, namespace: str, identifier: str | Object) -> Loaded:
    if isinstance(identifier, str):
        return identifier
    config = {"name": snake_case(identifier.class_name), **identifier.config}
    return _class(module, namespace, identifier.class_name)(**config)


def _object(module: ModuleType, namespace: str, description: Mapping[str, Any]) -> Loaded:
    return _class(module, namespace, description["class_name"])(**description["config"])


def _class(module: ModuleType, namespace: str, name: str) -> Any:
    found = getattr(getattr(module, namespace, None), name, None)
    if found is None:
        raise Unsupported(f"{module.__name__}.{namespace} has no {name!r}")
    return found


def one_or_list(tensors: Iterable[Loaded]) -> Loaded:
    """Return the only tensor, or several as the list that Keras takes."""
    several: Sequence[Loaded] = list(tensors)
    return several[0] if len(several) == 1 else several
