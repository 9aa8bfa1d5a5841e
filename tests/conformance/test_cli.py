"""The command's help and its glossary."""

import pytest
import typer
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.reports.glossary import GLOSSARY


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_the_glossary_explains_every_word_within_80_columns():
    lines = printed("glossary").splitlines()

    words = [line.partition(":")[0] for line in lines if line and not line.startswith(" ")]
    assert words == list(GLOSSARY)
    assert max(map(len, lines)) <= 80


def test_help_ends_with_the_exit_codes_and_the_glossary():
    text = " ".join(printed("--help").split())

    assert "Property-based tests for saving, loading and resuming models." in text
    assert text.endswith(
        "Exit codes: 0: nothing unexpected; 1: findings; 2: not finished, or a usage error. "
        "Words: saveproof glossary."
    )


def test_no_summary_in_the_help_is_cut_short():
    assert "..." not in printed("--help").partition("Commands:")[2]


@pytest.mark.parametrize("name", sorted(typer.main.get_command(app).commands))
def test_the_help_of_a_command_is_one_sentence(name: str):
    text = typer.main.get_command(app).commands[name].help

    assert text.count(".") == 1
    assert text.endswith(".")
