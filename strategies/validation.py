"""Validation of cases written by hand, before anything is built."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    Case,
    CompileSettings,
    Evaluate,
    Fit,
    InvalidCase,
    Kind,
    Object,
    Predict,
    Recompile,
    SetTrainable,
    SetWeights,
    TrainOnBatch,
)
from saveproof.strategies.catalogue.exports import NAMESPACES
from saveproof.strategies.catalogue.marked import classes_in, is_marked
from saveproof.strategies.departures import other_code
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.targets import target_of

DESCRIBED = ("_initializer", "_regularizer", "_constraint", "layer", "learning_rate")
"""Endings of the arguments that may be an object, described by its class and its arguments."""

CLASS = re.compile("[A-Z][A-Za-z0-9]*")
"""What a class of a framework is called; a function is not."""


class DuplicateName(InvalidCase):
    """Two layers, or two tensors, of one architecture have the same name."""


class NotAChain(InvalidCase):
    """A sequential architecture branches, shares a layer or has several inputs or outputs."""


class UnusedPart(InvalidCase):
    """Nothing calls a layer, or nothing uses a tensor."""


class MisfitSettings(InvalidCase):
    """The compile settings do not fit the outputs."""


class MisfitEvent(InvalidCase):
    """The model cannot perform an event."""


class MisfitArgument(InvalidCase):
    """An argument of a layer, optimizer, loss or metric can be no constructor argument."""


def validate(case: Case) -> None:
    """Return if the case can be built and trained.

    Raises:
        InvalidCase: it cannot; the subclass and the message say where and why.
    """
    if case.is_object:
        _check_by_itself(case)
        return
    _check_architecture(case.architecture, case.architecture.name)
    outputs = len(case.architecture.outputs)
    _check_settings(case.settings, outputs, "settings")
    events = (*case.history.before, *case.history.after)
    if not any(isinstance(event, Fit | TrainOnBatch) for event in case.history.before):
        raise MisfitEvent("history.before: expected at least one fit or train_on_batch")
    if not case.history.after:
        raise MisfitEvent(
            "history.after: expected at least one event, found none; add training, without which "
            "no check of behaviour could judge the case"
        )
    for index, event in enumerate(events):
        _check_event(event, case.architecture, f"event {index}")
    if case.loading is not None:
        other_code(case)


def _check_by_itself(case: Case) -> None:
    """Check one object: its class is in a namespace, and its arguments are plain or marked."""
    if len(case.architecture.layers) != 1:
        raise InvalidCase(f"expected one object, found {len(case.architecture.layers)}")
    (layer,) = case.architecture.layers
    _check_class(layer.class_name, layer.class_name)
    _check_object(layer.class_name.rpartition(".")[2], layer.config, layer.class_name)


def _check_architecture(architecture: Architecture, where: str) -> None:
    for layer in architecture.layers:
        if not isinstance(layer.config.get("name"), str):
            raise MisfitArgument(f"{where}: expected a name in every layer's config, found {layer}")
    names = [layer.name for layer in architecture.layers]
    _check_unique(names, f"{where}, layers")
    tensors = [input_.name for input_ in architecture.inputs]
    _check_unique([*tensors, *(call.output for call in architecture.calls)], f"{where}, tensors")
    for layer in architecture.layers:
        _check_object(layer.class_name, layer.config, f"{where}/{layer.config.get('name')}")
        if layer.model is not None:
            _check_architecture(layer.model, f"{where}/{layer.name}")
        elif not CLASS.fullmatch(layer.class_name):
            raise InvalidCase(
                f"{where}, layer {layer.name!r}: expected the name of a class, "
                f"found {layer.class_name!r}"
            )
    if architecture.kind is Kind.SEQUENTIAL:
        _check_chain(architecture, where)
    tensor_shapes(architecture)
    _check_used(architecture, where)


def _check_unique(names: Iterable[str], where: str) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DuplicateName(f"{where}: expected every name once, found twice: {twice}")


def _check_chain(architecture: Architecture, where: str) -> None:
    tensors = [input_.name for input_ in architecture.inputs]
    tensors += [call.output for call in architecture.calls]
    taken = [name for call in architecture.calls for name in call.inputs]
    called = [call.layer for call in architecture.calls]
    chained = len(architecture.inputs) == 1 and taken == tensors[:-1]
    in_order = called == [layer.name for layer in architecture.layers]
    if not (chained and in_order and list(architecture.outputs) == tensors[-1:]):
        raise NotAChain(
            f"{where}: a sequential model calls each layer once, in order, on the tensor before; "
            f"found calls of {called} on {taken}, outputs {list(architecture.outputs)}"
        )


def _check_used(architecture: Architecture, where: str) -> None:
    idle = {layer.name for layer in architecture.layers}
    idle -= {call.layer for call in architecture.calls}
    if idle:
        raise UnusedPart(f"{where}: layers that nothing calls: {sorted(idle)}")
    taken = {name for call in architecture.calls for name in call.inputs}
    given = {call.output for call in architecture.calls}
    given |= {input_.name for input_ in architecture.inputs}
    loose = sorted(given - taken - set(architecture.outputs))
    if loose:
        raise UnusedPart(f"{where}: tensors that nothing takes: {loose}; make them outputs")


def _check_settings(settings: CompileSettings, outputs: int, where: str) -> None:
    lengths: list[tuple[str, Sequence[object]]] = [("losses", settings.losses)]
    if settings.metrics:
        lengths.append(("metrics", settings.metrics))
    if settings.loss_weights is not None:
        lengths.append(("loss_weights", settings.loss_weights))
    for name, values in lengths:
        if len(values) != outputs:
            raise MisfitSettings(
                f"{where}.{name}: expected {outputs}, one an output, found {len(values)}"
            )
    for loss in settings.losses:
        target_of(loss)
    given = (settings.optimizer, *settings.losses, *(m for each in settings.metrics for m in each))
    for one in given:
        if isinstance(one, Object):
            _check_object(one.class_name, one.config, f"{where}, {one.class_name!r}")


def _check_class(qualified: object, where: str) -> None:
    namespace, _, name = str(qualified).rpartition(".")
    if namespace not in NAMESPACES or not CLASS.fullmatch(name):
        raise MisfitArgument(
            f"{where}: expected a class of {', '.join(NAMESPACES)}; found {qualified!r}"
        )


def _check_object(class_name: object, config: object, where: str) -> None:
    """Refuse everything but classes with plain arguments: a framework may run code for others."""
    if not (isinstance(class_name, str) and CLASS.fullmatch(class_name)):
        raise MisfitArgument(f"{where}: expected the name of a class, found {class_name!r}")
    if not isinstance(config, Mapping):
        raise MisfitArgument(f"{where}: expected arguments by name, found {config!r}")
    for name, value in config.items():
        if not name.isidentifier():
            raise MisfitArgument(f"{where}: expected names of arguments, found {name!r}")
        for qualified in classes_in(value):
            _check_class(qualified, f"{where}, {name}")
        if is_marked(value):
            continue
        if isinstance(value, Mapping) and name.endswith(DESCRIBED):
            if set(value) != {"class_name", "config"}:
                raise MisfitArgument(
                    f"{where}, {name}: expected class_name and config, found {sorted(value)}"
                )
            _check_object(value["class_name"], value["config"], f"{where}, {name}")
        elif _holds_a_mapping(value):
            raise MisfitArgument(
                f"{where}, {name}: expected a plain value or a list of them, found {value!r}"
            )


def _holds_a_mapping(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_a_mapping, value))
    return isinstance(value, Mapping)


def _check_event(event: AnyEvent, architecture: Architecture, where: str) -> None:
    if isinstance(event, Fit | Evaluate | Predict) and event.samples % event.batch_size:
        raise MisfitEvent(
            f"{where}: samples {event.samples}, expected a multiple of batch_size "
            f"{event.batch_size}"
        )
    if isinstance(event, Fit | Evaluate | Predict | TrainOnBatch):
        for input_ in architecture.inputs:
            if input_.batch_size not in (None, event.batch_size):
                raise MisfitEvent(
                    f"{where}: batch_size {event.batch_size}, expected {input_.batch_size}, "
                    f"which input {input_.name!r} fixes"
                )
    if isinstance(event, Recompile):
        _check_settings(event.settings, len(architecture.outputs), f"{where}, settings")
    if isinstance(event, SetWeights) and (event.weight < 0 or not event.values):
        raise MisfitEvent(
            f"{where}: expected the place of a weight from 0 on, and values; found {event.weight} "
            f"and {list(event.values)}"
        )
    if isinstance(event, SetTrainable | SetWeights):
        _check_address(event.layer, architecture, where)


def _check_address(address: str, architecture: Architecture, where: str) -> None:
    model: Architecture | None = architecture
    for name in address.split("/"):
        names = sorted(layer.name for layer in model.layers) if model is not None else []
        if model is None or name not in names:
            raise MisfitEvent(f"{where}: no layer {address!r}; at {name!r} expected one of {names}")
        model = model.layer(name).model
