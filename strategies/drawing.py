"""A case as a few lines of text that a person can read as a model."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    Case,
    CompileSettings,
    Input,
    Kind,
    Layer,
    Object,
    Recompile,
    tag_of,
)
from saveproof.strategies.shapes import Shape, layer_shape

FIRST = ("units", "filters", "kernel_size", "rate", "input_dim", "output_dim", "activation")


def drawing(case: Case) -> str:
    """Return the case as text: its layers and their arguments, the optimizer, the history.

    A layer stands as `name: Class(arguments) → shape` after the batch axis; where the model is
    no chain, the tensors that it takes follow the arguments. A second call of a layer stands
    under the layer's name.
    """
    return "\n".join(
        [
            *_model_lines(case.architecture, None),
            f"compile: {_settings(case.settings)}",
            f"before the save: {_events(case.history.before)}",
            f"after the load: {_events(case.history.after)}",
            *([f"loaded by other code: {case.loading}"] if case.loading else []),
            f"data seed: {case.seed}",
        ]
    )


def _model_lines(architecture: Architecture, given: Sequence[Shape] | None) -> Iterator[str]:
    """Yield the lines of a model; `given` are the shapes that come into a nested one."""
    chain = architecture.kind is Kind.SEQUENTIAL
    if given is None:
        yield f"{architecture.kind} model {architecture.name!r}"
        given = [(i.batch_size, *i.shape) for i in architecture.inputs]
    shapes: dict[str, Shape] = {}
    for input_, shape in zip(architecture.inputs, given, strict=True):
        shapes[input_.name] = shape
        yield f"  {input_.name}: {_input(input_)}"
    layers = {layer.name: layer for layer in architecture.layers}
    drawn: set[str] = set()
    for call in architecture.calls:
        layer = layers[call.layer]
        inputs = [shapes[name] for name in call.inputs]
        shapes[call.output] = layer_shape(layer, inputs)
        taken = "" if chain else f"({', '.join(call.inputs)})"
        what = call.layer if call.layer in drawn else _layer(layer)
        yield f"  {call.output}: {what}{taken} → {shapes[call.output][1:]}"
        if layer.model is not None and call.layer not in drawn:
            yield from (f"  {line}" for line in _model_lines(layer.model, inputs))
        drawn.add(call.layer)
    if not chain:
        yield f"  outputs: {', '.join(architecture.outputs)}"


def _input(input_: Input) -> str:
    arguments: dict[str, object] = {"shape": input_.shape}
    if input_.batch_size is not None:
        arguments["batch_size"] = input_.batch_size
    if input_.dtype != "float32":
        arguments["dtype"] = input_.dtype
    text = f"Input({_arguments(arguments)})"
    return f"{text}, values below {input_.vocabulary}" if input_.vocabulary else text


def _layer(layer: Layer) -> str:
    arguments = {key: value for key, value in layer.config.items() if key != "name"}
    return f"{layer.class_name}({_arguments(dict(sorted(arguments.items(), key=_place)))})"


def _place(argument: tuple[str, object]) -> int:
    """Sort a layer's most important arguments first; a case read from JSON has sorted keys."""
    return FIRST.index(argument[0]) if argument[0] in FIRST else len(FIRST)


def _settings(settings: CompileSettings) -> str:
    parts = [_value(settings.optimizer), f"loss {_several(settings.losses)}"]
    if any(settings.metrics):
        parts.append(f"metrics {'; '.join(_several(each) or 'none' for each in settings.metrics)}")
    if settings.loss_weights:
        parts.append(f"loss weights {_several(settings.loss_weights)}")
    if not settings.run_eagerly:
        parts.append("as a graph")
    return ", ".join(parts)


def _events(events: Sequence[AnyEvent]) -> str:
    return ", ".join(map(_event, events)) or "nothing"


def _event(event: AnyEvent) -> str:
    name = tag_of(type(event))
    if isinstance(event, Recompile):
        return f"{name}({_settings(event.settings)})"
    changed = {
        field.name: getattr(event, field.name)
        for field in msgspec.structs.fields(event)
        if getattr(event, field.name) != field.default
    }
    return f"{name}({_arguments(changed)})"


def _arguments(arguments: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={_value(value)}" for key, value in arguments.items())


def _several(values: Sequence[object]) -> str:
    return ", ".join(value if isinstance(value, str) else _value(value) for value in values)


def _value(value: object) -> str:
    """Return a value as one writes it in a program, objects by name as constructor calls."""
    if isinstance(value, Object):
        return f"{value.class_name}({_arguments(value.config)})"
    if isinstance(value, Mapping) and value.keys() == {"class_name", "config"}:
        return f"{value['class_name']}({_arguments(value['config'])})"
    return repr(value)
