"""A run with a time limit: each campaign gets its share."""

import pytest
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.runs import turns as module
from saveproof.conformance.runs.options import SuiteOptions
from saveproof.conformance.runs.selection import suite_job
from saveproof.conformance.runs.turns import Turn, in_turns
from saveproof.reports import store
from saveproof.reports.matrix import matrix
from saveproof.reports.renderers import RENDERERS


class Clock:
    """A clock that goes on by a second a case."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


class Plan:
    shrink_seconds = 60.0


class Counted:
    """Stands for a campaign: counts its cases, and keeps its time for shrinking."""

    def __init__(self, name):
        self.name, self.examined, self.examiner, self.plan = name, 0, None, Plan()
        self.shrunk = None

    def finish(self):
        self.shrunk = self.plan.shrink_seconds


@pytest.fixture
def run(monkeypatch):
    """Run campaigns of so many cases each; return them, and the order of their turns."""

    def run(*cases, end):
        clock, order = Clock(), []

        def exploring(campaigns, examined, **_):
            for _ in range(cases[campaigns[0].name]):
                clock.now += 1
                campaigns[0].examined += 1
                order.append(campaigns[0].name)
                examined()
                yield 1

        def replaced(_, *, shrink_seconds):
            made = Plan()
            made.shrink_seconds = shrink_seconds
            return made

        monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(module, "exploring", exploring)
        monkeypatch.setattr(module, "replace", replaced)
        campaigns = [Counted(number) for number, _ in enumerate(cases)]
        turns = [Turn(None, [one]) for one in campaigns]
        in_turns(turns, end, lambda _: "a process", lambda: None)
        return campaigns, order

    return run


def test_with_time_enough_all_cases_are_tried(run):
    campaigns, _ = run(5, 30, 1, end=1000.0)

    assert [one.examined for one in campaigns] == [5, 30, 1]


def test_with_too_little_time_each_campaign_gets_a_case(run):
    campaigns, _ = run(30, 30, 30, end=1.0)

    assert [one.examined for one in campaigns] == [1, 1, 1]
    assert all(one.examiner == "a process" for one in campaigns)


def test_the_rest_goes_in_turns_until_the_time_is_up(run):
    campaigns, order = run(30, 30, 30, end=20.0)

    assert [one.examined for one in campaigns] == [6, 6, 3]
    assert order == [0, 0, 1, 1, 2, 2, *[0] * 4, *[1] * 4, 2]


def test_cases_that_one_campaign_does_not_need_go_to_others(run):
    campaigns, _ = run(1, 30, end=40.0)

    assert [one.examined for one in campaigns] == [1, 29]


def test_shrinking_has_the_rest_of_the_time(run):
    campaigns, _ = run(30, 30, end=40.0)

    assert sum(one.shrunk for one in campaigns) <= 20.0
    assert all(0 < one.shrunk < 60 for one in campaigns)


BESIDE = "tests.conformance.faulty:Counting"


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_ends_in_its_time_and_says_how_many_examples_each_got(workers, tmp_path):
    asked = ("--examples", "100000", "--check", "weights_survive", "-n", workers)

    done = CliRunner().invoke(
        app, ["run", BESIDE, *asked, "--max-time", "8", "--out", str(tmp_path)]
    )

    run = store.read(tmp_path)
    assert done.exit_code == 0, done.output
    assert run.complete
    assert run.header.max_time == 8
    assert len(run.examined) == 3
    assert 1 <= run.header.examples == min(run.examined.values()) < 100000
    for name in ("terminal", "markdown", "html"):
        text = RENDERERS[name](matrix(run))
        assert "Examples in 8 s:" in text
        assert all(f"{number} {kind}" in text for (_, _, kind), number in run.examined.items())


def test_the_paths_that_promise_training_state_come_first():
    options = SuiteOptions(subject=("reference",), kind=("sequential",), max_time="1m")
    job = suite_job(options, "saveproof")

    promising = [_promising(job, one) for one in job.sets]
    assert promising == sorted(promising, reverse=True)
    assert promising[0] > promising[-1]


def _promising(job, of):
    (subject,) = job.header.subjects
    facets = {path.name: path.facets for path in subject.paths}
    return sum(facets[one.path]["optimizer slots"] in ("must", "should") for one in of.campaigns)
