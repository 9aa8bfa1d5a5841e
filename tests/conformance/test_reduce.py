"""`saveproof reduce`: a recorded finding is shrunk further, or the reason why it can't be."""

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.cli import app
from saveproof.conformance.families.description import described
from saveproof.conformance.mutants import MUTANTS
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.header import header
from saveproof.conformance.runs.work import strategy
from saveproof.reports import store
from saveproof.reports.records import PathInfo, Result, SubjectInfo
from saveproof.strategies.case import from_json

SUBJECT = MUTANTS["lost_slots"].spec
SLOTS = tuple(check for check in ALL_CHECKS if check.name == "optimizer_slots_survive")
INFO = SubjectInfo(SUBJECT, {}, (PathInfo("h5", "", {}),))


@pytest.fixture(scope="module")
def found() -> Result:
    """A finding that was not shrunk."""
    cases = strategy("sequential", hops=False, capabilities=described(SUBJECT).capabilities)
    plan = Plan(SUBJECT, "h5", "sequential", cases, SLOTS, examples=4, shrink_seconds=0.0)
    with Child(EXAMINE) as child:
        (result,) = Campaign(plan, child, lambda _: None).run()
    return result


@pytest.fixture
def recorded(tmp_path):
    """Record a result as a run; return the run's folder."""

    def recorded(result: Result) -> str:
        folder = tmp_path / "run"
        store.begin(folder, header((INFO,), SLOTS, command="", seed=0, examples=4))
        store.append(store.shard(folder, "main"), result)
        return str(folder)

    return recorded


def reduce(case_id: str, run: str, *arguments: str):
    return CliRunner().invoke(
        app, ["reduce", case_id, "--run", run, "--subject", SUBJECT, *arguments]
    )


def test_a_finding_is_shrunk_to_the_end(found, recorded, tmp_path):
    finding = found.findings[0]

    done = reduce(finding.case_id, recorded(found), "--out", str(tmp_path / "case.json"))

    assert done.exit_code == 0, done.output
    assert "shrinking ended: no smaller case was found that shows it" in done.output
    case = from_json((tmp_path / "case.json").read_bytes())
    assert [layer.class_name for layer in case.architecture.layers] == ["Dense"]
    assert len(case.history.before) == 1


def test_a_case_that_could_be_smaller_says_so_and_is_printed(found, recorded):
    finding = found.findings[0]

    done = reduce(finding.case_id, recorded(found), "--seconds", "0")

    assert "the time was up: a smaller case may show it" in done.output
    assert from_json(done.output.splitlines()[-1]).id == finding.case_id


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"draw": None}, "expected the choices that generate it, found none"),
        ({"draw": "others"}, "expected the choices of the case, found others"),
    ],
)
def test_a_case_that_cannot_be_generated_again_is_an_error(found, recorded, changed, words):
    (finding, *_) = found.findings
    if changed["draw"] == "others":
        changed = {"draw": replace(finding.draw, choices=b"nonsense")}
    result = replace(found, findings=(replace(finding, **changed),))

    done = reduce(finding.case_id, recorded(result))

    assert done.exit_code == 2
    assert words in done.output


def test_a_subject_that_is_not_built_in_is_asked_for(found, recorded):
    run = recorded(found)

    done = CliRunner().invoke(app, ["reduce", found.findings[0].case_id, "--run", run])

    assert done.exit_code == 2
    assert "is not built in" in done.output
