"""Entries of known issues: what they match, and what is refused."""

from datetime import date

import pytest
from msgspec.structs import replace

from saveproof.conformance.campaigns.known_issues import (
    InvalidKnownIssue,
    explaining,
    known_issues,
    packaged,
    read_issues,
)
from saveproof.conformance.model_state.contract import Facet
from tests.conformance.defects import state


def slot(name, **fields):
    """Return a slot that was lost."""
    return state(Facet.SLOTS, place=name, **fields)


def of(versions):
    """Return what gives every subject these versions."""
    return lambda _: versions


ENTRY = """
[[issue]]
id = "own"
subject = "keras"
paths = ["keras", "h5"]
releases = ">=3.4,<3.16"
reason = "A slot is lost."
link = "https://example.org/1"
witnesses = ['{}']
[[issue.findings]]
check = "optimizer_slots_survive"
kind = "state"
facet = "optimizer slots"
how = "lost"
name = "m"
"""


def entry(*changes, file="own.toml"):
    """Return the issue of the entry, with some of its text replaced."""
    text = ENTRY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (issue,) = read_issues(text, file)
    return issue


SLOTS = "optimizer_slots_survive"
LOST_SLOT = 'kind = "state", facet = "optimizer slots", how = "lost"'


@pytest.mark.parametrize(
    ("release", "note"),
    [
        ("3.4", None),
        ("3.15.1", None),
        ("3.3.0", "known issue 'own' lists it for keras >=3.4,<3.16 only, found in 3.3.0"),
        ("3.16.0", "change `releases` in own.toml"),
    ],
)
def test_a_listed_finding_outside_its_releases_is_not_known_and_says_so(release, note):
    found, told = explaining(
        [("keras:torch", "h5")], SLOTS, slot("m"), [entry()], of({"keras": release})
    )

    assert (found is None) == (note is not None)
    assert (note or "") in told


@pytest.mark.parametrize(("backend", "known"), [("torch", True), ("jax", False)])
def test_an_issue_of_one_backend_explains_no_finding_on_another(backend, known):
    issue = entry(("paths =", 'backend = ["torch"]\npaths ='))

    found, note = explaining(
        [("keras", "h5")], SLOTS, slot("m"), [issue], of({"keras": "3.5", backend: "1"})
    )

    assert (found is not None) is known
    assert note == ""


@pytest.mark.parametrize(
    ("wanted", "defect", "matches"),
    [
        ('name = "m"', slot("m"), True),
        ('name = "m"', slot("mv"), False),
        ('name = "m*"', slot("mv"), True),
        ('name = "*"', slot("v"), True),
        ('name = ["m", "v*"]', slot("velocity"), True),
        ('name = ["m", "v*"]', slot("u"), False),
        ('name = "m"', slot("m", frozen_since_compile=True), False),
        ('name = "m"\nfrozen_since_compile = true', slot("m", frozen_since_compile=True), True),
        ('name = "m"\nfrozen_since_compile = "*"', slot("m"), True),
        ('name = "m"', slot("m", origin=slot("v")), False),
        ('name = "m"\norigin = "*"', slot("m", origin=slot("v")), True),
        (
            'name = "m"\norigin = {' + LOST_SLOT + ', name = "v" }',
            slot("m", origin=slot("v")),
            True,
        ),
        ('name = "m"\norigin = {' + LOST_SLOT + " }", slot("m", origin=slot("v")), False),
    ],
)
def test_a_field_that_an_entry_leaves_out_must_be_empty(wanted, defect, matches):
    issue = entry(('name = "m"', wanted))

    assert issue.explains("h5", SLOTS, defect) is matches


def test_an_issue_with_a_day_of_expiry_is_expected_up_to_that_day():
    issue = entry(("paths =", "expires = 2026-05-04\npaths ="))

    assert not issue.has_expired(date(2026, 5, 4))
    assert issue.has_expired(date(2026, 5, 5))
    assert not entry().has_expired(date(2026, 5, 5))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"keras", "h5"', "1", r"own.toml: entry 'own': Expected `str`, got `int` - at `\$.paths"),
        ('id = "own"\n', "", r"entry number 1: Object missing required field `id`"),
        ("reason =", "why =", r"entry 'own': Object contains unknown field `why`"),
        ("reason", "cause", r"entry 'own': "),
        (">=3.4", "3.4 up", r"entry 'own': Invalid specifier"),
        ('"optimizer_slots_survive"', '"slots"', r"expected a check of \[.*\], found 'slots'"),
        ("facet =", "fact =", r"expected a field of \[.*'facet'.*\], found 'fact'"),
        ('"state"', '"status"', r"expected a kind of \[.*\], found 'status'"),
        ('name = "m"', "name = 1", r"'name': expected a str, '\*' or a list, found 1"),
        ('name = "m"', 'origin = "none"', r"'origin': expected a table, '\*' or a list"),
        ('name = "m"', "origin = { fact = 1 }", r"entry 'own': origin: expected a field"),
        ("[[issue.findings]]", "[issue.findings]", r"expected a list of `findings`"),
        ("witnesses = ['{}']", "witnesses = []", r"expected at least one value in 'witnesses'"),
        ("[[issue]]", "[[issues]]", r"own.toml: expected \[\[issue\]\] entries only"),
        ("[[issue]]", "[[issue", r"own.toml: expected TOML: "),
    ],
)
def test_an_error_in_a_file_says_where_and_what_was_expected(old, new, message):
    with pytest.raises(InvalidKnownIssue, match=message):
        entry((old, new))


def test_two_entries_of_one_id_are_refused(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(ENTRY.replace('"own"', f'"{packaged()[0].id}"'))

    with pytest.raises(InvalidKnownIssue, match=r"own.toml: entry .* an id of its own"):
        known_issues([file], beside=packaged())


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidKnownIssue, match=r"none.toml: expected a file of known issues"):
        known_issues([tmp_path / "none.toml"])


@pytest.mark.parametrize(
    ("subject", "mine"),
    [
        ("keras", True),
        ("keras:jax", True),
        ("keras==3.8.0", True),
        ("keras:torch@/venv", True),
        ("keras_hub.models:Subject", False),
        ("tf_keras", False),
    ],
)
def test_an_entry_of_a_framework_is_one_of_all_its_backends_and_releases(subject, mine):
    assert entry().is_of(subject) is mine


def test_an_entry_of_one_backend_is_of_its_releases_alone():
    issue = replace(entry(), subject="keras:torch")

    assert issue.is_of("keras:torch==3.8.0")
    assert not issue.is_of("keras")
