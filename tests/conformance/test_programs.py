"""One program a case: what a run executes is what a script prints, on the reference."""

import gc
import linecache
import traceback

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from saveproof.conformance import repro
from saveproof.conformance.families.keras.codegen.compiled import compiled, run
from saveproof.conformance.families.keras.codegen.training import (
    batch_lines,
    event_lines,
    first_batch,
    probe_lines,
)
from saveproof.conformance.families.keras.codegen.training import (
    given as named,
)
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.subjects import resolve
from saveproof.strategies import data
from saveproof.strategies.case import (
    Evaluate,
    Fit,
    Hop,
    Kind,
    Predict,
    Recompile,
    SetLearningRate,
    SetTrainable,
    SetWeights,
    TrainOnBatch,
)
from saveproof.strategies.cases import cases
from tests.conformance.defects import output
from tests.conformance.keras_cases import ARCHITECTURE, CASE, SETTINGS
from tests.conformance.test_repro import KERNEL, chain, shared
from tests.conformance.test_repro import case_of as written

EVENTS = (
    TrainOnBatch(1, 2, sample_weight=True),
    Fit(2, 4, 2, shuffle=True),
    Evaluate(4, 2),
    Predict(2, 2),
    SetTrainable("first", value=False),
    SetLearningRate(0.25),
    SetWeights("first", 0, ("nan", 1e-40)),
    Recompile(replace(SETTINGS, losses=("mae",), metrics=(), loss_weights=None)),
)
KINDS = (Kind.SEQUENTIAL, Kind.FUNCTIONAL, Kind.SUBCLASSED)
SAVED = [
    (path.name, kind)
    for path in resolve("reference").paths()
    for kind in KINDS
    if kind not in path.contract.refuses and kind in path.contract.kinds
]


class Noting(KerasSubject):
    """The reference, which notes the source that it runs."""

    def run(self, source, **names):
        lines = list(source)
        self.noted_source.append("\n".join(lines))
        return super().run(lines, **names)


@pytest.fixture
def noting():
    known = resolve("reference")
    subject = Noting(known.name, known.module, known.traits, known.ways, process=known.process)
    subject.noted_source = []
    return subject


@pytest.mark.parametrize(("path", "kind"), SAVED)
def test_what_runs_is_what_is_printed(noting, path, kind, tmp_path):
    """Every statement of the run stands in the script; only the names of files are its own."""
    case = written(chain(kind), *EVENTS)
    way = next(way for way in noting.ways if way.name == path)
    model = noting.build(case)
    for index, event in enumerate(EVENTS):
        noting.perform(model, event, data.rows(case, index))
    save_path = way.of(noting)
    save_path.load(save_path.save(model, tmp_path / "model"), case.in_force)

    script = repro.script(case, "reference", path, "outputs_survive", output())

    printed = {line.strip() for line in script.splitlines()}
    ran = [line.strip() for source in noting.noted_source for line in source.splitlines()]
    unprinted = {line for line in ran if line and line not in printed}
    assert {line.replace("Written", "Rewritten") for line in unprinted} <= printed


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_printed_rows_are_those_of_the_run(case):
    """A script draws by itself what a run is handed."""
    events = (*case.history.before, *case.history.after)
    for index, event in enumerate(events):
        rows = data.rows(case, index)
        if rows is None or isinstance(event, TrainOnBatch):
            continue
        drawn = [line for line in event_lines(case, index, resets=False) if "model" not in line]
        _assert_equal(run(drawn, {"np": np}), named(rows), but=isinstance(event, Predict))
    _assert_equal(run(probe_lines(case), {"np": np}), {"x": _one(data.probe(case))})
    batch = first_batch(case)
    if batch is not None:
        index, event = batch
        rows = next(data.rows(case, index).batches(event.batch_size))
        of_batch = {name: named(rows)[name] for name in ("x", "y")}
        _assert_equal(run(batch_lines(case), {"np": np}), of_batch)


def _one(arrays):
    return arrays[0] if len(arrays) == 1 else list(arrays)


def _assert_equal(found, expected, *, but=False):
    for name, value in expected.items():
        if but and name != "x":
            continue
        alone = isinstance(value, np.ndarray)
        pairs = [(found[name], value)] if alone else zip(found[name], value, strict=True)
        for one, other in pairs:
            np.testing.assert_array_equal(one, other, strict=True)


def test_batches_are_cut_from_the_rows_as_in_the_run():
    """The body of the loop is the run's own statement; each of its batches has the run's rows."""
    event = TrainOnBatch(3, 2, sample_weight=True)
    case = written(shared(), event)
    seen = []

    class Model:
        def train_on_batch(self, *arrays, **weights):
            seen.append((*arrays, weights["sample_weight"]))

    run(event_lines(case, 0, resets=False), {"np": np, "model": Model()})

    batches = [named(batch) for batch in data.rows(case, 0).batches(2)]
    assert len(seen) == len(batches) == 3
    for (x, y, weights), batch in zip(seen, batches, strict=True):
        _assert_equal({"x": x, "y": y, "weights": weights}, batch)


def test_a_traceback_shows_the_line_of_the_program(monkeypatch):
    subject = resolve("reference")

    def broken(*_, **__):
        raise RuntimeError("broken")

    monkeypatch.setattr(subject.keras.layers, "Flatten", broken)
    layers = (*chain().layers, replace(ARCHITECTURE.layers[0], class_name="Flatten"))
    case = written(chain(Kind.SEQUENTIAL, *layers[:2], replace(layers[2], config={"name": "f"})))

    with pytest.raises(RuntimeError, match="broken") as caught:
        subject.build(case)

    told = "".join(traceback.format_exception(caught.value))
    assert 'keras.layers.Flatten(name="f")' in told
    assert 'File "<program ' in told


def test_a_text_is_compiled_once_and_its_lines_go_with_its_code():
    text = "made = 1 + 1  # once"
    code = compiled(text)

    assert compiled(text) is code
    assert linecache.getline(code.co_filename, 1).rstrip() == text

    file = code.co_filename
    del code
    compiled.cache_clear()
    gc.collect()
    assert file not in linecache.cache


def test_a_hop_goes_on_with_what_came_back():
    case = written(chain(), TrainOnBatch(1, 2), Hop("h5"), TrainOnBatch(1, 2))

    text = repro.script(case, "reference", "h5", "weights_survive", KERNEL)

    assert text.count("model.save(file)") == 2
    assert text.index("model = loaded") < text.index("expected = ")


def test_code_that_differs_from_the_models_own_is_written_once_where_it_is_used():
    """A function that is called once would only stand in the way."""
    recompiled = replace(SETTINGS, losses=("mae",), metrics=(), loss_weights=None)
    case = written(chain(), TrainOnBatch(1, 2), Recompile(recompiled))

    once = repro.script(case, "reference", "weights_h5", "weights_survive", KERNEL)
    twice = repro.script(case, "reference", "weights_h5", "second_generation_equals_first", KERNEL)

    assert "loaded = keras.Sequential([" in once
    assert "def build" not in once
    assert "def rebuild():" in twice
    assert twice.count("loaded = rebuild()") == 2


def test_no_model_of_another_is_run():
    with pytest.raises(TypeError, match="expected a model that build or load has returned"):
        resolve("reference").predict(object(), data.probe(CASE))
