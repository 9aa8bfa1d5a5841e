"""The adapter: checks each call of a subject against the protocol, and passes copies to it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager

import numpy as np

from saveproof.conformance.model_state.snapshot import LIVE, Inventory, Snapshot, Value
from saveproof.conformance.model_state.subject import Drawing, Logs, Model, Subject
from saveproof.strategies.case import AnyEvent, Case, Fit, TrainOnBatch, from_json, to_json
from saveproof.strategies.data import Rows

_SCALARS: Set[type] = frozenset((bool, float, int, str, type(None)))
_PLAIN: Set[type] = _SCALARS | {list, np.ndarray}
"""Classes of values that need no closer look, and those that need one only now and then."""


class Misbehaved(Exception):
    """The subject breaks the protocol of `saveproof.conformance.model_state.subject`."""


class Adapter:
    """A subject that gets copies, and returns plain data of its own.

    Each call raises the subject's exceptions, and `Misbehaved` where its answer breaks the protocol
    or where it has changed its arguments.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def seed(self, seed: int) -> None:
        """Seed the process-wide generators."""
        self._subject.seed(seed)

    def generators(self) -> Mapping[str, str]:
        """Return the states of the framework's process-wide generators, if it has any."""
        return self._subject.generators() if isinstance(self._subject, Drawing) else {}

    def build(self, case: Case, *, built: bool = True) -> Model:
        """Return a new compiled model."""
        with handed(case) as copy:
            return self._subject.build(copy, built=built)

    def compile(self, model: Model, case: Case) -> None:
        """Compile a model that came back uncompiled."""
        with handed(case) as copy:
            self._subject.compile(model, copy)

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Do one event of a history; what trains has a log."""
        with _left_alone("perform", () if rows is None else _arrays(rows)):
            answer = self._subject.perform(model, event, rows)
        logs = tuple(_logs(answer))
        if isinstance(event, TrainOnBatch | Fit) and not any(logs):
            raise Misbehaved(f"perform: expected a log of {type(event).__name__}, found {answer!r}")
        return logs

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Return the model's outputs, at least one, copied."""
        with _left_alone("predict", inputs):
            answer = self._subject.predict(model, inputs)
        outputs = tuple(np.array(output) for output in answer)
        if not outputs or any(output.dtype.hasobject for output in outputs):
            raise Misbehaved(
                f"predict: expected arrays of numbers, one an output, found {answer!r}"
            )
        return outputs

    def snapshot(self, model: Model, *, closely: bool = False) -> Snapshot:
        """Return all observable state of the model, which is not empty.

        `closely` checks the content of arrays and lists too, which costs more than their classes.
        """
        answer: object = self._subject.snapshot(model)
        if not isinstance(answer, Snapshot):
            raise Misbehaved(f"snapshot: expected a Snapshot, found {type(answer).__name__}")
        plain = _SCALARS if closely else _PLAIN
        facets = {f: _inventory(f, answer.facets[f], plain) for f in answer.facets}
        classes = {str(name): str(answer.classes[name]) for name in answer.classes}
        seen = Snapshot(facets, classes, _inventory(LIVE, answer.live, plain))
        if not any(seen.facets.values()):
            raise Misbehaved("snapshot: expected something of at least one facet, found nothing")
        return seen


@contextmanager
def handed(case: Case) -> Iterator[Case]:
    """Hand out a copy of the case.

    Raises:
        Misbehaved: it was changed.
    """
    text = to_json(case)
    copy = from_json(text)
    yield copy
    if to_json(copy) != text:
        raise Misbehaved("expected the case as it was handed out, found it changed: copy it first")


def shared(one: Snapshot, other: Snapshot) -> str:
    """Return the place of a writeable array that two snapshots share, or an empty text."""
    for facet, inventory in one.facets.items():
        later = other[facet]
        for name, value in inventory.items():
            if isinstance(value, np.ndarray) and _is_shared(value, later.get(name)):
                return f"{facet}: {name}"
    return ""


def _is_shared(one: np.ndarray, other: Value) -> bool:
    if one is other:
        return bool(one.size and one.flags.writeable)
    if one.base is None or not isinstance(other, np.ndarray) or other.base is None:
        return False
    return bool(one.flags.writeable and np.may_share_memory(one, other))


@contextmanager
def _left_alone(call: str, arrays: Sequence[np.ndarray]) -> Iterator[None]:
    before = [array.tobytes() for array in arrays]
    yield
    if before != [array.tobytes() for array in arrays]:
        raise Misbehaved(f"{call}: expected the rows as they were handed out, found them changed")


def _arrays(rows: Rows) -> tuple[np.ndarray, ...]:
    return (*rows.inputs, *rows.targets, *(rows.sample_weight or ()))


def _logs(answer: object) -> Iterator[Mapping[str, float]]:
    """Yield the logs; an event without training may have none."""
    for log in _elements(answer):
        if not isinstance(log, Mapping):
            raise Misbehaved(f"perform: expected logs by name, found {log!r}")
        yield {str(name): float(value) for name, value in log.items()}


def _elements(answer: object) -> Iterable[object]:
    if answer is None:
        return ()
    if not isinstance(answer, Iterable) or isinstance(answer, str | Mapping):
        raise Misbehaved(f"perform: expected a list of logs, found {answer!r}")
    return answer


def _inventory(facet: str, answer: object, plain: Set[type]) -> Inventory:
    if not isinstance(answer, dict | Mapping):
        raise Misbehaved(f"snapshot: {facet}: expected values by name, found {answer!r}")
    if plain >= set(map(type, answer.values())):
        return answer
    odd = [name for name, one in answer.items() if type(one) not in plain and not _is_plain(one)]
    return (
        {**answer, **{name: _value(answer[name], facet, name) for name in odd}} if odd else answer
    )


def _is_plain(value: Value) -> bool:
    if type(value) is np.ndarray:
        return not value.dtype.hasobject
    return type(value) is list and set(map(type, value)) <= _SCALARS


def _value(value: Value, facet: str, name: str) -> Value:
    """Return the value in the form of a message; a NumPy scalar is an array without axes."""
    if isinstance(value, np.ndarray | np.generic):
        if not value.dtype.hasobject:
            return value if isinstance(value, np.ndarray) else np.asarray(value)
    elif value is None or isinstance(value, bool | int | float | str):
        return value
    elif isinstance(value, list):
        return [_element(inner, facet, name) for inner in value]
    elif isinstance(value, Mapping):
        return {str(key): _element(inner, facet, name) for key, inner in value.items()}
    raise Misbehaved(
        f"snapshot: {facet}: {name}: expected an array of numbers, or a JSON value (lists, no "
        f"tuples), found {value!r}"
    )


def _element(value: Value, facet: str, name: str) -> Value:
    inner = _value(value, facet, name)
    return inner.tolist() if isinstance(inner, np.ndarray) else inner
