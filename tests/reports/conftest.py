"""A made-up run that has every verdict: 3 subjects, 10 save paths, 24 checks."""

import msgspec
import pytest
from msgspec import structs

from saveproof.reports.findings import Defect, DefectKind, Difference
from saveproof.reports.matrix import matrix
from saveproof.reports.records import (
    CheckInfo,
    Finding,
    Footer,
    Header,
    PathInfo,
    Result,
    SubjectInfo,
    Verdict,
)
from saveproof.reports.store import Run

GUIDE = "https://www.tensorflow.org/guide/keras/save_and_serialize"
MODEL = ("architecture", "weights", "non-trainable state")
TRAINING = ("compile settings", "optimizer config", "optimizer slots", "iteration", "learning rate")
RESUME_ONLY = ("RNG state", "metric state")
STRUCTURE = ("architecture", "arguments", "layer sharing", "names", "dtype policy")
STATE = ("weights", "non-trainable state", "trainable flags")
KINDS = ("sequential", "functional", "subclassed")

CHECKS = {
    "outputs_survive": ("The loaded model gives the same outputs.", MODEL),
    "first_batch_loss_is_identical": (
        "The first batch after the load has the loss that it would have had without a save.",
        (*MODEL, "compile settings"),
    ),
    "resume_trajectory_is_identical": (
        "Training goes on as if it had never been interrupted.",
        (*MODEL, *TRAINING),
    ),
    "second_generation_equals_first": (
        "What is saved and loaded again equals what was loaded first.",
        MODEL,
    ),
    "another_process_loads_the_same": ("A fresh interpreter loads the same model.", MODEL),
    "structure_survives": ("The layers and their connections come back.", ("architecture",)),
    "arguments_survive": ("Every argument of the case comes back.", ("arguments",)),
    "config_is_a_fixed_point": (
        "The config of the rebuilt model is the config.",
        ("architecture",),
    ),
    "sharing_survives": ("Layers shared before are shared after.", ("layer sharing",)),
    "names_survive": ("Layers and weights keep their names.", ("names",)),
    "weights_survive": ("Every weight comes back, to the byte.", ("weights",)),
    "non_trainable_state_survives": (
        "Moving statistics come back, to the byte.",
        ("non-trainable state",),
    ),
    "trainable_flags_survive": ("Frozen layers stay frozen.", ("trainable flags",)),
    "dtype_policy_survives": ("Every layer keeps its dtype policy.", ("dtype policy",)),
    "compile_settings_survive": ("Losses, metrics and weights come back.", ("compile settings",)),
    "optimizer_config_survives": ("The optimizer keeps its arguments.", ("optimizer config",)),
    "optimizer_slots_survive": ("Every optimizer slot comes back.", ("optimizer slots",)),
    "iteration_survives": ("The optimizer knows how many steps it made.", ("iteration",)),
    "learning_rate_survives": ("The learning rate in force comes back.", ("learning rate",)),
    "rng_state_survives": ("Random draws go on where they stopped.", ("RNG state",)),
    "metric_state_survives": ("Metric totals come back.", ("metric state",)),
    "saving_changes_nothing": ("Saving leaves the live model as it was.", ()),
    "what_must_be_fresh_is_fresh": ("What must not come back is the model's initial state.", ()),
    "refusal_says_why": ("What the path can't save is refused with a reason.", ()),
}

DRAWING = """\
functional model 'outer'
  x            Input(shape=(8,), dtype="float32")
  dense_10     Dense(units=3, activation="tanh", bias_regularizer=L2(0.02))  <- x
  größe/1      BatchNormalization(momentum=0.7, epsilon=0.01)                <- dense_10
  out          Dense(units=2)                                                <- größe/1, x
compile        Adam(learning_rate=0.003, beta_1=0.7, amsgrad=True), loss mse
before         train_on_batch 2 steps of 4 rows
after          train_on_batch 3 steps of 4 rows"""


def must(*groups):
    return {facet: "must" for group in groups for facet in group}


WHOLE = must(STRUCTURE, STATE, TRAINING) | dict.fromkeys(RESUME_ONLY, "should")
CODE = dict.fromkeys(STRUCTURE, "code")
FRESH_TRAINING = dict.fromkeys(TRAINING, "fresh")

PATHS = {
    "h5": WHOLE,
    "savedmodel": WHOLE,
    "keras": WHOLE,
    "config": must(STRUCTURE) | dict.fromkeys(STATE, "fresh"),
    "json": must(STRUCTURE) | dict.fromkeys(STATE, "fresh"),
    "weights_in_memory": CODE | must(STATE) | FRESH_TRAINING,
    "config_and_weights": must(STRUCTURE, STATE) | FRESH_TRAINING,
    "weights_h5": CODE | must(STATE) | FRESH_TRAINING,
    "json_and_weights_h5": must(STRUCTURE, STATE) | FRESH_TRAINING,
    "checkpoint": CODE | must(STATE, TRAINING),
}

SUBJECTS = {
    "reference": {"saveproof": "0.1.0", "numpy": "2.4.6"},
    "tf_keras": {"tf_keras": "2.21.0", "tensorflow": "2.21.1", "h5py": "3.16.0"},
    "keras:jax": {"keras": "3.12.0", "jax": "0.8.1"},
}


def a_finding(key="slot:missing", **fields):
    """Return a finding whose defect has this key and message, or is the one that is given."""
    texts = {
        "message": "dense_10/kernel's slot 'vhat' is missing: 7 entries became 5",
        "where": "Adam/vhat/dense_10/kernel",
        "expected": "7 entries",
        "found": "5 entries",
        "traceback": "",
        "case_id": "9f2c41d07ab3e615",
        "case": {"architecture": {"kind": "functional"}, "seed": 0},
        "drawing": DRAWING,
    }
    texts |= fields
    where, expected, found = (texts.pop(name) for name in ("where", "expected", "found"))
    message, traceback = texts.pop("message"), texts.pop("traceback")
    given = Defect(
        DefectKind.RECORDED,
        Difference(where, expected, found),
        name=key,
        words=message,
        traceback=traceback,
    )
    return Finding(texts.pop("defect", given), **texts)


def a_result(subject, path, kind, check, verdict=Verdict.PASS, **fields):
    seen = fields.pop("seen", 40)
    tally = {Verdict.PASS: 40 - seen, verdict: seen} if verdict != Verdict.PASS else {verdict: 40}
    return Result(
        subject=subject,
        path=path,
        kind=kind,
        check=check,
        verdict=verdict,
        promise=fields.pop("promise", "must"),
        tally={v: n for v, n in tally.items() if n},
        seconds=0.25,
        **fields,
    )


TRAJECTORY = a_finding(
    "resume:loss:step 2",
    message="the loss of step 2 after the load is not that of the model trained on without a save",
    where="step 2, loss",
    expected="0.07553110271692276",
    found="0.08061878383159637",
)
LEARNING_RATE = a_finding(
    "learning_rate:value",
    message="the learning rate set before the save is lost: the initial one came back",
    where="learning_rate",
    expected="array(0.00012, dtype=float32)",
    found="array(0.003, dtype=float32)",
    case_id="1b00c6aa59e4d7f2",
)
RNG = a_finding(
    "rng:reset",
    message="the seed generator of dropout_1 starts again from its seed",
    where="dropout_1/seed_generator_state",
    expected="array([1337, 6], dtype=uint32)",
    found="array([1337, 0], dtype=uint32)",
    case_id="c5d2e8f0917a3b46",
)

SEEN = {
    ("tf_keras", "h5", "optimizer_slots_survive"): (Verdict.FAIL, 12, (a_finding(),)),
    ("tf_keras", "h5", "resume_trajectory_is_identical"): (Verdict.FAIL, 17, (TRAJECTORY,)),
    ("tf_keras", "keras", "optimizer_slots_survive"): (Verdict.FAIL, 12, (a_finding(),)),
    ("tf_keras", "savedmodel", "learning_rate_survives"): (Verdict.FAIL, 3, (LEARNING_RATE,)),
    ("tf_keras", "savedmodel", "another_process_loads_the_same"): (
        Verdict.TIMEOUT, 1, (a_finding("timeout", message="no answer within 60 s", where="load",
                                      expected="", found=""),)),
    ("tf_keras", "checkpoint", "iteration_survives"): (
        Verdict.KNOWN, 5, (a_finding("iteration", message="the iteration is 0",
                                     known="https://github.com/keras-team/keras/issues/1"),)),
    ("tf_keras", "checkpoint", "weights_survive"): (
        Verdict.CRASH, 1, (a_finding("crash:save", message="the process died of signal 11 in save",
                                     expected="", found="", traceback="Fatal Python error: "
                                     "Segmentation fault\n  File \"checkpoint.py\", line 88"),)),
    ("tf_keras", "h5", "rng_state_survives"): (Verdict.GAP, 40, (RNG,)),
    ("keras:jax", "keras", "rng_state_survives"): (Verdict.GAP, 40, (RNG,)),
    ("keras:jax", "h5", "rng_state_survives"): (Verdict.GAP, 40, (RNG,)),
    ("keras:jax", "h5", "metric_state_survives"): (
        Verdict.HARNESS_ERROR, 1, (a_finding("harness:KeyError", message="KeyError: 'total'",
                                             where="", expected="", found="", case_id="",
                                             drawing="", traceback="KeyError: 'total'"),)),
    ("keras:jax", "keras", "resume_trajectory_is_identical"): (Verdict.UNSTABLE, 40, ()),
    ("keras:jax", "checkpoint", "names_survive"): (Verdict.VACUOUS, 40, ()),
}  # fmt: skip


def results_of(subject, path):
    facets = PATHS[path]
    for check, (_, needs) in CHECKS.items():
        if any(facets.get(facet) in (None, "fresh") for facet in needs):
            continue
        promise = "should" if "should" in {facets[facet] for facet in needs} else "must"
        for kind in KINDS:
            verdict, seen, findings = SEEN.get((subject, path, check), (Verdict.PASS, 40, ()))
            if kind == "subclassed" and path in ("h5", "config", "json"):
                verdict, seen, findings = Verdict.REFUSED, 40, ()
            if check == "refusal_says_why" and path in ("weights_in_memory", "checkpoint"):
                verdict, seen, findings = Verdict.NOT_APPLICABLE, 40, ()
            if kind == "sequential" and verdict in (Verdict.FAIL, Verdict.CRASH):
                verdict, seen, findings = Verdict.PASS, 40, ()
            yield a_result(
                subject, path, kind, check, verdict, seen=seen, findings=findings, promise=promise
            )


def a_header(**fields):
    texts = {
        "run": "2026-10-01T12-00-00",
        "started": "2026-10-01T12:00:00+00:00",
        "saveproof": "0.1.0",
        "command": "saveproof run reference tf_keras keras:jax --examples 40 --seed 7",
        "seed": 7,
        "examples": 40,
        "environment": {"python": "3.11.9", "platform": "Linux x86_64", "hypothesis": "6.170.15"},
        "subjects": tuple(
            SubjectInfo(
                name=name,
                environment=environment,
                paths=tuple(
                    PathInfo(name=path, document=GUIDE, facets=facets)
                    for path, facets in PATHS.items()
                ),
            )
            for name, environment in SUBJECTS.items()
        ),
        "checks": tuple(
            CheckInfo(name=name, statement=statement, facets=facets)
            for name, (statement, facets) in CHECKS.items()
        ),
    }
    return Header(**(texts | fields))


def a_run(*, results=None, header=None, cut=False):
    if results is None:
        results = tuple(r for s in SUBJECTS for path in PATHS for r in results_of(s, path))
    footer = Footer(
        finished="2026-10-01T12:04:12+00:00", seconds=252.0, results=len(results), interrupted=False
    )
    return Run(header or a_header(), tuple(results), None if cut else footer, ("saveproof-report",))


def one_cell(verdict=Verdict.PASS, **fields):
    """A complete run of one subject, path, kind and check."""
    paths = (PathInfo(name="h5", document=GUIDE, facets=WHOLE),)
    header = a_header(
        subjects=(SubjectInfo(name="tf_keras", environment={"tf_keras": "2.21.0"}, paths=paths),),
        checks=(
            CheckInfo(
                name="weights_survive",
                statement=CHECKS["weights_survive"][0],
                facets=("weights",),
            ),
        ),
    )
    result = a_result("tf_keras", "h5", "sequential", "weights_survive", verdict, **fields)
    return a_run(results=(result,), header=header)


HOSTILE = "<script>alert('x')</script> & \"größe\" | `rm` [a](b) \x1b[31m\x00\x9b31m\u202e ]]> --"


def hostile_run():
    """A run in which every text is hostile."""
    run = one_cell(Verdict.FAIL)
    defect = Defect(
        DefectKind.RAISED, Difference(HOSTILE, HOSTILE, HOSTILE), facet=HOSTILE, classes=(HOSTILE,),
        name=HOSTILE, action=HOSTILE, exception=HOSTILE, words=HOSTILE, optimizer=HOSTILE,
        traceback=HOSTILE,
    )  # fmt: skip
    origin = structs.replace(defect, kind=DefectKind.STATE)
    finding = Finding(
        structs.replace(defect, origin=origin),
        case_id=HOSTILE, case={HOSTILE: HOSTILE}, drawing=HOSTILE,
    )  # fmt: skip
    paths = (PathInfo(name=HOSTILE, document=f"javascript:{HOSTILE}", facets={HOSTILE: HOSTILE}),)
    header = a_header(
        subjects=(SubjectInfo(HOSTILE, {HOSTILE: HOSTILE}, paths, files={HOSTILE: HOSTILE}),),
        checks=(CheckInfo(name=HOSTILE, statement=HOSTILE, facets=(HOSTILE,)),),
        environment={HOSTILE: HOSTILE},
        command=HOSTILE,
    )
    result = msgspec.structs.replace(
        run.results[0], subject=HOSTILE, path=HOSTILE, kind=HOSTILE, check=HOSTILE,
        promise=HOSTILE, findings=(finding,),
    )  # fmt: skip
    return a_run(results=(result,), header=header)


@pytest.fixture(scope="session")
def run():
    return a_run()


@pytest.fixture(scope="session")
def figures(run):
    return matrix(run)


@pytest.fixture(scope="session")
def hostile():
    return matrix(hostile_run())


@pytest.fixture(name="hostile_run", scope="session")
def hostile_run_again():
    return hostile_run()


@pytest.fixture
def header():
    return a_header()


@pytest.fixture(name="a_run", scope="session")
def run_builder():
    return a_run


@pytest.fixture(name="one_cell", scope="session")
def one_cell_builder():
    return one_cell


@pytest.fixture(name="a_finding", scope="session")
def finding_builder():
    return a_finding


@pytest.fixture(name="a_result", scope="session")
def result_builder():
    return a_result


@pytest.fixture(scope="session")
def two_of_a_kind():
    """A run in which one known issue shows as two findings, the second of a smaller case."""
    known = "No slots come back."
    findings = (
        a_finding("weights", message="weights part in step 1", known=known),
        a_finding("loss", message="loss differs in step 1", known=known, drawing="a dense layer"),
    )
    return matrix(one_cell(Verdict.KNOWN, findings=findings))
