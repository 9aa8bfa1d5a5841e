"""Options in `pyproject.toml`."""

import pytest
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.runs.configuration import InvalidConfiguration, configured
from saveproof.conformance.runs.options import (
    InterchangeOptions,
    Limits,
    SuiteOptions,
    options,
    validated,
)
from saveproof.reports import store
from saveproof.reports.policy import FailOn
from tests.conformance.test_plugin import python

EVERY = """
[tool.saveproof]
subject = ["examples.linear_class:Linear"]
path = ["npz"]
kind = ["sequential"]
check = ["weights_survive"]
stratum = ["layers.Dense"]
without = ["stateful"]
every-class = true
examples = 2
seed = 5
known = ["listed.toml"]
timeout = 60
memory = 4.5
workers = 0
out = "runs/mine"
fail-on = ["gap", "not-shown"]
require = ["weights_survive:npz"]
max-time = "10m"
shard = "1/1"
force = true
seconds = 3

[tool.saveproof.interchange]
subject = ["reference"]
out = "runs/exchanges"
"""


@pytest.fixture
def table(tmp_path):
    def table(text):
        (tmp_path / "pyproject.toml").write_text(text)
        return tmp_path

    return table


def test_every_option_of_a_run_can_stand_in_the_table(table):
    folder = table(EVERY)

    chosen = configured(SuiteOptions, folder)

    assert chosen.keys() == {option.name for option in options(SuiteOptions)}
    made = validated(SuiteOptions, chosen)
    assert made.out == folder / "runs/mine"
    assert made.workers == "0"
    assert made.fail_on == (FailOn.GAP, FailOn.NOT_SHOWN)


def test_exchanges_have_a_table_and_other_commands_their_part(table):
    folder = table(EVERY)

    exchanges = {"subject": ["reference"], "out": folder / "runs/exchanges"}
    assert configured(InterchangeOptions, folder) == exchanges
    assert configured(Limits, folder) == {"timeout": 60, "memory": 4.5}


def test_the_nearest_table_above_counts(table):
    folder = table(EVERY)
    inner = folder / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[tool.other]\n")

    assert configured(SuiteOptions, inner)["seed"] == 5


def test_without_a_table_nothing_is_set(table):
    assert configured(SuiteOptions, table("[project]\n")) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases = 3", r"pyproject.toml: \[tool.saveproof\] cases: expected one of \['check'"),
        ("fail_on = []", r"fail_on: expected one of .*'fail-on'"),
        ("examples = 0", r"\] examples: expected a number above 0, found 0"),
        ("path = 'npz'", r"\] path: expected a list of names, found npz"),
        ("max-time = 'soon'", r"\] max-time: expected a time above 0 such as 90, 10m or 1h30m"),
        ("force = 'yes'", r"\] force: expected true or false, found yes"),
        ("workers = true", r"\] workers: expected a number, or auto, found True"),
        ("interchange = 3", r"\] interchange: expected a table, found 3"),
        ("interchange.path = []", r"\[tool.saveproof.interchange\] path: expected one of"),
        ("seed = ", r"pyproject.toml: expected TOML: .*mend the file"),
    ],
)
def test_a_wrong_table_is_refused_with_its_file_key_and_what_was_expected(text, told, table):
    with pytest.raises(InvalidConfiguration, match=told):
        configured(SuiteOptions, table(f"[tool.saveproof]\n{text}\n"))


ROW = """
[tool.saveproof]
subject = ["examples.linear_class:Linear"]
kind = ["sequential"]
check = ["weights_survive"]
stratum = ["layers.Dense"]
without = ["stateful"]
examples = 1
workers = 0
seed = 3
"""


@pytest.fixture
def here(table, monkeypatch):
    folder = table(ROW)
    monkeypatch.chdir(folder)
    return folder


def test_a_run_takes_its_subjects_from_the_table_and_the_command_line_wins(here):
    done = CliRunner().invoke(app, ["run", "--seed", "4", "-n", "0"])

    run = store.read(here / "saveproof-report")
    assert done.exit_code == 0, done.output
    assert [subject.name for subject in run.header.subjects] == ["examples.linear_class:Linear"]
    assert (run.header.seed, run.header.examples) == (4, 1)
    assert [check.name for check in run.header.checks] == ["weights_survive"]


def test_an_isolated_run_takes_nothing_from_the_table(here):
    done = CliRunner().invoke(app, ["--isolated", "run"])

    assert done.exit_code == 2
    assert "subject: expected at least one" in done.output
    assert not (here / "saveproof-report").exists()


def test_a_wrong_table_is_one_line_and_exit_code_2(here):
    (here / "pyproject.toml").write_text("[tool.saveproof]\ncases = 3\n")

    done = CliRunner().invoke(app, ["run", "reference"])

    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1


def test_the_suite_under_pytest_takes_the_table_too(here):
    suite = ("-m", "pytest", "--pyargs", "saveproof.conformance.runs.suite")
    subject = "--saveproof-subject=tests.conformance.faulty:LosesMomentum"

    done = python(*suite, subject, "--saveproof-fail-on=gap", "-p", "no:cacheprovider", folder=here)

    run = store.read(here / "saveproof-report")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run.header.seed == 3
    assert run.header.policy.fail_on == (FailOn.GAP,)
    assert [check.name for check in run.header.checks] == ["weights_survive"]
