"""Known issues: each leads to its section, and matches its own defect and no other."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from saveproof.conformance.campaigns.known_issues import KNOWN_ISSUES, known_issue
from saveproof.conformance.campaigns.known_issues.known_issue import Like, UnknownField
from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import DefectKind
from tests.conformance.defects import log, of_kind, output, raised, state, trained_state

ROOT = Path(__file__).parents[2]
ANCHOR = re.compile(r"(docs/findings/\w+\.md)#([\w-]+)")


def slot(name, **fields):
    """Return a slot that was lost."""
    return state(Facet.SLOTS, place=name, **fields)


def anchor_of(issue):
    """Return the anchor of the section that the issue's statement leads to."""
    return ANCHOR.search(issue.statement)[2]


def sections(document: Path) -> set[str]:
    """Return the anchors of the document's headings."""
    headings = re.findall(r"^## (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("statement", sorted({issue.statement for issue in KNOWN_ISSUES}))
def test_a_statement_leads_to_a_section_of_the_findings(statement):
    document, anchor = ANCHOR.search(statement).groups()

    assert anchor in sections(ROOT / document)


TRAJECTORY = "resume_trajectory_is_identical"
FIRST_LOSS = "first_batch_loss_is_identical"
ITERATIONS = state(Facet.ITERATION, place="iterations")
DELTA = state(Facet.COMPILE, place="delta")
FROZEN = {"frozen_since_compile": True}

OF_TF_KERAS = (
    ("savedmodel", "optimizer_slots_survive", slot("m"), "savedmodel-optimizer"),
    ("savedmodel", "optimizer_slots_survive", slot("m", **FROZEN), "savedmodel-optimizer"),
    ("savedmodel", "iteration_survives", ITERATIONS, "savedmodel-optimizer"),
    (
        "savedmodel",
        TRAJECTORY,
        trained_state(Facet.WEIGHTS, step=2, origin=ITERATIONS),
        "savedmodel-optimizer",
    ),
    ("savedmodel", TRAJECTORY, log(origin=slot("m")), "savedmodel-optimizer"),
    (
        "savedmodel",
        "saving_changes_nothing",
        state(Facet.RNG, place="Sequential/Dropout/"),
        "savedmodel-seed",
    ),
    (
        "savedmodel",
        "outputs_survive",
        raised("resume", words="Could not find matching concrete function to"),
        "savedmodel-inputs",
    ),
    (
        "savedmodel",
        FIRST_LOSS,
        raised("resume", words="Could not find matching concrete function to", origin=DELTA),
        "savedmodel-inputs",
    ),
    (
        "savedmodel",
        "round_trip_completes",
        raised("save", words="… is not a valid root scope name. A root scope name has to match"),
        "savedmodel-names",
    ),
    ("h5", "optimizer_slots_survive", slot("_u_product"), "nadam"),
    ("keras", TRAJECTORY, trained_state(Facet.WEIGHTS, origin=slot("_u_product")), "nadam"),
    ("checkpoint", TRAJECTORY, trained_state(Facet.WEIGHTS, optimizer="Nadam"), "nadam-steps"),
    (
        "checkpoint",
        TRAJECTORY,
        trained_state(Facet.WEIGHTS, optimizer="Nadam", **FROZEN),
        "nadam-steps",
    ),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS, optimizer="SGD", **FROZEN), "compiled-flags"),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS, **FROZEN), "compiled-flags"),
    ("savedmodel", FIRST_LOSS, log(**FROZEN), "compiled-flags"),
    ("h5", "optimizer_slots_survive", slot("m", **FROZEN), "frozen"),
    (
        "keras",
        "iteration_survives",
        state(Facet.ITERATION, place="iterations", **FROZEN),
        "frozen",
    ),
    ("h5", TRAJECTORY, log(origin=slot("m", **FROZEN)), "frozen"),
    ("json", "trainable_flags_survive", state(Facet.TRAINABLE, place="Functional/"), "nested-flag"),
    (
        "json",
        "arguments_survive",
        state(Facet.ARGUMENTS, place="Functional/Sequential/trainable"),
        "nested-flag",
    ),
    ("h5", "architecture_survives", state(Facet.ARCHITECTURE, place="trainable"), "nested-flag"),
    ("keras", FIRST_LOSS, log("a_a", kind=DefectKind.LOG_NAMES), "renamed-metrics"),
    (
        "keras",
        TRAJECTORY,
        trained_state(Facet.WEIGHTS, optimizer="Adam", before_first_average=True),
        "averages",
    ),
    ("keras", FIRST_LOSS, log("a_a", kind=DefectKind.LOG_NAMES, origin=DELTA), None),
    ("keras", FIRST_LOSS, log("a_a", step=2, kind=DefectKind.LOG_NAMES), None),
    ("h5", "optimizer_slots_survive", slot("m"), None),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS), None),
    ("h5", TRAJECTORY, trained_state(Facet.SLOTS, **FROZEN), None),
    ("keras", "iteration_survives", ITERATIONS, None),
    ("json", "trainable_flags_survive", state(Facet.TRAINABLE, place="Sequential/Dense/"), None),
    ("checkpoint", "optimizer_slots_survive", slot("m"), None),
)


@pytest.mark.parametrize(("path", "check", "defect", "anchor"), OF_TF_KERAS)
@pytest.mark.parametrize("subject", ["tf_keras", "tf_keras==2.15.1"])
def test_an_issue_of_tf_keras_matches_its_own_defect_alone(subject, path, check, defect, anchor):
    found = known_issue(subject, path, check, defect)

    assert (found and anchor_of(found)) == anchor
    assert known_issue("reference", path, check, defect) is None


def on(release):
    """Return what tells this release of every subject."""
    return lambda *_: release


NOT_A_SIZE = "int() argument must be a string, a bytes-like object or a real number, not …"
NOT_SERIALIZABLE = "Could not deserialize … because it is not a KerasSaveable subclass"
NOT_A_LIST = "Argument … must be a list of tensors corresponding to the trainable variables list"
UNKNOWN = "Unknown variable: …"
NESTED = state(Facet.TRAINABLE, place="Sequential/")
AXIS = state(Facet.ARGUMENTS, place="LayerNormalization/axis")


def initializer(argument):
    """Return an argument of a kernel's initializer that was lost."""
    return replace(state(Facet.ARGUMENTS), name=f"kernel_initializer/{argument}")


def initial(**fields):
    """Return an initial weight that is not a new model's."""
    return of_kind(DefectKind.INITIAL, facet=Facet.WEIGHTS, name="kernel", **fields)


GAIN = initializer("Identity/gain")
INITIAL = "fresh_weights_match_a_new_model"

OF_KERAS_3 = (
    ("keras", "arguments_survive", GAIN, "identity-gain"),
    ("config", INITIAL, initial(origin=GAIN), "identity-gain"),
    ("config", INITIAL, initial(), None),
    ("keras", "arguments_survive", initializer("Orthogonal/gain"), None),
    ("keras", "compile_settings_survive", DELTA, "loss-arguments"),
    ("h5", FIRST_LOSS, log(origin=DELTA), "loss-arguments"),
    ("keras", TRAJECTORY, log(step=2, origin=DELTA), "loss-arguments"),
    ("keras", "optimizer_slots_survive", slot("velocity", **FROZEN), "frozen"),
    ("keras", TRAJECTORY, log(origin=slot("velocity", **FROZEN)), "frozen"),
    ("clone", "trainable_flags_survive", NESTED, "nested-flag"),
    ("h5", FIRST_LOSS, raised("resume", words=UNKNOWN), "hdf5-training"),
    ("h5", FIRST_LOSS, raised("resume", words=NOT_A_LIST), "hdf5-training"),
    ("h5", "round_trip_completes", raised("load", words=NOT_SERIALIZABLE), "hdf5-loss"),
    (
        "h5",
        "round_trip_completes",
        raised("load", "builtins.TypeError", NOT_A_SIZE),
        "nested-graph",
    ),
    (
        "h5",
        "compile_settings_survive",
        state(Facet.COMPILE, change="unexpected", place="from_logits"),
        "hdf5-metrics",
    ),
    (
        "h5",
        "architecture_survives",
        state(Facet.ARCHITECTURE, change="missing", place="axis"),
        "hdf5-axis",
    ),
    ("h5", "outputs_survive", output(origin=AXIS), "hdf5-axis"),
    ("h5", "arguments_survive", state(Facet.ARGUMENTS, place="Softmax/axis"), "hdf5-axis"),
    (
        "h5",
        "round_trip_completes",
        raised("load", words="Shape mismatch in layer …"),
        "hdf5-axis",
    ),
    (
        "h5",
        FIRST_LOSS,
        raised("resume", words=UNKNOWN, origin=DELTA),
        "loss-arguments",
    ),
    ("h5", FIRST_LOSS, raised("resume", words=UNKNOWN, **FROZEN), None),
    ("h5", "arguments_survive", state(Facet.ARGUMENTS, place="Concatenate/axis"), None),
    ("keras", "optimizer_slots_survive", slot("velocity"), None),
    ("keras", FIRST_LOSS, log(), None),
    ("clone", "trainable_flags_survive", state(Facet.TRAINABLE, place="Functional/"), None),
    ("h5", "outputs_survive", output(), None),
    ("h5", "round_trip_completes", raised("load", words="Unknown layer"), None),
    ("keras", "round_trip_completes", raised("load", words="Shape mismatch in layer …"), None),
)


@pytest.mark.parametrize(("path", "check", "defect", "anchor"), OF_KERAS_3)
@pytest.mark.parametrize("subject", ["keras", "keras:jax", "keras:torch==3.4.1", "keras@/venv"])
def test_an_issue_of_keras_3_matches_its_own_defect_alone(subject, path, check, defect, anchor):
    release = "3.4.1" if anchor == "nested-graph" else "3.15.1"
    found = known_issue(subject, path, check, defect, release=on(release))

    assert (found and anchor_of(found)) == anchor
    assert known_issue("reference", path, check, defect) is None


def test_every_issue_matches_a_defect_of_these_tests():
    """An issue that matches nothing would stay listed unseen."""
    seen = [
        known_issue(subject, path, check, defect, release=on("3.4.1"))
        for subject, rows in (("tf_keras", OF_TF_KERAS), ("keras", OF_KERAS_3))
        for path, check, defect, _ in rows
    ]

    assert {one.statement for one in seen if one} == {one.statement for one in KNOWN_ISSUES}


@pytest.mark.parametrize(("release", "listed"), [("3.4.1", True), ("3.15.1", True), ("4.0", False)])
def test_an_issue_that_a_release_has_mended_is_no_longer_known(release, listed):
    found = known_issue("keras", "keras", "compile_settings_survive", DELTA, release=on(release))

    assert (found is not None) is listed


def test_an_issue_can_ask_for_no_field_that_a_defect_lacks():
    with pytest.raises(UnknownField, match="clas"):
        Like(clas="Dense")
