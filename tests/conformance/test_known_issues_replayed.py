"""Witnesses of known issues: what a replay shows, in a run and by `saveproof known`."""

import subprocess
import sys
from datetime import date

import numpy as np
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from saveproof.conformance.campaigns.known_issues import read_issues
from saveproof.conformance.campaigns.witnesses import Replays
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.cli import app
from saveproof.conformance.processes.isolation import Child
from saveproof.reports import store
from saveproof.reports.records import Verdict, WitnessStatus
from saveproof.strategies.case import (
    Architecture,
    Call,
    Case,
    CompileSettings,
    Input,
    Kind,
    Layer,
    Object,
    TrainingHistory,
    TrainOnBatch,
    to_json,
)

LINEAR = "examples.linear_class:Linear"
FAULTY = "tests.conformance.faulty:LosesMomentum"
DYING = "tests.conformance.faulty:DiesOnLoad"
BATCH = TrainOnBatch(1, 2)
WITNESS = Case(
    Architecture(
        Kind.SEQUENTIAL,
        "m",
        (Input("x", (4,)),),
        (Layer("Dense", {"name": "a", "units": 1}),),
        (Call("a", ("x",), "a"),),
        ("a",),
    ),
    CompileSettings(Object("SGD"), ("mse",)),
    TrainingHistory((BATCH,), (BATCH,)),
    seed=0,
)
OF_TWO_LAYERS = replace(
    WITNESS,
    architecture=replace(
        WITNESS.architecture,
        layers=(*WITNESS.architecture.layers, Layer("Dense", {"name": "b", "units": 1})),
        calls=(*WITNESS.architecture.calls, Call("b", ("a",), "b")),
        outputs=("b",),
    ),
)
"""A case that the linear subjects don't do."""

ENTRY = f"""# kept
[[issue]]
id = "momentum"
subject = "{FAULTY}"
package = "numpy"
paths = ["npz"]
releases = ">=1"
reason = "The momentum is lost."
link = "https://example.org/1"
findings = [
  {{ check = "optimizer_slots_survive", kind = "state", facet = "optimizer slots", name = "momentum", how = "lost" }},
]
witnesses = ['{to_json(WITNESS).decode()}']
"""  # noqa: E501 - an inline table stands in one line
TODAY = date(2026, 1, 1)


def entry(*changes):
    """Return the text of the entry, with some of it replaced."""
    text = ENTRY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def child():
    """A process that examines cases."""
    with Child(EXAMINE) as child:
        yield child


@pytest.fixture
def replayed(child):
    """Return what the witness of a changed entry shows."""

    def replayed(*changes):
        (issue,) = read_issues(entry(*changes), "own.toml")
        return Replays(60.0).witness(
            child, issue.subject, issue.paths[0], issue, issues=[issue], today=TODAY
        )

    return replayed


def test_a_witness_that_shows_its_finding_still_fails(replayed):
    seen = replayed()

    assert seen.status is WitnessStatus.STILL_FAILS
    assert (seen.issue, seen.subject, seen.path) == ("momentum", FAULTY, "npz")
    assert (seen.reason, seen.link) == ("The momentum is lost.", "https://example.org/1")
    assert seen.detail == ""


def test_a_witness_without_a_defect_is_mended_and_says_what_to_change(replayed):
    seen = replayed((FAULTY, LINEAR), (">=1", ">=1,<99,!=1.3"))

    assert seen.status is WitnessStatus.MENDED
    assert f"known issue 'momentum': mended in numpy {np.__version__} on npz" in seen.detail
    assert f'`releases = ">=1,!=1.3,<{np.__version__}"` in own.toml' in seen.detail


OTHER = '  { check = "weights_survive", kind = "state", facet = "weights", name = "kernel" },\n'


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ([('name = "momentum"', 'name = "velocity"')], "optimizer slots (momentum) after the load"),
        ([(FAULTY, DYING)], "exit code 7"),
        ([("findings = [\n", f"findings = [\n{OTHER}")], "no defect there"),
    ],
)
def test_a_witness_with_another_defect_fails_otherwise(replayed, changes, found):
    """Also where one of the listed findings is gone, and the others are not."""
    seen = replayed(*changes)

    assert seen.status is WitnessStatus.FAILS_OTHERWISE
    assert f"found {found}" in seen.detail or found in seen.detail
    assert "change `findings` or `witnesses` in own.toml" in seen.detail


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ([("paths = [", "expires = 2025-12-31\npaths = [")], "expired on 2025-12-31"),
        ([('paths = ["npz"]', 'paths = ["h5"]')], r"expected a save path of ['npz'], found 'h5'"),
        ([('"seed":0', '"seed":"0"')], "its witness is no case that can be built"),
        ([('"class_name":"Dense"', '"class_name":"dens"')], "no case that can be built"),
        (
            [(to_json(WITNESS).decode(), to_json(OF_TWO_LAYERS).decode())],
            "its witness shows nothing: expected a model of one Dense layer",
        ),
        (
            [("optimizer_slots_survive", "rng_state_survives")],
            "its witness shows nothing: no check of it was judged",
        ),
    ],
)
def test_a_witness_that_can_show_nothing_is_stale(replayed, changes, why):
    seen = replayed(*changes)

    assert seen.status is WitnessStatus.STALE
    assert why in seen.detail
    assert "own.toml" in seen.detail


def saveproof(*arguments, out=None):
    """Run the command in a process of its own."""
    where = ["--out", str(out), "-n", "0", "--examples", "2"] if out else []
    return subprocess.run(
        [sys.executable, "-m", "saveproof", *arguments, *where],
        capture_output=True,
        text=True,
        check=False,
    )


SLOTS = ("--path", "npz", "--kind", "sequential", "--check", "optimizer_slots_survive")


@pytest.fixture
def listed(tmp_path):
    """Return the file of a changed entry."""

    def listed(*changes):
        file = tmp_path / "own.toml"
        file.write_text(entry(*changes))
        return str(file)

    return listed


def test_a_failure_that_a_file_lists_is_known_and_shown_with_its_witness(listed, tmp_path):
    done = saveproof("run", FAULTY, *SLOTS, "--known", listed(), out=tmp_path)

    run = store.read(tmp_path)
    (result,) = run.results
    (finding,) = result.findings
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Witnesses of known issues, replayed first: 1 still fails." in done.stdout
    assert [one.status for one in run.witnesses] == [WitnessStatus.STILL_FAILS]
    assert Verdict.KNOWN in result.tally
    assert Verdict.FAIL not in result.tally
    assert (finding.case_id, finding.shrunk) == (WITNESS.id, True)
    assert (finding.known, finding.link) == ("The momentum is lost.", "https://example.org/1")


@pytest.mark.parametrize(
    ("changes", "subject", "told"),
    [
        ([(FAULTY, LINEAR)], LINEAR, "mended in numpy"),
        ([("paths = [", "expires = 2025-12-31\npaths = [")], FAULTY, "expired on 2025-12-31"),
        ([(">=1", "<1")], FAULTY, "lists it for numpy <1 only, found in"),
    ],
)
def test_a_list_that_is_out_of_date_fails_the_run_and_says_what_to_change(
    listed, tmp_path, changes, subject, told
):
    """Its issue is mended, has expired, or shows in a release that it does not list."""
    done = saveproof("run", subject, *SLOTS, "--known", listed(*changes), out=tmp_path)

    assert done.returncode == 1
    assert told in " ".join(done.stdout.split())


def test_the_witnesses_of_a_run_are_replayed_on_a_worker(listed, tmp_path):
    out = ("--out", str(tmp_path), "-n", "1", "--examples", "1")

    done = saveproof("run", FAULTY, *SLOTS, *out, "--known", listed())

    assert done.returncode == 0, done.stdout
    assert [one.issue for one in store.read(tmp_path).witnesses] == ["momentum"]


@pytest.mark.parametrize("command", [("run", FAULTY), ("known", "list"), ("known", "check")])
def test_a_broken_file_is_refused_before_anything_runs(listed, command):
    done = CliRunner().invoke(app, [*command, "--known", listed(("how", "hwo"))])

    assert done.exit_code == 2
    assert "own.toml: entry 'momentum': expected a field of" in done.output


@pytest.mark.parametrize(
    ("subject", "code", "told"),
    [(FAULTY, 0, "still fails"), (LINEAR, 1, "mended"), ("reference", 0, "")],
)
def test_known_check_prints_a_line_each_and_ends_with_1_if_one_is_to_be_changed(
    listed, subject, code, told
):
    name = subject if subject == LINEAR else FAULTY

    done = CliRunner().invoke(app, ["known", "check", subject, "--known", listed((FAULTY, name))])

    assert done.exit_code == code, done.output
    assert done.output.startswith(f"{told:16} momentum  {subject} npz" if told else "")
    assert bool(done.output) == bool(told)


def test_known_list_has_the_issues_of_a_file_after_those_built_in(listed):
    done = CliRunner().invoke(app, ["known", "list", "--known", listed()])

    last = done.output.strip().split("\n\n")[-1].splitlines()
    assert done.exit_code == 0
    assert last == [
        "momentum",
        f"  {FAULTY} >=1: npz",
        "  The momentum is lost.",
        "  https://example.org/1",
    ]


def test_a_finding_that_is_added_is_known_to_the_next_run(tmp_path):
    """The file's own text stays, and the finding can't be added twice."""
    first, second, file = tmp_path / "first", tmp_path / "second", tmp_path / "own.toml"
    file.write_text("# ours\n")
    failed = saveproof("run", FAULTY, *SLOTS, out=first)
    case = store.read(first).results[0].findings[0].case_id
    add = ("known", "add", case, "--reason", 'It\'s lost: "momentum".', "--file", str(file))

    added = CliRunner().invoke(app, [*add, "--run", str(first), "--link", "https://example.org/1"])
    checked = CliRunner().invoke(app, ["known", "check", FAULTY, "--known", str(file)])
    passed = saveproof("run", FAULTY, *SLOTS, "--known", str(file), out=second)
    again = CliRunner().invoke(app, [*add, "--run", str(second)])

    assert failed.returncode == 1
    assert added.exit_code == 0, added.output
    assert added.output in file.read_text() + "\n"
    assert file.read_text().startswith("# ours\n")
    assert f'releases = ">={np.__version__}"' in added.output
    assert (checked.exit_code, checked.output[:11]) == (0, "still fails"), checked.output
    assert passed.returncode == 0, passed.stdout
    assert again.exit_code == 2
    assert "is listed: It's lost" in again.output
