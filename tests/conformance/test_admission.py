"""What a run refuses before anything runs, and leaves as it was."""

import pytest
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.interchange.selection import interchange_job
from saveproof.conformance.runs.options import InterchangeOptions, SuiteOptions, validated
from saveproof.conformance.runs.selection import suite_job

LINEAR = "examples.linear_class:Linear"


def started(**given):
    """Return the job of a run with these options."""
    return suite_job(validated(SuiteOptions, {"subject": [LINEAR]} | given), "saveproof run")


def refusal(**given):
    """Return what a run says of these options."""
    with pytest.raises((LookupError, RuntimeError, TypeError, ValueError)) as refused:
        started(**given)
    return str(refused.value)


def refusal_of_interchange(**given):
    """Return what a run of exchanges says of these options."""
    chosen = validated(InterchangeOptions, {"subject": [LINEAR]} | given)
    with pytest.raises((LookupError, RuntimeError, TypeError, ValueError)) as refused:
        interchange_job(chosen, "saveproof interchange")
    return str(refused.value)


def command(*arguments):
    """Return the exit code of `saveproof` and what it printed."""
    done = CliRunner().invoke(app, [*arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("option", "number"),
    [
        ("examples", 0),
        ("examples", -5),
        ("seconds", 0.0),
        ("seconds", -1.0),
        ("seconds", float("nan")),
        ("timeout", 0.0),
        ("timeout", float("inf")),
    ],
)
def test_a_number_that_no_run_can_be_made_with_is_refused(option, number):
    told = refusal(**{option: number})

    assert told == f"{option}: expected a number above 0, found {number}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("interchange", LINEAR, "--examples", "0"), "examples: expected a number above 0"),
        (("interchange", LINEAR, "--timeout", "nan"), "timeout: expected a number above 0"),
        (("interchange", LINEAR, "--shrink", "-1"), "shrink: expected a number of 0 or above"),
        (("interchange", LINEAR, "-n", "-1"), "workers: expected a number, or auto, found -1"),
        (("run", LINEAR, "-n", "many"), "workers: expected a number, or auto, found many"),
        (("interchange", LINEAR, "--kind", "nope"), "unknown kind nope; expected one of"),
        (("replay", "0", "--timeout", "0"), "timeout: expected a number above 0"),
    ],
)
def test_the_commands_refuse_what_no_run_can_be_made_with(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code, printed = command(*arguments)

    assert code == 2
    assert f"saveproof: {told}" in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("TwoOfOneName", "expected different names, found npz more than once"),
        ("NoPaths", "expected at least one save path, found none"),
        ("NoVersion", "Expected `str`, got `null` - at `$.environment[...]`"),
        ("NoDocument", "Expected `str`, got `null` - at `$.paths[0].contract.document`"),
        ("CannotBeMade", "being made raised ModuleNotFoundError: no licence"),
        ("PathsRaise", "telling versions and save paths raised KeyError: 'npz'"),
        ("Nameless", "found Nameless without name"),
    ],
)
@pytest.mark.parametrize("refused", [refusal, refusal_of_interchange])
def test_a_subject_that_does_not_say_what_it_is_is_refused(subject, told, refused):
    name = f"tests.conformance.ill_described:{subject}"

    text = refused(subject=[name])

    assert name in text
    assert told in text


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("from numpy import nothing_such", "importing 'mine' raised ImportError"),
        ("raise RuntimeError('boom')", "importing 'mine' raised RuntimeError: boom"),
        ("def (:", "importing 'mine' raised SyntaxError"),
    ],
)
def test_a_module_that_raises_is_told_with_what_it_raised(module, told, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)

    assert told in refusal(subject=["mine:Subject"])


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/nonexistent", "'/nonexistent' did not start"),
        ("cat", """expected `result` or `error`, found b'{"call":"describe"}"""),
        ("'", "No closing quotation; quote as a shell has it"),
    ],
)
def test_a_command_that_serves_nothing_is_refused(command, told):
    assert told in refusal(subject=[f"exec:{command}"])


@pytest.mark.parametrize("refused", [refusal, refusal_of_interchange])
def test_a_file_in_the_place_of_a_runs_folder_is_refused(refused, tmp_path):
    file = tmp_path / "file"
    file.touch()

    assert f"expected a folder that can be written or made, found '{file}'" in refused(
        out=file / "run"
    )


@pytest.mark.parametrize("refused", [refusal, refusal_of_interchange])
def test_a_subject_named_twice_is_refused(refused):
    """Everything about it would be found twice."""
    assert f"found {LINEAR} more than once" in refused(subject=[LINEAR, LINEAR])


def test_only_kinds_that_the_subject_has_are_run():
    job = started()

    assert [campaign.kind for campaign in job.campaigns] == ["sequential"]
    assert job.campaigns[0].capabilities.layers == ("Dense",)


def test_a_kind_that_no_subject_has_is_refused():
    assert "for a kind of model that a subject has" in refusal(kind=["functional"])


def test_capabilities_that_name_what_no_case_has_are_refused_before_a_run():
    text = refusal(subject=["tests.conformance.ill_described:Imagines"])

    assert "capabilities, layers: expected some of Dense" in text
    assert "found Hologram" in text


@pytest.mark.frameworks
def test_an_exchange_keeps_to_what_writer_and_reader_have():
    chosen = validated(InterchangeOptions, {"subject": ["keras:torch", "keras:jax"]})
    job = interchange_job(chosen, "saveproof interchange")

    assert {campaign.capabilities.not_in_names for campaign in job.campaigns} == {".", ""}
    assert all(
        campaign.capabilities.not_in_names == "."
        for campaign in job.campaigns
        if "torch" in campaign.subject
    )


def test_a_kind_named_twice_is_run_once():
    once, twice = (started(kind=["sequential"] * times).sets for times in (1, 2))

    assert once == twice


def test_a_run_lists_only_the_checks_that_were_selected():
    """A report would show the others as missing results."""
    chosen = started(check=["weights_survive"])

    assert [check.name for check in chosen.header.checks] == ["weights_survive"]
