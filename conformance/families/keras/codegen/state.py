"""Source for snapshots: the expression of one entry, by facet and place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from saveproof.conformance.families.keras.arguments import GIVEN, RENAMED, WRAPPED
from saveproof.conformance.families.keras.codegen.models import (
    NAMESPACES,
    RECURRENT,
    layer_at,
)
from saveproof.conformance.families.keras.codegen.source import (
    Lines,
    identifier,
    index,
    literal,
)
from saveproof.conformance.families.keras.inspection import (
    COMPILE_CONFIG,
    CONFIG,
    LIVE_FLAGS,
    NO_SLOTS,
)
from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import Change
from saveproof.strategies.case import Architecture, Case, Kind

MISSING = frozenset((Change.MISSING, Change.UNEXPECTED))
"""Changes where one of the two models has no such entry."""


@dataclass(frozen=True)
class EntryAddress:
    """An entry of a snapshot: the layer's address, and what follows it."""

    layer: tuple[str, ...]
    rest: str

    @property
    def model(self) -> str:
        """The expression of the layer."""
        return layer_at("model", self.layer)


def look(case: Case, facet: Facet, where: str, change: Change | None) -> Lines:
    """Return the function `look(model)` that gives the entry, or its place in the order."""
    expression = (
        _ORDER.get(facet, _LAYER_NAMES) if change is Change.ORDER else _entry(case, facet, where)
    )
    head = ["def look(model):", *_before(facet)]
    if facet is Facet.SLOTS and change in MISSING and expression.startswith("np.array(slots["):
        return [*head, "    return len(slots)"]
    if change not in MISSING:
        return [*head, f"    return {expression}"]
    return [
        *head,
        "    try:",
        f"        return {expression}",
        "    except (AttributeError, IndexError, KeyError, TypeError, ValueError):",
        '        return "missing"',
    ]


def look_alive(where: str) -> Lines | None:
    """Return the function `look(model)` that gives a live entry; None if no source reads it."""
    head, _, rest = where.partition("/")
    if head in _CONFIGS and rest:
        expression = f"({_CONFIGS[head]} or {{}}).get({literal(rest.partition('/')[0])})"
        return ["def look(model):", f"    return {_text(expression)}"]
    if head in LIVE_FLAGS and not rest:
        return ["def look(model):", f"    return model.{head}"]
    return None


_CONFIGS = {COMPILE_CONFIG: "model.get_compile_config()", CONFIG: "model.get_config()"}
"""The expression of a live config, by the first part of its entries."""


def _before(facet: Facet) -> Lines:
    if facet is not Facet.SLOTS:
        return []
    return [
        f"    others = {literal(tuple(sorted(NO_SLOTS)))}",
        "    held = model.optimizer.variables",
        '    slots = [v for v in held if v.name.split("/")[-1].split(":")[0] not in others]',
    ]


def _entry(case: Case, facet: Facet, where: str) -> str:
    return _ENTRIES[facet](case, where)


def _place(architecture: Architecture, where: str) -> EntryAddress:
    """Return the deepest layer that the place names; of a layer that is not there, the text's."""
    addresses = sorted((address for address, _ in architecture.by_address()), key=len, reverse=True)
    for address in addresses:
        joined = "/".join(address)
        if where == joined or where.startswith(f"{joined}/"):
            return EntryAddress(address, where[len(joined) + 1 :])
    outer, _, rest = where.rpartition("/")
    return EntryAddress(tuple(outer.split("/")), rest)


def _keyed(keys: Sequence[str]) -> str:
    return "".join(f"[{index(key) if key.isdecimal() else literal(key)}]" for key in keys)


def _text(expression: str) -> str:
    return f"json.dumps({expression}, default=str)"


def _architecture(case: Case, where: str) -> str:
    keys = where.split("/")
    if case.architecture.kind is not Kind.SUBCLASSED:
        return _text(f"model.get_config(){_keyed(keys)}")
    if keys[0] != "layers":
        return "model.name"
    _, number, part, *more = keys
    layer = f"model.layers[{index(number)}]"
    if part == "class_name":
        return f"type({layer}).__name__"
    return _text(f"{layer}.get_config(){_keyed(more)}")


def _arguments(case: Case, where: str) -> str:
    place = _place(case.architecture, where)
    return _argument(place.model, place.rest)


def _argument(model: str, rest: str) -> str:
    name, _, more = rest.partition("/")
    value = f"getattr({model}, {literal(name)}, None)"
    if name in RENAMED:
        value = f"getattr({model}, {literal(RENAMED[name])}, {value})"
    if name in WRAPPED:
        return _argument(f"{model}.{name}", more)
    if name.endswith("activation"):
        return _text(f"keras.activations.serialize({value})")
    if more:
        held, own = f"{model}.{identifier(name)}", more.rpartition("/")[2]
        given = f"getattr({held}, {literal(own)}, None)"
        return _text(f"getattr({held}, {literal(GIVEN[own])}, {given})" if own in GIVEN else given)
    return f"type({value}).__name__" if name.endswith(tuple(NAMESPACES)) else _text(value)


def _sharing(case: Case, where: str) -> str:
    place = _place(case.architecture, where)
    *outer, last = place.layer
    siblings = f"{layer_at('model', outer)}.layers"
    if place.rest.startswith("call "):
        nodes = f'{layer_at("model", outer)}.get_config()["layers"]'
        found = f'next(one for one in {nodes} if one["config"]["name"] == {literal(last)})'
        call = index(place.rest.removeprefix("call "))
        return _text(f'{found}["inbound_nodes"][{call}]')
    if place.rest.isdecimal():
        weight = f"{place.model}.weights[{index(place.rest)}]"
        return f"[one.name for one in {siblings} if any(w is {weight} for w in one.weights)]"
    return f"[one.name for one in {siblings} if one is {place.model}]"


def _names(case: Case, where: str) -> str:
    if where == "model":
        return "model.name"
    if where == "layers":
        return _LAYER_NAMES
    place = _place(case.architecture, where)
    return f'{_weight(case, place)}.name.rpartition("/")[2].partition(":")[0]'


def _weights(case: Case, where: str) -> str:
    return f"np.array({_weight(case, _place(case.architecture, where))})"


def _weight(case: Case, place: EntryAddress) -> str:
    """Return the expression of a layer's own weight; by name if there are states between them."""
    number, _, name = place.rest.partition(" ")
    layers = dict(case.architecture.by_address())
    layer = layers.get(place.layer)
    if name and layer and layer.class_name in RECURRENT and layer.config.get("stateful"):
        return f"next(w for w in {place.model}.weights if {literal('/' + name)} in w.name)"
    return f"{place.model}.weights[{index(number)}]"


def _trainable(case: Case, where: str) -> str:
    layer = _place(case.architecture, where).model if where else "model"
    return f"{layer}.trainable"


def _policy(case: Case, where: str) -> str:
    policy = f"{_place(case.architecture, where).model}.dtype_policy"
    return f'getattr({policy}, "name", {policy})'


_LOSS_ARGUMENTS = (
    'getattr(model.loss, "_fn_kwargs", None) or '
    '[getattr(one, "_fn_kwargs", None) for one in model.loss]'
)
"""The arguments of live losses, which their configs may forget."""


def _compile(_: Case, where: str) -> str:
    setting = where.split("/")[0]
    config = f"(model.get_compile_config() or {{}}).get({literal(setting)})"
    return _text(config if setting != "loss" else f"[{config}, {_LOSS_ARGUMENTS}]")


def _optimizer(_: Case, where: str) -> str:
    if where == "class_name":
        return "type(model.optimizer).__name__"
    return _text(f"model.optimizer.get_config(){_keyed(where.split('/'))}")


def _slots(_: Case, where: str) -> str:
    number = where.split(" ")[0]
    if number.isdecimal():
        return f"np.array(slots[{index(number)}])"
    return f"np.array(getattr(model.optimizer, {literal(where)}))"


def _iteration(_: Case, __: str) -> str:
    return "np.array(model.optimizer.iterations)"


def _metrics(_: Case, where: str) -> str:
    metric, __, variable = where.rpartition("/")
    number = index(metric.split(" ")[0])
    return f"np.array(model.metrics[{number}].variables[{index(variable)}])"


def _generators(case: Case, where: str) -> str:
    place = _place(case.architecture, where)
    return f"np.array(generators({place.model})[{index(place.rest)}])"


def _states(case: Case, where: str) -> str:
    place = _place(case.architecture, where)
    return f"np.array({place.model}.states[{index(place.rest)}])"


_LAYER_NAMES = "[layer.name for layer in model.layers]"

_ORDER = {
    Facet.SLOTS: "[v.name for v in model.optimizer.variables]",
    Facet.WEIGHTS: "[w.name for w in model.weights]",
    Facet.NON_TRAINABLE: "[w.name for w in model.weights]",
    Facet.COMPILE: "list(model.get_compile_config() or {})",
    Facet.OPTIMIZER: "list(model.optimizer.get_config())",
    Facet.ARCHITECTURE: _text("model.get_config()"),
    Facet.METRICS: "[metric.name for metric in model.metrics]",
}
"""The expression of a facet's names in order; the other facets have the order of the layers."""

_ENTRIES: Mapping[Facet, Callable[[Case, str], str]] = {
    Facet.ARCHITECTURE: _architecture,
    Facet.ARGUMENTS: _arguments,
    Facet.SHARING: _sharing,
    Facet.NAMES: _names,
    Facet.WEIGHTS: _weights,
    Facet.NON_TRAINABLE: _weights,
    Facet.TRAINABLE: _trainable,
    Facet.DTYPE_POLICY: _policy,
    Facet.COMPILE: _compile,
    Facet.OPTIMIZER: _optimizer,
    Facet.SLOTS: _slots,
    Facet.ITERATION: _iteration,
    Facet.LEARNING_RATE: _optimizer,
    Facet.RNG: _generators,
    Facet.METRICS: _metrics,
    Facet.RECURRENT: _states,
}
"""The expression of an entry, by its facet."""
