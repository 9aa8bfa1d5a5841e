"""Completion in a shell."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.command_options import COMPLETED
from saveproof.conformance.completion import NAMES, completed
from tests.test_architecture import FRAMEWORKS, ROOT


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("saveproof run keras:t", ["keras:tensorflow", "keras:torch"]),
        ("saveproof run keras --check resume", ["resume_trajectory_is_identical"]),
        ("saveproof run keras --require resume", ["resume_trajectory_is_identical"]),
        ("saveproof run keras --kind sub", ["subclassed"]),
        ("saveproof run keras --path json_and_weights_", ["json_and_weights_h5"]),
        ("saveproof run keras --fail-on un", ["unstable"]),
    ],
)
def test_a_shell_completes_names(typed, expected):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    asked = {"_SAVEPROOF_COMPLETE": "complete_bash", **words}

    done = CliRunner().invoke(app, env=asked, prog_name="saveproof")

    assert done.output.split() == expected


def test_each_completed_option_has_its_names():
    assert NAMES.keys() == COMPLETED


def test_completing_imports_no_framework():
    program = (
        "import sys\n"
        "from saveproof.conformance.completion import NAMES, completed\n"
        "assert all(completed(option, '') for option in NAMES)\n"
        f"print(sorted(set(sys.modules) & {set(FRAMEWORKS)!r}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT, text=True
    )

    assert done.stdout == "[]\n"


def test_what_nothing_begins_with_is_completed_to_nothing():
    assert completed("check", "zzz") == []
