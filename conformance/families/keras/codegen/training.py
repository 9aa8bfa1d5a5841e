"""Training histories in source: the rows that an event implies, and what it does with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from saveproof.conformance.families.keras.codegen.models import compiling, layer_at, resetting
from saveproof.conformance.families.keras.codegen.source import (
    Expression,
    indented,
    lines,
    literal,
    one_or_list,
)
from saveproof.strategies.case import (
    AnyEvent,
    Case,
    Evaluate,
    Fit,
    Input,
    Predict,
    Recompile,
    ResetMetrics,
    ResetStates,
    SetLearningRate,
    SetTrainable,
    SetWeights,
    TrainOnBatch,
)
from saveproof.strategies.data import PROBE, PROBE_ROWS, Rows, row_count
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.targets import Target, target_of


def event_source(
    case: Case, event: AnyEvent, model: str = "model", *, resets: bool
) -> Iterator[str]:
    """Yield what does the event to `model` with the rows `x`, `y` and `weights`; it leaves `logs`.

    A `TrainOnBatch` is one step of it. `resets` has metrics reset before it, as Keras 2 does by
    itself: Keras 3 has the mean since the last reset.
    """
    if resets and isinstance(event, TrainOnBatch):
        yield f"{model}.reset_metrics()"
    yield from _EVENTS[type(event)](case, event, model)


def given(rows: Rows | None) -> dict[str, Any]:
    """Return the rows of an event by the names that its source has for them."""
    if rows is None:
        return {}
    arrays = {"x": rows.inputs, "y": rows.targets, "weights": rows.sample_weight}
    return {
        name: several[0] if len(several) == 1 else list(several)
        for name, several in arrays.items()
        if several
    }


def event_lines(case: Case, index: int, *, resets: bool) -> Iterator[str]:
    """Yield the event of that place in the history, done to `model`, and the rows before it."""
    return _steps(case, index, None, resets=resets)


def steps_lines(case: Case, count: int | None, *, resets: bool) -> Iterator[str]:
    """Yield so many steps of the training after the save, all without a count.

    A batch is a step, and so is every other event.
    """
    start = len(case.history.before)
    for index, event in enumerate(case.history.after, start):
        if count == 0:
            return
        yield from _steps(case, index, count, resets=resets)
        steps = event.steps if isinstance(event, TrainOnBatch) else 1
        count = None if count is None else max(count - steps, 0)


def _steps(case: Case, index: int, count: int | None, *, resets: bool) -> Iterator[str]:
    event = (*case.history.before, *case.history.after)[index]
    source = event_source(case, event, resets=resets)
    if not isinstance(event, TrainOnBatch) or event.steps == 1:
        yield from (*_rows(case, index), *source)
        return
    size, steps = event.batch_size, min(event.steps, event.steps if count is None else count)
    names = ("x", "y", "weights") if event.sample_weight else ("x", "y")
    if steps == 1:
        yield from (*_rows(case, index), _cut(case, names, names, f":{size}"), *source)
        return
    whole = [f"every_{name}" for name in names]
    yield from _rows(case, index, *whole)
    yield f"for start in range(0, {steps * size}, {size}):"
    yield from indented([_cut(case, names, whole, f"start : start + {size}"), *source])


def _cut(case: Case, names: Sequence[str], arrays: Sequence[str], cut: str) -> str:
    """Return the line that gives some of the rows of arrays, or of lists of them, names."""
    sizes = {"x": len(case.architecture.inputs)}
    several = [sizes.get(name, len(case.architecture.outputs)) > 1 for name in names]
    parts = [
        f"[one[{cut}] for one in {array}]" if many else f"{array}[{cut}]"
        for array, many in zip(arrays, several, strict=True)
    ]
    return f"{', '.join(names)} = {', '.join(parts)}"


def seeding(case: Case, more: int) -> str:
    """Return the line that seeds the process-wide generators."""
    return f"keras.utils.set_random_seed({(case.seed + more) % 2**32})"


def predicting(case: Case, model: str = "model") -> str:
    """Return the line that leaves the model's outputs on the inputs `x` in `outputs`."""
    if case.settings.run_eagerly:
        return f"outputs = {model}(x, training=False)"
    return f"outputs = {model}.predict(x, batch_size={probe_rows(case)}, verbose=0)"


def probe_lines(case: Case) -> Iterator[str]:
    """Yield the probe inputs `x`."""
    yield _generator(case, PROBE)
    yield from _inputs(case, "x", probe_rows(case))


def probe_rows(case: Case) -> int:
    """Return the number of the probe's rows."""
    return case.architecture.inputs[0].batch_size or PROBE_ROWS


def first_batch(case: Case) -> tuple[int, TrainOnBatch] | None:
    """Return the first event after the save that trains on batches, and its place, if any does."""
    start = len(case.history.before)
    for index, event in enumerate(case.history.after, start):
        if isinstance(event, TrainOnBatch):
            return index, event
    return None


def batch_lines(case: Case) -> Iterator[str]:
    """Yield the first batch that follows the save, as `x` and `y`."""
    batch = first_batch(case)
    if batch is None:
        return
    index, event = batch
    yield from _rows(case, index, weights="")
    if event.steps > 1:
        yield _cut(case, ("x", "y"), ("x", "y"), f":{event.batch_size}")


def _train_on_batch(_: Case, event: TrainOnBatch, model: str) -> Iterator[str]:
    yield f"logs = {model}.train_on_batch(x, y{_weighted(event)}, return_dict=True)"


def _fit(_: Case, event: Fit, model: str) -> Iterator[str]:
    how = f"batch_size={event.batch_size}, epochs={event.epochs}, shuffle={event.shuffle}"
    yield f"logs = {model}.fit(x, y{_weighted(event)}, {how}, verbose=0).history"


def _evaluate(_: Case, event: Evaluate, model: str) -> Iterator[str]:
    yield (
        f"logs = {model}.evaluate(x, y, batch_size={event.batch_size}, return_dict=True, verbose=0)"
    )


def _predict(_: Case, event: Predict, model: str) -> Iterator[str]:
    yield f"{model}.predict(x, batch_size={event.batch_size}, verbose=0)"


def _set_trainable(_: Case, event: SetTrainable, model: str) -> Iterator[str]:
    yield f"{layer_at(model, event.layer.split('/'))}.trainable = {event.value}"


def _set_learning_rate(_: Case, event: SetLearningRate, model: str) -> Iterator[str]:
    yield f"{model}.optimizer.learning_rate = {literal(event.value)}"


def _set_weights(_: Case, event: SetWeights, model: str) -> Iterator[str]:
    layer = layer_at(model, event.layer.split("/"))
    values = literal(list(map(float, event.values)))
    yield f"arrays = [np.array(one) for one in {layer}.get_weights()]"
    yield f"arrays[{event.weight}].flat[:{len(event.values)}] = {values}"
    yield f"{layer}.set_weights(arrays)"


def _recompile(_: Case, event: Recompile, model: str) -> Iterator[str]:
    return compiling(model, event.settings)


def _reset_metrics(_: Case, __: ResetMetrics, model: str) -> Iterator[str]:
    yield f"{model}.reset_metrics()"


def _reset_states(case: Case, _: ResetStates, model: str) -> Iterator[str]:
    return resetting(model, case.architecture)


_EVENTS: Mapping[type, Callable[[Case, Any, str], Iterator[str]]] = {
    Evaluate: _evaluate,
    Fit: _fit,
    Predict: _predict,
    Recompile: _recompile,
    ResetMetrics: _reset_metrics,
    ResetStates: _reset_states,
    SetLearningRate: _set_learning_rate,
    SetTrainable: _set_trainable,
    SetWeights: _set_weights,
    TrainOnBatch: _train_on_batch,
}
"""The function that writes an event's statements, by its class."""


def _generator(case: Case, index: int) -> str:
    return f"rng = np.random.Generator(np.random.Philox(key=({case.seed}, {index})))"


def _rows(
    case: Case, index: int, x: str = "x", y: str = "y", weights: str = "weights"
) -> Iterator[str]:
    """Yield the rows as `saveproof.strategies.data` draws them: inputs, targets, then weights."""
    events = (*case.history.before, *case.history.after)
    event = events[index]
    count = row_count(event)
    if count is None:
        return
    yield _generator(case, index)
    yield from _inputs(case, x, count)
    if isinstance(event, Predict):
        return
    yield from lines(f"{y} = ", one_or_list(_targets(case, events[:index], count)))
    if weights and isinstance(event, Fit | TrainOnBatch) and event.sample_weight:
        drawn = f'rng.uniform(0.25, 2.0, {count}).astype("float32")'
        yield from lines(f"{weights} = ", one_or_list([drawn] * len(case.architecture.outputs)))


def _inputs(case: Case, x: str, count: int) -> Iterator[str]:
    drawn = [_input_rows(one, count) for one in case.architecture.inputs]
    return lines(f"{x} = ", one_or_list(drawn))


def _input_rows(one: Input, count: int) -> str:
    shape = literal((count, *one.shape))
    drawn = f"integers(0, {one.vocabulary}" if one.vocabulary else "uniform(-1.5, 1.5"
    return f"rng.{drawn}, {shape}).astype({literal(one.dtype)})"


def _targets(case: Case, earlier: Sequence[AnyEvent], count: int) -> list[Expression]:
    settings = [case.settings, *(e.settings for e in earlier if isinstance(e, Recompile))][-1]
    shapes = tensor_shapes(case.architecture)
    return [
        _target_rows(target_of(loss), (count, *(n for n in shapes[output][1:] if n is not None)))
        for output, loss in zip(case.architecture.outputs, settings.losses, strict=True)
    ]


def _target_rows(target: Target, shape: tuple[int, ...]) -> str:
    if target is Target.REAL:
        return f'rng.uniform(-1.0, 1.0, {literal(shape)}).astype("float32")'
    if target is Target.BINARY:
        return f'rng.integers(0, 2, {literal(shape)}).astype("float32")'
    numbers = f"rng.integers(0, {shape[-1]}, {literal(shape[:-1])})"
    if target is Target.CLASS:
        return f'{numbers}.astype("int32")'
    return f'np.eye({shape[-1]}, dtype="float32")[{numbers}]'


def _weighted(event: Fit | TrainOnBatch) -> str:
    """Return the arguments of weights, if any."""
    given = ", sample_weight=weights" if event.sample_weight else ""
    by_class = literal(dict(enumerate(event.class_weight)))
    return given + (f", class_weight={by_class}" if event.class_weight else "")
