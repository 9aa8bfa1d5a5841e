"""Models in source: constructor calls of an architecture, and its compile settings."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from saveproof.conformance.families.keras.codegen.objects import making
from saveproof.conformance.families.keras.codegen.source import (
    CallExpression,
    Expression,
    Lines,
    flat,
    identifier,
    indented,
    lines,
    literal,
    one_or_list,
)
from saveproof.conformance.families.keras.codegen.values import expression, known
from saveproof.strategies.case import (
    Architecture,
    Case,
    CompileSettings,
    Config,
    Input,
    InvalidCase,
    Kind,
    Layer,
    Object,
)
from saveproof.strategies.catalogue.entries import ENTRIES
from saveproof.strategies.catalogue.marked import mark_of
from saveproof.strategies.names import snake_case
from saveproof.strategies.validation import CLASS

Tensors = dict[str, str]
"""Variable by tensor name."""

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


def building(
    case: Case,
    model: str = "model",
    *,
    written: str = "Written",
    built: bool = True,
    compiled: bool = True,
) -> Iterator[str]:
    """Yield what leaves the case's model, compiled, in a variable; a class before it if need be.

    `written` is what a subclassed model's class is called; `built=False` leaves it without weights,
    `compiled=False` leaves it uncompiled.
    """
    architecture = case.architecture
    if architecture.kind is Kind.SUBCLASSED:
        yield from (*written_class(architecture, written), "", "")
    yield from building_call(case, model, written=written, built=built, compiled=compiled)


def building_call(
    case: Case,
    model: str = "model",
    *,
    written: str = "Written",
    built: bool = True,
    compiled: bool = True,
) -> Iterator[str]:
    """Yield the same without the class."""
    architecture = case.architecture
    if case.is_object:
        yield from making(case, model)
        return
    if architecture.kind is Kind.SUBCLASSED:
        yield f"{model} = {written}(code=object())"
        yield from making_weights(model, architecture) if built else ()
    else:
        yield from _model(architecture, model, architecture.name, "")
    if compiled:
        yield from compiling(model, case.settings)


def compiling(model: str, settings: CompileSettings) -> Iterator[str]:
    """Yield the compile call."""
    losses = one_or_list([_named("losses", loss) for loss in settings.losses])
    arguments: dict[str, Expression] = {}
    if any(settings.metrics):
        metrics = [tuple(_named("metrics", one) for one in each) for each in settings.metrics]
        single = len(settings.losses) == 1
        arguments["metrics"] = metrics[0] if single else tuple(metrics)
    if settings.loss_weights is not None:
        arguments["loss_weights"] = literal(list(settings.loss_weights))
    if settings.run_eagerly:
        arguments["run_eagerly"] = "True"
    call = CallExpression(f"{model}.compile", (_optimizer(settings.optimizer), losses), arguments)
    yield from lines("", call)


def layer_at(model: str, names: Sequence[str]) -> str:
    """Return the expression of a layer at an address; of the model itself for an empty one."""
    return model + "".join(f".get_layer({literal(name)})" for name in names)


def resetting(model: str, architecture: Architecture) -> Iterator[str]:
    """Yield a call a stateful recurrent layer that makes it forget its states."""
    for address, layer in architecture.by_address():
        if layer.class_name in RECURRENT and layer.config.get("stateful"):
            yield f"{layer_at(model, address)}.reset_states()"


def making_weights(model: str, architecture: Architecture) -> Iterator[str]:
    """Yield the call that gives a subclassed model its weights."""
    zeros = [
        f"np.zeros({literal((one.batch_size or 1, *one.shape))}, {literal(one.dtype)})"
        for one in architecture.inputs
    ]
    yield from lines("", CallExpression(model, (one_or_list(zeros),), {"training": "False"}))
    yield from resetting(model, architecture)


def written_class(architecture: Architecture, name: str = "Written") -> Iterator[str]:
    """Yield the class of a subclassed model: a layer an attribute, in the order of the case.

    Attributes are numbered by first calls, so that code which assigns them otherwise has the same.
    """
    preparation, layers = _layers(architecture, "")
    called_first = dict.fromkeys(call.layer for call in architecture.calls)
    attributes = {
        name: f"self.{identifier(architecture.layer(name).class_name.lower())}_{index}"
        for index, name in enumerate(called_first)
    }
    made: Lines = [f"super().__init__(name={literal(architecture.name)})", *preparation]
    for layer in architecture.layers:
        made += lines(f"{attributes[layer.name]} = ", layers[layer.name])
    tensors = _input_variables(architecture, "")
    called = [f"{', '.join(tensors.values())} = inputs"] if len(tensors) > 1 else []
    for variable, call in zip(_variables(architecture, ""), architecture.calls, strict=True):
        more = architecture.layer(call.layer).class_name in TAKES_TRAINING
        taken = _taken(architecture.layer(call.layer), [tensors[one] for one in call.inputs])
        training = ", training=training" if more else ""
        called.append(f"{variable} = {attributes[call.layer]}({taken}{training})")
        tensors[call.output] = variable
    called.append(f"return {flat(one_or_list([tensors[one] for one in architecture.outputs]))}")
    yield f"class {name}(keras.Model):"
    yield '    """No config can hold `code`: nothing rebuilds the model but its code."""'
    yield ""
    yield "    def __init__(self, code):"
    yield from indented(indented(made))
    yield ""
    yield "    def call(self, inputs, training=None):"
    yield from indented(indented(called))


def _model(architecture: Architecture, variable: str, name: str, prefix: str) -> Iterator[str]:
    preparation, layers = _layers(architecture, prefix)
    yield from preparation
    if architecture.kind is Kind.SEQUENTIAL:
        stack = (_input(architecture.inputs[0]), *layers.values())
        yield from lines(
            f"{variable} = ", CallExpression("keras.Sequential", (stack,), {"name": literal(name)})
        )
        return
    tensors = _input_variables(architecture, prefix)
    for one in architecture.inputs:
        yield from lines(f"{tensors[one.name]} = ", _input(one))
    yield from _calls(architecture, prefix, layers, tensors)
    inputs, outputs = (
        one_or_list([tensors[one] for one in names])
        for names in ([one.name for one in architecture.inputs], architecture.outputs)
    )
    model = CallExpression("keras.Model", (inputs, outputs), {"name": literal(name)})
    yield from lines(f"{variable} = ", model)


def _calls(
    architecture: Architecture, prefix: str, layers: Mapping[str, Expression], tensors: Tensors
) -> Iterator[str]:
    """Yield the calls in order; a layer that is shared has a variable of its own."""
    counts = Counter(call.layer for call in architecture.calls)
    shared: dict[str, str] = {}
    for variable, call in zip(_variables(architecture, prefix), architecture.calls, strict=True):
        layer = layers[call.layer]
        if counts[call.layer] > 1 and call.layer not in shared:
            shared[call.layer] = f"{prefix}shared_{len(shared) + 1}"
            yield from lines(f"{shared[call.layer]} = ", layer)
        taken = _taken(architecture.layer(call.layer), [tensors[one] for one in call.inputs])
        yield from lines(f"{variable} = ", shared.get(call.layer, layer), f"({taken})")
        tensors[call.output] = variable


def _taken(layer: Layer, tensors: Sequence[str]) -> str:
    """Return the tensors of a call: one, a list, or several by position if the layer wants it."""
    entry = ENTRIES.get(f"layers.{layer.class_name}")
    apart = entry is not None and entry.apart
    return ", ".join(tensors) if apart else flat(one_or_list(list(tensors)))


def _layers(architecture: Architecture, prefix: str) -> tuple[Lines, dict[str, Expression]]:
    """Return the statements that come first, and every layer's expression by its name."""
    preparation: Lines = []
    layers: dict[str, Expression] = {}
    for index, layer in enumerate(architecture.layers):
        if layer.model is None:
            layers[layer.name] = _layer(layer.class_name, layer.config)
            continue
        variable = f"{prefix}nested_{index}"
        preparation += _model(layer.model, variable, layer.name, f"{variable}_")
        if "trainable" in layer.config:
            trainable = layer.config["trainable"]
            preparation.append(f"{variable}.trainable = {literal(trainable)}")
            preparation += _flags(variable, layer.model, frozen=not trainable)
        layers[layer.name] = variable
    return preparation, layers


def _flags(model: str, architecture: Architecture, *, frozen: bool) -> Lines:
    """Return how layers inside get flags of their own again; nothing if all stay frozen."""
    flagged = [
        (address, one) for address, one in architecture.by_address() if "trainable" in one.config
    ]
    if frozen and not any(one.config["trainable"] for _, one in flagged):
        return []
    return [
        f"{layer_at(model, address)}.trainable = {literal(one.config['trainable'])}"
        for address, one in flagged
    ]


def _variables(architecture: Architecture, prefix: str) -> list[str]:
    return [f"{prefix}t{index}" for index, _ in enumerate(architecture.calls, 1)]


def _input_variables(architecture: Architecture, prefix: str) -> Tensors:
    names = [one.name for one in architecture.inputs]
    if len(names) == 1:
        return {names[0]: f"{prefix}inputs"}
    return {name: f"{prefix}input_{index}" for index, name in enumerate(names, 1)}


def _input(one: Input) -> CallExpression:
    keywords = {"shape": literal(tuple(one.shape))}
    if one.batch_size is not None:
        keywords["batch_size"] = literal(one.batch_size)
    if one.dtype != "float32":
        keywords["dtype"] = literal(one.dtype)
    return CallExpression("keras.Input", keywords={**keywords, "name": literal(one.name)})


def _layer(class_name: str, config: Mapping[str, Any]) -> CallExpression:
    keywords = {name: _argument(name, value) for name, value in config.items()}
    return CallExpression(_class("layers", class_name), keywords=keywords)


def _argument(name: str, value: Any) -> Expression:
    if name == WRAPPED and not mark_of(value):
        return _layer(value["class_name"], value["config"])
    if isinstance(value, Mapping) and "class_name" in value:
        ending = next((end for end in NAMESPACES if name.endswith(end)), "")
        return _described(NAMESPACES.get(ending, name), value)
    return expression(value)


def _optimizer(optimizer: Object) -> CallExpression:
    """Return the optimizer with a name: Keras 3 numbers those without."""
    keywords = {
        name: _described("optimizers.schedules", value)
        if isinstance(value, Mapping) and "class_name" in value
        else expression(value)
        for name, value in optimizer.config.items()
    }
    named = {"name": literal(optimizer.class_name), **keywords}
    return CallExpression(_class("optimizers", optimizer.class_name), keywords=named)


def _named(namespace: str, one: str | Object) -> Expression:
    """Return the loss or metric with a name: Keras 3 numbers metrics without, and logs by name."""
    if isinstance(one, str):
        return literal(one)
    named = {"name": snake_case(one.class_name), **one.config}
    return CallExpression(_class(namespace, one.class_name), keywords=_values(named))


def _values(arguments: Config) -> dict[str, Expression]:
    return {name: expression(value) for name, value in arguments.items()}


def _described(namespace: str, described: Mapping[str, Any]) -> CallExpression:
    return CallExpression(
        _class(namespace, described["class_name"]), keywords=_values(described["config"])
    )


def _class(namespace: str, name: str) -> str:
    """Return the expression of a class that cases may name.

    Raises:
        InvalidCase: its name is none of a class.
    """
    if not CLASS.fullmatch(name):
        raise InvalidCase(f"keras.{namespace}: expected the name of a class, found {name!r}")
    return f"keras.{known(f'{namespace}.{name}')}"
