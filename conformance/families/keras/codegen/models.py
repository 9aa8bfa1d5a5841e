"""Models in source: constructor calls of an architecture, and its compile settings."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from saveproof.conformance.families.keras.builder import (
    NAMESPACES,
    RECURRENT,
    TAKES_TRAINING,
    WRAPPED,
)
from saveproof.conformance.families.keras.codegen.source import (
    CallExpression,
    Expression,
    Items,
    Lines,
    NotSource,
    flat,
    identifier,
    indented,
    lines,
    literal,
    literals,
    one_or_list,
)
from saveproof.conformance.families.keras.compile_settings import snake_case
from saveproof.strategies.case import (
    Architecture,
    Case,
    CompileSettings,
    Input,
    Kind,
    Layer,
    Object,
)
from saveproof.strategies.vocabulary import CLASSES

Tensors = dict[str, str]
"""Variable by tensor name."""


def build_function(name: str, case: Case, *, built: bool = True) -> Iterator[str]:
    """Yield a function that returns the case's model, compiled; a class before it if need be.

    `built=False` leaves a subclassed model without weights.
    """
    architecture = case.architecture
    subclassed = architecture.kind is Kind.SUBCLASSED
    written = {"build": "Written", "rebuild": "Rewritten"}[name]
    if subclassed:
        yield from (*_written_class(written, architecture), "", "")
    yield f"def {name}():"
    if subclassed:
        yield f"    model = {written}(code=object())"
        yield from indented(_weights(architecture) if built else ())
    else:
        yield from indented(_model(architecture, "model", architecture.name, ""))
    yield from indented(compiling("model", case.settings))
    yield "    return model"


def compiling(model: str, settings: CompileSettings) -> Iterator[str]:
    """Yield the compile call."""
    arguments: dict[str, Expression] = {
        "optimizer": _optimizer(settings.optimizer),
        "loss": one_or_list([_named("losses", loss) for loss in settings.losses]),
    }
    if any(settings.metrics):
        metrics = [Items(tuple(_metric(m) for m in each)) for each in settings.metrics]
        single = len(settings.losses) == 1
        arguments["metrics"] = metrics[0] if single else Items(tuple(metrics))
    if settings.loss_weights is not None:
        arguments["loss_weights"] = literal(list(settings.loss_weights))
    if settings.run_eagerly:
        arguments["run_eagerly"] = "True"
    yield from lines("", CallExpression(f"{model}.compile", keywords=arguments))


def layer_at(model: str, names: Sequence[str]) -> str:
    """Return the expression of a layer by its path of names, of the model itself for none."""
    return model + "".join(f".get_layer({literal(name)})" for name in names)


def layer_paths(architecture: Architecture) -> Iterator[tuple[tuple[str, ...], Layer]]:
    """Yield every layer with its path of names, nested models' too."""
    for layer in architecture.layers:
        yield (layer.name,), layer
        if layer.model is not None:
            for path, inner in layer_paths(layer.model):
                yield (layer.name, *path), inner


def resetting(model: str, architecture: Architecture) -> Iterator[str]:
    """Yield a call a stateful recurrent layer that makes it forget its states."""
    for path, layer in layer_paths(architecture):
        if layer.class_name in RECURRENT and layer.config.get("stateful"):
            yield f"{layer_at(model, path)}.reset_states()"


def _weights(architecture: Architecture) -> Iterator[str]:
    zeros = [
        f"np.zeros({literal((one.batch_size or 1, *one.shape))}, {literal(one.dtype)})"
        for one in architecture.inputs
    ]
    yield from lines("", CallExpression("model", (one_or_list(zeros),), {"training": "False"}))
    yield from resetting("model", architecture)


def _written_class(name: str, architecture: Architecture) -> Iterator[str]:
    """Yield the class: a layer an attribute, in the order of the case."""
    preparation, layers = _layers(architecture, "")
    attributes = {
        layer.name: f"self.{identifier(layer.class_name.lower())}_{index}"
        for index, layer in enumerate(architecture.layers)
    }
    made: Lines = [f"super().__init__(name={literal(architecture.name)})", *preparation]
    for layer in architecture.layers:
        made += lines(f"{attributes[layer.name]} = ", layers[layer.name])
    tensors = _input_variables(architecture, "")
    called = [f"{', '.join(tensors.values())} = inputs"]
    for variable, call in zip(_variables(architecture, ""), architecture.calls, strict=True):
        more = architecture.layer(call.layer).class_name in TAKES_TRAINING
        taken = flat(one_or_list([tensors[tensor] for tensor in call.inputs]))
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
        stack = Items((_input(architecture.inputs[0]), *layers.values()))
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
        taken = flat(one_or_list([tensors[tensor] for tensor in call.inputs]))
        yield from lines(f"{variable} = ", shared.get(call.layer, layer), f"({taken})")
        tensors[call.output] = variable


def _layers(architecture: Architecture, prefix: str) -> tuple[Lines, dict[str, Expression]]:
    """Return what must stand before, and every layer's expression by its name."""
    preparation: Lines = []
    layers: dict[str, Expression] = {}
    for index, layer in enumerate(architecture.layers):
        if layer.model is None:
            layers[layer.name] = _layer(layer.class_name, layer.config)
            continue
        variable = f"{prefix}nested_{index}"
        preparation += _model(layer.model, variable, layer.name, f"{variable}_")
        if "trainable" in layer.config:
            preparation.append(f"{variable}.trainable = {literal(layer.config['trainable'])}")
            preparation += _thawing(variable, layer.model)
        layers[layer.name] = variable
    return preparation, layers


def _thawing(model: str, architecture: Architecture) -> Lines:
    """Return how layers inside get flags of their own again; nothing if all are frozen."""
    told = [(path, one) for path, one in layer_paths(architecture) if "trainable" in one.config]
    if not any(one.config["trainable"] for _, one in told):
        return []
    return [
        f"{layer_at(model, path)}.trainable = {literal(one.config['trainable'])}"
        for path, one in told
    ]


def _variables(architecture: Architecture, prefix: str) -> list[str]:
    return [f"{prefix}t{index}" for index, _ in enumerate(architecture.calls, 1)]


def _input_variables(architecture: Architecture, prefix: str) -> Tensors:
    names = [one.name for one in architecture.inputs]
    if len(names) == 1:
        return {names[0]: f"{prefix}x"}
    return {name: f"{prefix}x{index}" for index, name in enumerate(names, 1)}


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
    if name == WRAPPED:
        return _layer(value["class_name"], value["config"])
    if isinstance(value, Mapping):
        ending = next((end for end in NAMESPACES if name.endswith(end)), "")
        return _described(NAMESPACES.get(ending, name), value)
    return literal(value)


def _optimizer(optimizer: Object) -> CallExpression:
    keywords = {
        name: _described("optimizers.schedules", value)
        if isinstance(value, Mapping)
        else literal(value)
        for name, value in optimizer.config.items()
    }
    return CallExpression(_class("optimizers", optimizer.class_name), keywords=keywords)


def _named(namespace: str, one: str | Object) -> Expression:
    if isinstance(one, str):
        return literal(one)
    return CallExpression(_class(namespace, one.class_name), keywords=literals(one.config))


def _metric(one: str | Object) -> Expression:
    """Return the metric with a name: Keras 3 numbers those without, and logs by name."""
    if isinstance(one, str):
        return literal(one)
    named = {"name": snake_case(one.class_name), **one.config}
    return _named("metrics", Object(one.class_name, named))


def _described(namespace: str, described: Mapping[str, Any]) -> CallExpression:
    return CallExpression(
        _class(namespace, described["class_name"]), keywords=literals(described["config"])
    )


def _class(namespace: str, name: str) -> str:
    """Return the expression of a class that cases may name.

    Raises:
        NotSource: it is none of them.
    """
    known = CLASSES.get(namespace, frozenset())
    if name not in known:
        raise NotSource(f"keras.{namespace}: expected one of {sorted(known)}, found {name!r}")
    return f"keras.{namespace}.{name}"
