"""Training histories in source: the rows that an event implies, and what it does with them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    TrainOnBatch,
)
from saveproof.strategies.data import PROBE_ROWS
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.targets import Target, target_of

PROBE = 2**32
"""The index of the probe inputs in `saveproof.strategies.data`."""


def event_lines(case: Case, index: int, *, resets: bool) -> Iterator[str]:
    """Yield the event of that place in the history, done to `model`.

    `resets` has metrics reset before a batch, as Keras 2 does by itself.
    """
    event = (*case.history.before, *case.history.after)[index]
    if isinstance(event, TrainOnBatch):
        return _train_on_batch(case, index, event, resets=resets)
    return _EVENTS[type(event)](case, index, event)


def steps_lines(case: Case, count: int | None, *, resets: bool) -> Iterator[str]:
    """Yield so many steps of the training after the save, all without a count.

    A batch is a step, and so is every other event. The last step leaves its `logs`.
    """
    start = len(case.history.before)
    for index, event in enumerate(case.history.after, start):
        steps = event.steps if isinstance(event, TrainOnBatch) else 1
        taken = steps if count is None else min(steps, count)
        last = count == taken
        if isinstance(event, TrainOnBatch):
            yield from _train_on_batch(case, index, event, steps=taken, resets=resets, logs=last)
        else:
            yield from _logging(event_lines(case, index, resets=resets), logs=last)
        if last:
            return
        count = None if count is None else count - taken


def _logging(block: Iterable[str], *, logs: bool) -> Iterator[str]:
    """Yield the lines, the logs of a fit or an evaluation being kept."""
    for line in block:
        keeps = logs and line.startswith(("model.fit(", "model.evaluate("))
        history = ".history" if line.startswith("model.fit(") else ""
        yield f"logs = {line}{history}" if keeps else line


def seeding(case: Case, more: int) -> str:
    """Return the line that seeds the process-wide generators."""
    return f"keras.utils.set_random_seed({(case.seed + more) % 2**32})"


def predicting(case: Case, model: str) -> Iterator[str]:
    """Yield the lines that leave the model's outputs on the probe inputs in `outputs`."""
    count = case.architecture.inputs[0].batch_size or PROBE_ROWS
    yield _generator(case, PROBE)
    yield from _inputs(case, count)
    if case.settings.run_eagerly:
        yield f"outputs = {model}(x, training=False)"
    else:
        yield f"outputs = {model}.predict(x, batch_size={count}, verbose=0)"


def first_batch(case: Case, model: str) -> Iterator[str]:
    """Yield training on the first batch that follows the save, weights of rows left out."""
    start = len(case.history.before)
    for index, event in enumerate(case.history.after, start):
        if isinstance(event, TrainOnBatch):
            yield from _rows(case, index, event.steps * event.batch_size, weights=False)
            inputs, targets = _cut(case, f":{event.batch_size}")
            yield f"{model}.train_on_batch({inputs}, {targets})"
            return


def _train_on_batch(
    case: Case,
    index: int,
    event: TrainOnBatch,
    *,
    resets: bool,
    steps: int | None = None,
    logs: bool = False,
) -> Iterator[str]:
    size, steps = event.batch_size, event.steps if steps is None else steps
    reset = ["model.reset_metrics()"] if resets else []
    yield from _rows(case, index, event.steps * size, weights=event.sample_weight)
    if steps == 1:
        whole = event.steps == 1
        yield from (*reset, _one_step(case, event, "" if whole else f":{size}", logs=logs))
        return
    yield f"for start in range(0, {steps * size}, {size}):"
    step = _one_step(case, event, f"start : start + {size}", logs=logs)
    yield from indented([*reset, step])


def _one_step(case: Case, event: TrainOnBatch, cut: str, *, logs: bool) -> str:
    inputs, targets = _cut(case, cut)
    weights = _cut_one(case.architecture.outputs, "weights", cut) if event.sample_weight else ""
    more = _weighted(event.class_weight, weights)
    step = f"model.train_on_batch({inputs}, {targets}{more}"
    return f"logs = {step}, return_dict=True)" if logs else f"{step})"


def _fit(case: Case, index: int, event: Fit) -> Iterator[str]:
    yield from _rows(case, index, event.samples, weights=event.sample_weight)
    more = _weighted(event.class_weight, "weights" if event.sample_weight else "")
    how = f"batch_size={event.batch_size}, epochs={event.epochs}, shuffle={event.shuffle}"
    yield f"model.fit(x, y{more}, {how}, verbose=0)"


def _evaluate(case: Case, index: int, event: Evaluate) -> Iterator[str]:
    yield from _rows(case, index, event.samples, weights=False)
    yield f"model.evaluate(x, y, batch_size={event.batch_size}, return_dict=True, verbose=0)"


def _predict(case: Case, index: int, event: Predict) -> Iterator[str]:
    yield _generator(case, index)
    yield from _inputs(case, event.samples)
    yield f"model.predict(x, batch_size={event.batch_size}, verbose=0)"


def _set_trainable(_: Case, __: int, event: SetTrainable) -> Iterator[str]:
    yield f"{layer_at('model', event.layer.split('/'))}.trainable = {event.value}"


def _set_learning_rate(_: Case, __: int, event: SetLearningRate) -> Iterator[str]:
    yield f"model.optimizer.learning_rate = {literal(event.value)}"


def _recompile(_: Case, __: int, event: Recompile) -> Iterator[str]:
    return compiling("model", event.settings)


def _reset_metrics(_: Case, __: int, ___: ResetMetrics) -> Iterator[str]:
    yield "model.reset_metrics()"


def _reset_states(case: Case, _: int, __: ResetStates) -> Iterator[str]:
    return resetting("model", case.architecture)


_EVENTS: Mapping[type, Callable[[Case, int, Any], Iterator[str]]] = {
    Evaluate: _evaluate,
    Fit: _fit,
    Predict: _predict,
    Recompile: _recompile,
    ResetMetrics: _reset_metrics,
    ResetStates: _reset_states,
    SetLearningRate: _set_learning_rate,
    SetTrainable: _set_trainable,
}


def _generator(case: Case, index: int) -> str:
    return f"rng = np.random.Generator(np.random.Philox(key=({case.seed}, {index})))"


def _rows(case: Case, index: int, count: int, *, weights: bool) -> Iterator[str]:
    """Yield the rows as `saveproof.strategies.data` draws them: inputs, targets, then weights."""
    yield _generator(case, index)
    yield from _inputs(case, count)
    earlier = (*case.history.before, *case.history.after)[:index]
    yield from lines("y = ", one_or_list(_targets(case, earlier, count)))
    if weights:
        drawn = f'rng.uniform(0.25, 2.0, {count}).astype("float32")'
        yield from lines("weights = ", one_or_list([drawn] * len(case.architecture.outputs)))


def _inputs(case: Case, count: int) -> Iterator[str]:
    drawn = [_input_rows(one, count) for one in case.architecture.inputs]
    return lines("x = ", one_or_list(drawn))


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


def _cut(case: Case, cut: str) -> tuple[str, str]:
    inputs, outputs = case.architecture.inputs, case.architecture.outputs
    return _cut_one(inputs, "x", cut), _cut_one(outputs, "y", cut)


def _cut_one(arrays: Sequence[object], variable: str, cut: str) -> str:
    if not cut:
        return variable
    return f"{variable}[{cut}]" if len(arrays) == 1 else f"[one[{cut}] for one in {variable}]"


def _weighted(class_weight: Sequence[float], sample_weight: str) -> str:
    given = f", sample_weight={sample_weight}" if sample_weight else ""
    by_class = literal(dict(enumerate(class_weight)))
    return given + (f", class_weight={by_class}" if class_weight else "")
