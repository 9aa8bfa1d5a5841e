"""Cases: what to build, train and save, as frozen JSON-serialisable records.

Long because a case is one record: its parts, its JSON and what can be asked of it stand together.
"""

import hashlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import msgspec

Number = float | Literal["nan", "inf", "-inf"]
"""A number that a case writes into a weight: JSON has none for the last three."""

Config = dict[str, Any]
"""Keyword arguments of a Keras object: JSON values only (lists, never tuples)."""


class InvalidCase(ValueError):
    """The text or record is no valid case; the message says where and what was expected."""


class CaseRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen record that JSON can hold and that refuses fields it does not know."""


class Kind(StrEnum):
    """How the model is written down in the subject's own API."""

    SEQUENTIAL = "sequential"
    FUNCTIONAL = "functional"
    SUBCLASSED = "subclassed"
    OBJECT = "object"
    """No model, but one object by itself."""


MODELS = (Kind.SEQUENTIAL, Kind.FUNCTIONAL, Kind.SUBCLASSED)
"""The kinds of model."""


class Object(CaseRecord, frozen=True):
    """A Keras object by name: an optimizer, schedule, loss or metric, and its arguments."""

    class_name: str
    config: Config = {}


class Input(CaseRecord, frozen=True):
    """An input tensor; `shape` is without the batch axis.

    `vocabulary` is the exclusive upper bound of integer inputs, 0 for real ones.
    `batch_size` is fixed where a stateful layer needs it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    vocabulary: int = 0
    batch_size: int | None = None


class Layer(CaseRecord, frozen=True):
    """A layer by Keras class name and constructor arguments (`config["name"]` is its name).

    A nested model is a layer whose `model` is set; its class name is `Sequential` or `Functional`.
    Its flag `trainable=False` freezes every layer in it, except one that has `trainable=True`.
    """

    class_name: str
    config: Config
    model: "Architecture | None" = None

    @property
    def name(self) -> str:
        """The layer's name, unique within its architecture; its class's without one."""
        return str(self.config.get("name", self.class_name))

    def without(self, left_out: Callable[[str], bool]) -> "Layer":
        """Return the layer without arguments of these names, in nested models too."""
        config = {name: value for name, value in self.config.items() if not left_out(name)}
        model = self.model
        if model is not None:
            layers = tuple(layer.without(left_out) for layer in model.layers)
            model = msgspec.structs.replace(model, layers=layers)
        return msgspec.structs.replace(self, config=config, model=model)


class Call(CaseRecord, frozen=True):
    """One call of a layer: the names of its input tensors and of its output tensor.

    A shared layer has several calls; `output` is unique within the architecture.
    """

    layer: str
    inputs: tuple[str, ...]
    output: str


class Architecture(CaseRecord, frozen=True):
    """A model: inputs, layers, their calls in topological order, and the output tensors.

    A sequential architecture has one input, one call a layer, each on the tensor before it.
    """

    kind: Kind
    name: str
    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]

    def layer(self, name: str) -> Layer:
        """Return the layer of that name."""
        return next(layer for layer in self.layers if layer.name == name)

    def every_layer(self) -> Iterator[Layer]:
        """Yield the layers, each nested model before the layers in it."""
        for layer in self.layers:
            yield layer
            if layer.model is not None:
                yield from layer.model.every_layer()

    def by_address(self) -> Iterator[tuple[tuple[str, ...], Layer]]:
        """Yield every layer with its address: the names of the models around it, then its own."""
        for layer in self.layers:
            yield (layer.name,), layer
            if layer.model is not None:
                for address, inner in layer.model.by_address():
                    yield (layer.name, *address), inner


class CompileSettings(CaseRecord, frozen=True):
    """The arguments of `compile`; losses and metrics are in the order of the outputs.

    A loss or metric is a Keras identifier (`"mse"`) or an object with arguments.
    """

    optimizer: Object
    losses: tuple[str | Object, ...]
    metrics: tuple[tuple[str | Object, ...], ...] = ()
    loss_weights: tuple[float, ...] | None = None
    run_eagerly: bool = True


class Event(CaseRecord, frozen=True, tag_field="event", tag=True):
    """One step of a training history."""


def tag_of(event: type[Event]) -> str:
    """Return the name of a kind of event in a case's JSON."""
    return str(event.__struct_config__.tag)


class Fit(Event, frozen=True, tag="fit"):
    """`fit` on `samples` rows (a multiple of `batch_size`); `class_weight` by class number."""

    epochs: int
    samples: int
    batch_size: int
    shuffle: bool = False
    sample_weight: bool = False
    class_weight: tuple[float, ...] = ()


class TrainOnBatch(Event, frozen=True, tag="train_on_batch"):
    """Call `train_on_batch` `steps` times, with a new batch each time."""

    steps: int
    batch_size: int
    sample_weight: bool = False
    class_weight: tuple[float, ...] = ()


class Evaluate(Event, frozen=True, tag="evaluate"):
    """`evaluate` on `samples` rows."""

    samples: int
    batch_size: int


class Predict(Event, frozen=True, tag="predict"):
    """`predict` on `samples` rows."""

    samples: int
    batch_size: int


class SetTrainable(Event, frozen=True, tag="set_trainable"):
    """Freeze or unfreeze the layer at an address (`outer/inner` if nested), without `compile`."""

    layer: str
    value: bool


class SetLearningRate(Event, frozen=True, tag="set_learning_rate"):
    """Assign the optimizer's learning rate; never if a schedule sets it."""

    value: float


class SetWeights(Event, frozen=True, tag="set_weights"):
    """Write numbers into the first elements of a weight, through `get_weights` and `set_weights`.

    `layer` is an address, `weight` a place in the layer's `get_weights`; a smaller weight takes as
    many of the numbers as it has elements.
    """

    layer: str
    weight: int
    values: tuple[Number, ...]


class Recompile(Event, frozen=True, tag="recompile"):
    """Call `compile` again: the optimizer is new, the weights stay."""

    settings: CompileSettings


class ResetMetrics(Event, frozen=True, tag="reset_metrics"):
    """`reset_metrics`."""


class ResetStates(Event, frozen=True, tag="reset_states"):
    """Reset the states of stateful recurrent layers."""


class Hop(Event, frozen=True, tag="hop"):
    """Save and load through a save path, and continue with the loaded model.

    An empty name stands for the save path under test: see `Case.through`.
    """

    path: str = ""


AnyEvent = (
    Fit
    | TrainOnBatch
    | Evaluate
    | Predict
    | SetTrainable
    | SetLearningRate
    | SetWeights
    | Recompile
    | ResetMetrics
    | ResetStates
    | Hop
)


class TrainingHistory(CaseRecord, frozen=True):
    """The events before the save, and those after the load."""

    before: tuple[AnyEvent, ...]
    after: tuple[AnyEvent, ...]


class Departure(StrEnum):
    """How the code that loads departs from the code that saved: see `departures`."""

    FROZEN = "frozen"
    THAWED = "thawed"
    ORDER = "order"
    NUMBERED = "numbered"
    HEAD = "head"
    DTYPE = "dtype"
    OPTIMIZER = "optimizer"
    UNCOMPILED = "uncompiled"
    UNBUILT = "unbuilt"
    FIRST_STEP = "first step"


class Case(CaseRecord, frozen=True, dict=True, omit_defaults=True):
    """One test input: architecture, compile settings, training history and data seed.

    Of one object by itself, the architecture has it as its only layer, by its qualified name
    (`losses.Huber`), and there are no settings and no history. `tested` are the arguments under
    test, which the plain object leaves at their defaults.

    With `loading`, save paths that need the model's code load once more, into code that departs so.
    """

    architecture: Architecture
    settings: CompileSettings
    history: TrainingHistory
    seed: int
    tested: tuple[str, ...] = ()
    loading: Departure | None = None

    @cached_property
    def id(self) -> str:
        """Hash of the canonical JSON: 16 hexadecimal digits, equal in every process."""
        return hashlib.sha256(to_json(self)).hexdigest()[:16]

    @property
    def is_object(self) -> bool:
        """Whether the case is one object by itself."""
        return self.architecture.kind is Kind.OBJECT

    @property
    def plain(self) -> "Case":
        """The case without the arguments under test."""
        layers = tuple(one.without(self.tested.__contains__) for one in self.architecture.layers)
        architecture = msgspec.structs.replace(self.architecture, layers=layers)
        return msgspec.structs.replace(self, architecture=architecture, tested=())

    @property
    def final_settings(self) -> CompileSettings:
        """The compile settings in force when the model is saved."""
        recompiled = [e.settings for e in self.history.before if isinstance(e, Recompile)]
        return recompiled[-1] if recompiled else self.settings

    @property
    def shares_layers(self) -> bool:
        """Whether some layer is called more than once, nested models included."""
        return _shares_layers(self.architecture)

    def through(self, path: str, *, hops: bool) -> "Case":
        """Return the case for a test of that save path: unnamed hops get the path's name.

        If `hops` is false, training can't continue after a load, and unnamed hops are left out.
        """
        own = (Hop(path=path),) if hops else ()
        events = (own if event == Hop() else (event,) for event in self.history.before)
        before = tuple(chain.from_iterable(events))
        if before == self.history.before:
            return self
        history = msgspec.structs.replace(self.history, before=before)
        return msgspec.structs.replace(self, history=history)

    def loaded_by(self, departure: Departure | None) -> "Case":
        """Return the case with that departure of the code that loads; None for the same code."""
        return msgspec.structs.replace(self, loading=departure)

    @property
    def set_since_compile(self) -> tuple[SetTrainable, ...]:
        """The flags set before the save and after the last `compile`."""
        events = self.history.before
        compiled = [number for number, event in enumerate(events) if isinstance(event, Recompile)]
        since = events[compiled[-1] :] if compiled else events
        return tuple(event for event in since if isinstance(event, SetTrainable))

    @property
    def trained_since_compile(self) -> bool:
        """Whether the optimizer in force at the save has taken a step."""
        steps = [e for e in self.history.before if isinstance(e, Fit | TrainOnBatch | Recompile)]
        return bool(steps) and not isinstance(steps[-1], Recompile)

    @property
    def is_stochastic(self) -> bool:
        """Whether training draws random numbers: dropout of any kind, or shuffled rows."""
        events = self.history.before + self.history.after
        shuffled = any(isinstance(event, Fit) and event.shuffle for event in events)
        return shuffled or any(
            layer.config.get(rate)
            for layer in self.architecture.every_layer()
            for rate in ("rate", "dropout", "recurrent_dropout")
        )

    @property
    def in_half_precision(self) -> bool:
        """Whether some layer computes in float16 or bfloat16."""
        layers = self.architecture.every_layer()
        return any("float16" in str(layer.config.get("dtype")) for layer in layers)

    @property
    def is_stateful(self) -> bool:
        """Whether some recurrent layer keeps its state from batch to batch."""
        return any(layer.config.get("stateful") for layer in self.architecture.every_layer())

    @property
    def in_force(self) -> "Case":
        """The case that builds the model as it is at the save: final settings and final flags.

        Training and freezing are in the past: `build` needs only their result.
        """
        architecture = self.architecture
        for event in self.history.before:
            if isinstance(event, SetTrainable):
                architecture = with_flag(architecture, event.layer.split("/"), value=event.value)
        return msgspec.structs.replace(
            self, architecture=architecture, settings=self.final_settings, loading=None
        )

    @property
    def as_compiled(self) -> "Case":
        """The case `in_force`, with the flags at the last `compile` before the save."""
        case = self.in_force
        for event in reversed(self.set_since_compile):
            address = event.layer.split("/")
            flagged = with_flag(case.architecture, address, value=not event.value)
            case = msgspec.structs.replace(case, architecture=flagged)
        return case


def to_json(case: Case) -> bytes:
    """Return the case's canonical JSON: sorted keys, shortest floats, UTF-8."""
    return msgspec.json.encode(case, order="sorted")


def from_json(text: bytes | str) -> Case:
    """Return the case that the JSON describes.

    Raises:
        InvalidCase: the text is not JSON, lacks a field, or has one that no case has.
    """
    try:
        return msgspec.json.decode(text, type=Case)
    except msgspec.MsgspecError as error:
        raise InvalidCase(f"not a saveproof case: {error}") from error


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a case."""
    return msgspec.json.schema(Case)


def with_flag(
    architecture: Architecture, address: list[str], *, value: bool, frozen: bool = False
) -> Architecture:
    """Return the architecture with that flag; `frozen`: whether the model's own flag is False."""
    layers = tuple(
        _flagged(layer, address[1:], value=value, frozen=frozen)
        if layer.name == address[0]
        else layer
        for layer in architecture.layers
    )
    return msgspec.structs.replace(architecture, layers=layers)


def _flagged(layer: Layer, address: list[str], *, value: bool, frozen: bool) -> Layer:
    if layer.model is not None and address:
        inside = not layer.config.get("trainable", not frozen)
        model = with_flag(layer.model, address, value=value, frozen=inside)
        return msgspec.structs.replace(layer, model=model)
    unflagged = layer.without("trainable".__eq__)  # a model's is that of every layer in it
    flag = {} if value and not frozen else {"trainable": value}
    return msgspec.structs.replace(unflagged, config=unflagged.config | flag)


def _shares_layers(architecture: Architecture) -> bool:
    called = [call.layer for call in architecture.calls]
    nested = [layer.model for layer in architecture.layers if layer.model is not None]
    return len(set(called)) < len(called) or any(map(_shares_layers, nested))
