"""The list of known issues: an entry has a page and small witnesses, and matches its own alone."""

import re
from pathlib import Path

import pytest

from saveproof.conformance.campaigns.known_issues import (
    FOLDER,
    explaining,
    known_issues,
    packaged,
)
from saveproof.strategies.case import from_json, to_json
from saveproof.strategies.validation import validate
from tests.conformance.listed_defects import OF_KERAS_3, OF_TF_KERAS

ROOT = Path(__file__).parents[2]
SMALL = 1000
"""The bytes that a witness may have."""

every_issue = pytest.mark.parametrize("issue", packaged(), ids=lambda issue: issue.id)


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
        departing = 250 if case.loading else 0  # one needs a model in a model, and a layer after it
        assert len(witness.encode()) <= SMALL + departing


@every_issue
def test_a_listed_issue_names_its_releases(issue):
    assert issue.releases


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


@pytest.mark.parametrize(("path", "check", "defect", "anchor"), OF_KERAS_3)
@pytest.mark.parametrize("subject", ["keras", "keras:jax", "keras:torch==3.4.1", "keras@/venv"])
def test_an_issue_of_keras_3_matches_its_own_defect_alone(subject, path, check, defect, anchor):
    older = defect.exception == "builtins.TypeError"
    versions = {"keras": "3.4.1" if older else "3.15.1", "torch": "2.13.0"}

    assert found_in(subject, path, check, defect, versions) == anchor
    assert found_in("reference", path, check, defect, versions) is None


def test_every_finding_of_every_issue_matches_a_defect_of_these_tests():
    """A finding that matches nothing would stay listed unseen.

    Of issues that the tables here do not have, `saveproof known check` sees each finding.
    """
    unseen = {
        (issue.id, str(finding))
        for issue in packaged()
        for rows in [OF_TF_KERAS if issue.subject == "tf_keras" else OF_KERAS_3]
        if issue.link.endswith(tuple(f"keras.md#{anchor}" for *_, anchor in rows))
        for finding in issue.findings
        if not any(finding.explains(path, check, one) for path, check, one, _ in rows)
    }

    assert unseen == set()
