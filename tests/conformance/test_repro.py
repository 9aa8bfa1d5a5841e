"""Scripts that show a finding: stand-alone, and confirmed before they are handed out."""

import ast
import sys

import msgspec
import pytest

from saveproof.conformance import replay, repro
from saveproof.conformance.families.keras.codegen.paths import NotReproducible, scripted
from saveproof.conformance.families.keras.codegen.source import (
    WIDTH,
    CallExpression,
    lines,
    literal,
)
from saveproof.conformance.families.keras.codegen.state import look
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.replay import At, NoSuchCase
from saveproof.reports.commands import SCRIPTED
from saveproof.reports.findings import Change, DefectKind, Difference
from saveproof.reports.records import (
    CheckInfo,
    Finding,
    Header,
    PathInfo,
    Result,
    SubjectInfo,
    Verdict,
)
from saveproof.reports.store import append, begin, shard, write_run
from saveproof.strategies.case import (
    Architecture,
    Case,
    CompileSettings,
    Evaluate,
    Fit,
    Hop,
    Input,
    Kind,
    Layer,
    Object,
    Predict,
    Recompile,
    ResetMetrics,
    ResetStates,
    SetLearningRate,
    SetTrainable,
    SetWeights,
    TrainingHistory,
    TrainOnBatch,
    to_json,
)
from saveproof.strategies.case import (
    Call as LayerCall,
)
from tests.conformance.defects import log, of_kind, output, state, trained_state

STEP = TrainOnBatch(steps=1, batch_size=2)
TWO_STEPS = TrainOnBatch(steps=2, batch_size=2)
RMSPROP = Object(class_name="RMSprop", config={"learning_rate": 0.05, "momentum": 0.6})
SCHEDULED = Object(
    class_name="Adam",
    config={
        "learning_rate": {
            "class_name": "ExponentialDecay",
            "config": {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
        }
    },
)
PLACES = {
    Facet.ARCHITECTURE: "layers/0/config/name",
    Facet.ARGUMENTS: "first/kernel_initializer/GlorotUniform/seed",
    Facet.SHARING: "first/call 1",
    Facet.NAMES: "layers",
    Facet.WEIGHTS: "first/0 kernel",
    Facet.NON_TRAINABLE: "first/2 moving_mean",
    Facet.TRAINABLE: "first",
    Facet.DTYPE_POLICY: "first",
    Facet.COMPILE: "loss_weights",
    Facet.OPTIMIZER: "momentum",
    Facet.SLOTS: "0 velocity",
    Facet.ITERATION: "iterations",
    Facet.LEARNING_RATE: "learning_rate",
    Facet.RNG: "first/0",
    Facet.METRICS: "0 loss/0",
    Facet.RECURRENT: "first/0",
}
PATHS = {
    "tf_keras": ("h5", "savedmodel", "keras", "config", "json", "weights_h5", "checkpoint"),
    "keras:jax": ("keras", "h5", "weights_h5", "json_and_weights", "clone"),
    "reference": ("h5", "config_and_weights", "weights_in_memory", "json_and_weights_h5"),
}


def dense(name, **config):
    seeded = {"class_name": "GlorotUniform", "config": {"seed": 3}}
    return Layer(
        class_name="Dense",
        config={"units": 3, "name": name, "kernel_initializer": seeded, **config},
    )


def chain(kind=Kind.SEQUENTIAL, *layers):
    """Return a model of layers, each on the one before; two Dense layers if none are given."""
    layers = layers or (dense("first"), dense("last"))
    tensors = ("x", *(f"{layer.name}_out" for layer in layers))
    calls = tuple(
        LayerCall(layer=layer.name, inputs=(before,), output=after)
        for layer, before, after in zip(layers, tensors[:-1], tensors[1:], strict=True)
    )
    inputs = (Input(name="x", shape=(3,)),)
    return Architecture(
        kind=kind, name="model", inputs=inputs, layers=layers, calls=calls, outputs=tensors[-1:]
    )


def shared(kind=Kind.FUNCTIONAL):
    """Return a model that calls its first layer on both of its inputs."""
    calls = (
        LayerCall(layer="first", inputs=("x",), output="a"),
        LayerCall(layer="first", inputs=("z",), output="b"),
        LayerCall(layer="sum", inputs=("a", "b"), output="c"),
    )
    return Architecture(
        kind=kind,
        name="model",
        inputs=(Input(name="x", shape=(3,)), Input(name="z", shape=(3,))),
        layers=(dense("first"), Layer(class_name="Add", config={"name": "sum"})),
        calls=calls,
        outputs=("c", "a"),
    )


def nested(kind):
    """Return a chain with a model inside, frozen as a whole, which has a model inside itself."""
    innermost = Layer(
        class_name="Functional",
        config={"name": "innermost"},
        model=chain(Kind.FUNCTIONAL, dense("deep")),
    )
    inner = Layer(
        class_name="Sequential",
        config={"name": "inner", "trainable": False},
        model=chain(Kind.SEQUENTIAL, dense("within"), innermost),
    )
    return chain(kind, dense("first"), inner, dense("last"))


def case_of(architecture, *before, optimizer=RMSPROP, after=(TWO_STEPS,)):
    settings = CompileSettings(
        optimizer=optimizer, losses=("mse",) * len(architecture.outputs), metrics=()
    )
    history = TrainingHistory(before=before or (STEP,), after=after)
    return Case(architecture=architecture, settings=settings, history=history, seed=5)


KERNEL = state(Facet.WEIGHTS, "first/0 kernel")


def finding_of(case, defect):
    return Finding(defect, case_id=case.id, case=msgspec.json.decode(to_json(case)), drawing="")


def script_of(case, defect, *, subject="tf_keras", path="h5", check="weights_survive"):
    return repro.script(case, subject, path, check, defect)


def imported(text):
    """Return the packages that a program imports; it must be valid Python."""
    nodes = list(ast.walk(ast.parse(text)))
    plain = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    froms = {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in plain | froms}


ARCHITECTURES = {
    "sequential": chain(),
    "functional": chain(Kind.FUNCTIONAL),
    "subclassed": chain(Kind.SUBCLASSED),
    "shared": shared(),
    "shared, subclassed": shared(Kind.SUBCLASSED),
    "nested, sequential": nested(Kind.SEQUENTIAL),
    "nested, functional": nested(Kind.FUNCTIONAL),
    "nested, subclassed": nested(Kind.SUBCLASSED),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_script_imports_the_framework_and_none_of_our_packages(name):
    case = case_of(ARCHITECTURES[name])

    text = script_of(case, KERNEL)

    foreign = imported(text) - set(sys.stdlib_module_names)
    assert foreign == {"numpy", "tf_keras"}


@pytest.mark.parametrize(("subject", "path"), [(s, p) for s, paths in PATHS.items() for p in paths])
def test_every_path_has_a_script_for_every_kind(subject, path):
    for architecture in ARCHITECTURES.values():
        text = script_of(case_of(architecture), output(), subject=subject, path=path)

        ours = "from saveproof import reference_impl as keras\n" if subject == "reference" else ""
        assert "saveproof" not in imported(text.replace(ours, ""))


def spoiled(*, order=("h5", "keras")):
    """Return a lost optimizer that `keras` shows where these paths have saved the model."""
    origin = state(Facet.OPTIMIZER, "class_name")
    check = "optimizer_config_survives"
    return of_kind(DefectKind.SPOILED, name="keras", order=order, origin=origin, check=check)


def test_a_save_that_spoils_a_later_one_is_a_script_of_at_most_25_lines():
    case = case_of(chain(Kind.FUNCTIONAL, dense("only")), STEP)

    text = script_of(
        case, spoiled(), subject="keras:torch", path="h5", check="saving_changes_nothing"
    )

    ast.parse(text)
    saves = [text.index(words) for words in ('mkdtemp() + "/model.h5")', "model.save(file)")]
    assert saves == sorted(saves)
    assert "loaded = keras.models.load_model(file)" in text
    assert len([line for line in text.splitlines() if line.strip()]) <= 25


def test_a_path_that_is_spoilt_by_a_later_save_has_no_script():
    with pytest.raises(NotReproducible, match="h5"):
        script_of(case_of(chain()), spoiled(order=("keras", "h5")), subject="keras:torch")


def test_a_live_compile_config_has_a_script():
    defect = state("live model", "compile config/optimizer", "missing")

    text = script_of(
        case_of(chain()), defect, subject="keras:torch", path="h5", check="saving_changes_nothing"
    )

    ast.parse(text)
    assert 'model.get_compile_config() or {}).get("optimizer")' in text


@pytest.mark.parametrize("facet", [one for one in Facet if one is not Facet.BEHAVIOUR])
@pytest.mark.parametrize("what", ["value", "missing", "order"])
def test_every_facet_can_be_looked_at(facet, what):
    case = case_of(shared())

    text = script_of(case, state(facet, PLACES[facet], what))

    assert "expected = " in text
    ast.parse(text)


def test_every_event_of_a_history_is_written_down():
    events = (
        Fit(epochs=2, samples=4, batch_size=2, sample_weight=True),
        Evaluate(samples=4, batch_size=2),
        Predict(samples=2, batch_size=2),
        SetTrainable(layer="inner/within", value=False),
        SetLearningRate(value=0.04),
        SetWeights("inner/within", 0, ("-inf", 1e-40)),
        Recompile(settings=CompileSettings(optimizer=SCHEDULED, losses=("mae",))),
        ResetMetrics(),
        ResetStates(),
        Hop(path="keras"),
    )
    case = case_of(nested(Kind.FUNCTIONAL), *events)

    text = script_of(case, KERNEL)

    ast.parse(text)
    assert 'model.get_layer("inner").get_layer("within").trainable = False' in text
    assert '[np.array(one) for one in model.get_layer("inner").get_layer("within")' in text
    assert 'arrays[0].flat[:2] = [float("-inf"), 1e-40]' in text
    assert "keras.optimizers.schedules.ExponentialDecay(" in text
    for told in ("model.fit(", "model.evaluate(", "model.predict(", "model.reset_metrics()"):
        assert told in text
    hop = """
file = tempfile.mkdtemp() + "/model.keras"
model.save(file)
loaded = keras.models.load_model(file)
model = loaded
"""
    assert hop in text


def test_the_training_on_stops_at_the_step_that_differs():
    case = case_of(chain(), after=(STEP, STEP, STEP))

    text = script_of(case, log(step=2))

    assert text.count("train_on_batch") == 3
    assert 'np.array(logs.get("loss"))' in text


def test_a_path_that_needs_the_models_code_has_it_as_it_was_at_the_save():
    case = case_of(chain(), SetTrainable(layer="first", value=False))

    text = script_of(case, KERNEL, path="weights_h5")

    load = """
loaded = build()
loaded.get_layer("first").trainable = False
loaded.load_weights(file)
"""
    assert load in text


def test_a_layer_thawed_inside_a_frozen_model_is_thawed_in_the_code():
    thawed = SetTrainable(layer="inner/innermost", value=True)
    frozen = SetTrainable(layer="inner/innermost/deep", value=False)
    compiled = Recompile(settings=CompileSettings(optimizer=RMSPROP, losses=("mae",)))
    case = case_of(nested(Kind.FUNCTIONAL), thawed, frozen, compiled)

    text = script_of(case, KERNEL, path="weights_h5")

    code = text.partition("model.save_weights")[2]
    flags = [line.strip() for line in code.splitlines()]
    at = flags.index("nested_1.trainable = False")
    assert flags[at + 1 : at + 3] == [
        'nested_1.get_layer("innermost").trainable = True',
        'nested_1.get_layer("innermost").get_layer("deep").trainable = False',
    ]


def test_another_process_is_started_behind_the_guard():
    check = "another_process_loads_the_same"

    text = script_of(case_of(chain()), output(), check=check)

    assert 'if __name__ == "__main__":' in text
    assert "pool.submit(elsewhere, file).result()" in text


def test_keras_has_its_backend_chosen_before_it_is_imported():
    text = script_of(case_of(chain()), KERNEL, subject="keras:jax")

    assert text.index('os.environ["KERAS_BACKEND"] = "jax"') < text.index("import keras")


def test_a_subject_of_others_is_refused_by_name():
    with pytest.raises(NotReproducible, match="other:thing"):
        script_of(case_of(chain()), KERNEL, subject="other:thing")


def test_the_end_of_a_process_is_refused():
    with pytest.raises(NotReproducible, match="timeout"):
        script_of(case_of(chain()), of_kind(DefectKind.ENDED, name="timeout", words="120 s"))


def test_a_script_that_shows_nothing_is_not_confirmed():
    with pytest.raises(repro.NotConfirmed, match="all is well"):
        repro.confirm("print('all is well')", subject="tf_keras")


def test_a_script_that_fails_by_itself_is_not_confirmed():
    """Exit code 1 alone is no defect: any uncaught exception has it."""
    with pytest.raises(repro.NotConfirmed, match="ZeroDivisionError"):
        repro.confirm("1 / 0", subject="tf_keras")


def test_a_script_has_a_memory_limit(monkeypatch):
    monkeypatch.setattr(repro, "MEMORY", 1.0)

    with pytest.raises(repro.NotConfirmed, match="MemoryError"):
        repro.confirm("bytearray(2 << 30)", subject="tf_keras")


def test_a_script_does_not_get_the_callers_python_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "here")

    with pytest.raises(repro.NotConfirmed, match="Python path: None"):
        repro.confirm(
            "import os\nprint('Python path:', os.environ.get('PYTHONPATH'))", subject="tf_keras"
        )


def test_a_long_call_is_broken_an_argument_a_line():
    call = CallExpression("f", keywords={f"argument_{n}": literal("x" * 20) for n in range(4)})

    written = list(lines("y = ", call))

    assert written[0] == "y = f("
    assert written[-1] == ")"
    assert max(map(len, written)) <= WIDTH
    assert list(lines("y = ", CallExpression("f", ("1",)))) == ["y = f(1)"]


def test_literals_are_python():
    value = {"a": [1, 2.5, None, True, "ü\"'"], "b": []}

    assert ast.literal_eval(literal(value)) == value
    assert ast.literal_eval(literal((1,))) == (1,)
    assert ast.literal_eval(literal((1, 2))) == (1, 2)
    assert ast.literal_eval(literal(())) == ()


def run_of(folder, *findings_by_check, subject="tf_keras"):
    """Write a run on a subject's SavedModel with a finding a check; return its folder."""
    results = [
        Result(
            subject=subject,
            path="savedmodel",
            kind="sequential",
            check=check,
            promise="must",
            verdict=Verdict.FAIL,
            tally={Verdict.FAIL: 1},
            findings=(finding,),
        )
        for check, finding in findings_by_check
    ]
    path = PathInfo(name="savedmodel", document="", facets={})
    header = Header(
        run="r",
        started="2026-10-01T12:00:00+00:00",
        saveproof="0.1.0",
        command="saveproof run tf_keras",
        seed=0,
        examples=1,
        environment={},
        subjects=(SubjectInfo(name=subject, environment={}, paths=(path,)),),
        checks=tuple(
            CheckInfo(name=check, statement="", facets=()) for check, _ in findings_by_check
        ),
    )
    begin(folder, header)
    for result in results:
        append(shard(folder, "gw0"), result)
    write_run(folder, header=header, finished="2026-10-01T12:01:00+00:00", seconds=60.0)
    return folder


def test_the_finding_of_the_check_that_is_asked_for_is_shown(tmp_path, monkeypatch):
    """The script is handed out only after it was run."""
    case, ran = case_of(chain()), []
    monkeypatch.setattr(
        repro, "confirm", lambda text, *, subject, raises: ran.append((text, subject, raises))
    )
    run = run_of(
        tmp_path,
        ("weights_survive", finding_of(case, KERNEL)),
        ("iteration_survives", finding_of(case, state(Facet.ITERATION, "iterations"))),
    )

    first = repro.confirmed(case.id[:6], [run])
    asked_for = repro.confirmed(case.id[:6], [run], At("tf_keras", check="iteration_survives"))

    assert 'model.get_layer("first").weights[0]' in first
    assert "model.optimizer.iterations" in asked_for
    assert ran == [
        (text, "tf_keras", "builtins.AssertionError")
        for text in (first, first, asked_for, asked_for)
    ]
    assert "Ran 2 of 2 on tensorflow " in " ".join(first.split())


@pytest.mark.parametrize("subject", SCRIPTED)
def test_a_script_that_a_report_offers_can_be_written(subject):
    assert scripted(subject).ways


def test_a_finding_of_the_second_of_two_runs_is_found(tmp_path):
    case = case_of(chain())
    finding = finding_of(case, KERNEL)
    runs = [
        run_of(tmp_path / "one"),
        run_of(tmp_path / "two", ("weights_survive", finding)),
    ]

    assert replay.found(case.id, runs)[1] == finding


def test_a_case_that_the_run_does_not_have_is_refused_with_those_that_it_has(tmp_path):
    case = case_of(chain())
    run = run_of(tmp_path, ("weights_survive", finding_of(case, KERNEL)))

    with pytest.raises(NoSuchCase, match=case.id):
        repro.confirmed("unknown", [run])
    with pytest.raises(NoSuchCase, match="tf_keras · savedmodel · weights_survive"):
        repro.confirmed(case.id, [run], At(path="h5"))


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("defect", "check"),
    [
        (state(Facet.SLOTS, "0 velocity", "missing"), "optimizer_slots_survive"),
        (trained_state(Facet.WEIGHTS, "first/0 kernel"), "resume_trajectory_is_identical"),
        (log(step=2), "resume_trajectory_is_identical"),
    ],
)
def test_the_slots_that_savedmodel_loses_are_confirmed(defect, check):
    case = case_of(chain())

    text = script_of(case, defect, path="savedmodel", check=check)

    repro.confirm(text, subject="tf_keras")


@pytest.mark.frameworks
def test_the_unbuilt_model_that_save_weights_accepts_is_confirmed():
    case = case_of(chain(Kind.SUBCLASSED))

    text = script_of(
        case,
        of_kind(DefectKind.NOT_REFUSED, "refusal"),
        path="weights_h5",
        check="unbuilt_model_is_refused",
    )

    repro.confirm(text, subject="tf_keras")


@pytest.mark.frameworks
def test_the_gain_that_keras_3_loses_is_confirmed():
    identity = {"class_name": "Identity", "config": {"gain": 3.0}}
    case = case_of(chain(Kind.SEQUENTIAL, dense("first", kernel_initializer=identity)))
    initial = of_kind(DefectKind.INITIAL, "first/0 kernel", facet=Facet.WEIGHTS)
    check = "fresh_weights_match_a_new_model"

    text = script_of(case, initial, subject="keras:torch", path="config", check=check)

    repro.confirm(text, subject="keras:torch")


@pytest.mark.frameworks
def test_what_survives_is_not_confirmed():
    text = script_of(case_of(chain()), KERNEL)

    with pytest.raises(repro.NotConfirmed, match=r"exit code 1 .*, found 0"):
        repro.confirm(text, subject="tf_keras")


def test_what_a_loss_was_made_with_is_read_off_the_live_loss():
    """Keras 3.15.1 leaves Huber's `delta` out of its config: two configs can't show its loss."""
    told = look(case_of(chain()), Facet.COMPILE, "loss/0/delta", Change.VALUE)

    assert any("_fn_kwargs" in line for line in told)
    assert not any(
        "_fn_kwargs" in one
        for one in look(case_of(chain()), Facet.COMPILE, "metrics/0", Change.VALUE)
    )


def test_a_finding_is_printed_as_an_issue_to_paste(tmp_path, monkeypatch):
    """Its title, what was expected and what was found can't end a block or be markup."""
    case = case_of(chain())
    difference = Difference("first/0 <kernel>", "```\n# expected", "[[0.5]]", Change.VALUE)
    defect = msgspec.structs.replace(KERNEL, difference=difference)
    run = run_of(tmp_path, ("weights_survive", finding_of(case, defect)))
    monkeypatch.setattr(repro, "confirm", lambda *_, **__: None)

    script = repro.confirmed(case.id, [run])
    text = repro.confirmed(case.id, [run], format="issue")

    title = text.partition("\n")[0]
    assert title.startswith(
        "# tf_keras, savedmodel: weights after the load: expected &#96;&#96;&#96; "
    )
    assert f"````python\n{script}````\n" in text
    assert "Expected:\n\n````text\n```\n# expected\n````\n" in text
    assert "Found:\n\n```text\n[[0.5]]\n```\n" in text
    assert "Documented at https://keras.io/2/api/models/" in text
    assert ", numpy " in text.partition("Versions: tensorflow ")[2]
