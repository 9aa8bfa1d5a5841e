"""The list of known issues: an entry has a page and small witnesses, and matches its own alone."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from saveproof.conformance.campaigns.known_issues import (
    FOLDER,
    explaining,
    known_issues,
    packaged,
)
from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import DefectKind
from saveproof.strategies.case import from_json, to_json
from saveproof.strategies.validation import validate
from tests.conformance.defects import log, of_kind, output, raised, state, trained_state

ROOT = Path(__file__).parents[2]
SMALL = 1000
"""The bytes that a witness may have."""

every_issue = pytest.mark.parametrize("issue", packaged(), ids=lambda issue: issue.id)


def slot(name, **fields):
    """Return a slot that was lost."""
    return state(Facet.SLOTS, place=name, **fields)


def sections(document: Path) -> set[str]:
    """Return the anchors of the document's headings."""
    headings = re.findall(r"^## (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def of(versions):
    """Return what gives every subject these versions."""
    return lambda _: versions


@every_issue
def test_an_entry_leads_to_a_section_of_the_findings(issue):
    document, _, anchor = issue.link.partition("#")

    assert anchor in sections(ROOT / document)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.toml")), ids=lambda file: file.stem)
def test_every_finding_of_a_framework_is_listed(file):
    """Its page begins with a table of them."""
    page = ROOT / "docs/findings" / f"{file.stem}.md"
    table = re.findall(r"^\| \[.*?\]\(#([\w-]+)\)", page.read_text(), re.MULTILINE)

    listed = {issue.link.partition("#")[2] for issue in known_issues([file])}

    assert set(table) == listed


@every_issue
def test_a_witness_is_a_small_case_in_its_canonical_form(issue):
    for witness in issue.witnesses:
        case = from_json(witness)
        validate(case)

        assert to_json(case).decode() == witness
        assert len(witness.encode()) <= SMALL


@every_issue
def test_a_listed_issue_names_its_releases(issue):
    assert issue.releases


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
        trained_state(Facet.WEIGHTS, step=2, origin=slot("v")),
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
    (
        "savedmodel",
        "round_trip_completes",
        raised("save", words="… is not a valid scope name. A scope name has to match the"),
        "savedmodel-names",
    ),
    ("h5", "optimizer_slots_survive", slot("m", **FROZEN), "frozen"),
    (
        "keras",
        "iteration_survives",
        state(Facet.ITERATION, place="iterations", **FROZEN),
        "frozen",
    ),
    ("h5", TRAJECTORY, log(origin=slot("m", **FROZEN)), "frozen"),
    ("json", "trainable_flags_survive", state(Facet.TRAINABLE, place="Functional/"), "nested-flag"),
    ("json", "trainable_flags_survive", state(Facet.TRAINABLE, place="Sequential/"), "nested-flag"),
    (
        "keras",
        "arguments_survive",
        state(Facet.ARGUMENTS, place="Functional/trainable"),
        "nested-flag",
    ),
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
    ("h5", "iteration_survives", state(Facet.ITERATION, place="iterations", **FROZEN), None),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS, optimizer="Nadam"), None),
    ("savedmodel", "saving_changes_nothing", state(Facet.RNG, place="Sequential/Dense/"), None),
    ("savedmodel", TRAJECTORY, log(origin=ITERATIONS), None),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS), None),
    ("h5", TRAJECTORY, trained_state(Facet.SLOTS, **FROZEN), None),
    ("keras", "iteration_survives", ITERATIONS, None),
    ("json", "trainable_flags_survive", state(Facet.TRAINABLE, place="Sequential/Dense/"), None),
    ("checkpoint", "optimizer_slots_survive", slot("m"), None),
)


NOW_TF = {"tf_keras": "2.21.0", "tensorflow": "2.21.0"}


def found_in(subject, path, check, defect, versions):
    """Return the anchor of the issue that explains the finding."""
    issue, _ = explaining([(subject, path)], check, defect, packaged(), of(versions))
    return issue and issue.link.partition("#")[2]


@pytest.mark.parametrize(("path", "check", "defect", "anchor"), OF_TF_KERAS)
@pytest.mark.parametrize("subject", ["tf_keras", "tf_keras==2.21.0"])
def test_an_issue_of_tf_keras_matches_its_own_defect_alone(subject, path, check, defect, anchor):
    assert found_in(subject, path, check, defect, NOW_TF) == anchor
    assert found_in("reference", path, check, defect, NOW_TF) is None


NOT_A_SIZE = "int() argument must be a string, a bytes-like object or a real number, not …"
NOT_SERIALIZABLE = "Could not deserialize … because it is not a KerasSaveable subclass"
NOT_A_LIST = "Argument … must be a list of tensors corresponding to the trainable variables list"
OF_ANOTHER_SHAPE = "Shape mismatch in layer … (named l)for weight m/l/gamma."
UNKNOWN = "Unknown variable: …"
NESTED = state(Facet.TRAINABLE, place="Sequential/")
RENAMED = state(Facet.COMPILE, change="unexpected", place="name")
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
    (
        "json",
        "arguments_survive",
        state(Facet.ARGUMENTS, place="Sequential/trainable"),
        "nested-flag",
    ),
    ("h5", "architecture_survives", state(Facet.ARCHITECTURE, place="trainable"), "nested-flag"),
    (
        "keras",
        "iteration_survives",
        state(Facet.ITERATION, place="iterations", **FROZEN),
        "frozen",
    ),
    ("h5", FIRST_LOSS, log(origin=AXIS), "hdf5-axis"),
    (
        "h5",
        FIRST_LOSS,
        log("mae", kind=DefectKind.LOG_NAMES, origin=RENAMED),
        "hdf5-metrics",
    ),
    ("h5", FIRST_LOSS, raised("resume", words=UNKNOWN), "hdf5-training"),
    ("h5", FIRST_LOSS, raised("resume", words=NOT_A_LIST), "hdf5-training"),
    ("h5", "round_trip_completes", raised("load", words=NOT_SERIALIZABLE), "hdf5-loss"),
    (
        "h5",
        "round_trip_completes",
        raised(
            "load", "builtins.TypeError", "Could not locate function …. Make sure custom classes a"
        ),
        "hdf5-loss",
    ),
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
        state(Facet.ARCHITECTURE, place="axis"),
        "hdf5-axis",
    ),
    ("h5", "outputs_survive", output(origin=AXIS), "hdf5-axis"),
    ("h5", "arguments_survive", state(Facet.ARGUMENTS, place="Softmax/axis"), "hdf5-axis"),
    (
        "h5",
        "round_trip_completes",
        raised("load", words=OF_ANOTHER_SHAPE),
        "hdf5-axis",
    ),
    (
        "h5",
        FIRST_LOSS,
        raised("resume", words=UNKNOWN, origin=DELTA),
        "hdf5-training",
    ),
    ("h5", TRAJECTORY, raised("resume", words=UNKNOWN, **FROZEN), "hdf5-training"),
    ("keras", FIRST_LOSS, raised("resume", words=UNKNOWN), None),
    (
        "h5",
        "architecture_survives",
        state(Facet.ARCHITECTURE, change="missing", place="axis"),
        None,
    ),
    ("h5", "arguments_survive", state(Facet.ARGUMENTS, place="Concatenate/axis"), None),
    ("keras", "optimizer_slots_survive", slot("velocity"), None),
    ("keras", FIRST_LOSS, log(), None),
    ("clone", "trainable_flags_survive", state(Facet.TRAINABLE, place="Functional/"), None),
    ("h5", "outputs_survive", output(), None),
    ("h5", "round_trip_completes", raised("load", words="Unknown layer"), None),
    ("keras", "round_trip_completes", raised("load", words=OF_ANOTHER_SHAPE), None),
)


@pytest.mark.parametrize(("path", "check", "defect", "anchor"), OF_KERAS_3)
@pytest.mark.parametrize("subject", ["keras", "keras:jax", "keras:torch==3.4.1", "keras@/venv"])
def test_an_issue_of_keras_3_matches_its_own_defect_alone(subject, path, check, defect, anchor):
    older = defect.exception == "builtins.TypeError"
    versions = {"keras": "3.4.1" if older else "3.15.1", "torch": "2.13.0"}

    assert found_in(subject, path, check, defect, versions) == anchor
    assert found_in("reference", path, check, defect, versions) is None


def test_every_finding_of_every_issue_matches_a_defect_of_these_tests():
    """A finding that matches nothing would stay listed unseen."""
    unseen = {
        (issue.id, str(finding))
        for issue in packaged()
        for finding in issue.findings
        for rows in [OF_TF_KERAS if issue.subject == "tf_keras" else OF_KERAS_3]
        if not any(finding.explains(path, check, one) for path, check, one, _ in rows)
    }

    assert unseen == set()
