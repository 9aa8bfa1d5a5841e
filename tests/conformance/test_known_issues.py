"""Known issues: each leads to its section, and matches its own defect and no other."""

import re
from pathlib import Path

import pytest

from saveproof.conformance.campaigns.known_issues import KNOWN_ISSUES, known_issue

ROOT = Path(__file__).parents[2]
SINCE = " after freezing without compile"
NOT_A_SIZE = "load: raised builtins.TypeError: int() argument must be a string, a bytes-like object"


def sections(document: Path) -> set[str]:
    """Return the anchors of the document's headings."""
    headings = re.findall(r"^## (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("statement", sorted({issue.statement for issue in KNOWN_ISSUES}))
def test_a_statement_leads_to_a_section_of_the_findings(statement):
    document, _, anchor = re.search(r"(docs/findings/\w+\.md)(#)([\w-]+)", statement).groups()

    assert anchor in sections(ROOT / document)


@pytest.mark.parametrize(
    ("path", "check", "key", "anchor"),
    [
        ("savedmodel", "optimizer_slots_survive", "optimizer slots: m lost", "optimizer"),
        (
            "savedmodel",
            "resume_trajectory_is_identical",
            "resume: later step weights, from iteration: iterations value",
            "optimizer",
        ),
        (
            "savedmodel",
            "outputs_survive",
            "resume: raised builtins.ValueError: Could not find matching concrete function to",
            "inputs",
        ),
        ("h5", "optimizer_slots_survive", "optimizer slots: _u_product lost", "nadam"),
        (
            "checkpoint",
            "resume_trajectory_is_identical",
            "resume: first step weights with Nadam",
            "nadam-steps",
        ),
        (
            "checkpoint",
            "resume_trajectory_is_identical",
            f"resume: first step weights with Nadam{SINCE}",
            "nadam-steps",
        ),
        (
            "h5",
            "resume_trajectory_is_identical",
            f"resume: first step weights with SGD{SINCE}",
            "compiled-flags",
        ),
        ("h5", "optimizer_slots_survive", f"optimizer slots: m lost{SINCE}", "frozen"),
        ("keras", "iteration_survives", f"iteration: iterations value{SINCE}", "frozen"),
        (
            "h5",
            "resume_trajectory_is_identical",
            f"resume: first step weights{SINCE}",
            "compiled-flags",
        ),
        ("json", "trainable_flags_survive", "trainable flags: Functional value", "nested-flag"),
        ("h5", "optimizer_slots_survive", "optimizer slots: m lost", None),
        ("h5", "resume_trajectory_is_identical", "resume: first step weights", None),
        ("keras", "iteration_survives", "iteration: iterations value", None),
        ("json", "trainable_flags_survive", "trainable flags: Sequential/Dense value", None),
        ("checkpoint", "optimizer_slots_survive", "optimizer slots: m lost", None),
    ],
)
def test_an_issue_of_tf_keras_matches_its_own_defect_alone(path, check, key, anchor):
    found = known_issue("tf_keras", path, check, key)

    assert (found is None) if anchor is None else (anchor in found.statement)
    assert known_issue("reference", path, check, key) is None


@pytest.mark.parametrize(
    ("path", "check", "key", "anchor"),
    [
        ("keras", "compile_settings_survive", "compile settings: delta value", "loss-arguments"),
        (
            "keras",
            "first_batch_loss_is_identical",
            "resume: first step loss, from compile settings: delta value",
            "loss-arguments",
        ),
        ("keras", "optimizer_slots_survive", f"optimizer slots: velocity lost{SINCE}", "frozen"),
        ("clone", "trainable_flags_survive", "trainable flags: Sequential value", "nested-flag"),
        (
            "h5",
            "round_trip_completes",
            NOT_A_SIZE,
            "nested-graph",
        ),
        (
            "h5",
            "outputs_survive",
            "outputs: value, from arguments: LayerNormalization/axis value",
            "hdf5-axis",
        ),
        ("h5", "arguments_survive", "arguments: Softmax/axis value", "hdf5-axis"),
        ("h5", "arguments_survive", "arguments: Concatenate/axis value", None),
        ("keras", "optimizer_slots_survive", "optimizer slots: velocity lost", None),
        ("keras", "first_batch_loss_is_identical", "resume: first step loss", None),
        ("clone", "trainable_flags_survive", "trainable flags: Functional value", None),
        ("h5", "outputs_survive", "outputs: value", None),
        ("h5", "round_trip_completes", "load: raised builtins.ValueError: Unknown layer", None),
        ("keras", "round_trip_completes", "load: raised builtins.ValueError: Shape mismatch", None),
    ],
)
@pytest.mark.parametrize("subject", ["keras", "keras:jax", "keras:tensorflow", "keras:torch"])
def test_an_issue_of_keras_3_matches_its_own_defect_alone(subject, path, check, key, anchor):
    found = known_issue(subject, path, check, key)

    assert (found is None) if anchor is None else (anchor in found.statement)
    assert known_issue("reference", path, check, key) is None
