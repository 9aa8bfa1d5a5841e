"""The pytest plugin beside a caller's own tests, options and settings."""

import os
import subprocess
import sys

from saveproof.conformance.runs import plugin
from saveproof.conformance.runs.options import SuiteOptions, options
from tests.test_documents import Parser

LINEAR = ("examples.linear_class:Linear", "--kind", "sequential", "--check", "weights_survive")
RUN = ("-m", "saveproof", "run", *LINEAR, "--examples", "1")


def python(*arguments, folder, **variables):
    """Run Python in the folder, with what this process can import."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_option_begins_with_the_name_of_the_project():
    parser = Parser()

    plugin.pytest_addoption(parser)

    fields = {option.flag for option in options(SuiteOptions)} - {"workers"}
    assert parser.options == {f"--saveproof-{name}" for name in fields}


def test_loading_the_plugin_loads_nothing_that_runs_a_job():
    program = "import sys, saveproof.conformance.runs.plugin; print(*sys.modules, sep='\\n')"
    loaded = set(python("-c", program, folder=".").stdout.split())

    assert "saveproof.conformance.runs.plugin" in loaded
    assert not loaded & {"hypothesis", "numpy", "saveproof.conformance.runs.session", "typer"}


def test_run_takes_neither_tests_nor_settings_of_where_it_runs(tmp_path):
    (tmp_path / "tests").mkdir()
    for file in (tmp_path / "conftest.py", tmp_path / "tests/conftest.py"):
        file.write_text('raise RuntimeError("a conftest.py of the caller")\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --of-the-caller\n")

    done = python(*RUN, "-n", "1", folder=tmp_path, PYTEST_ADDOPTS="--of-the-caller")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_subject_is_asked_for_nothing_where_the_suite_is_not_collected(tmp_path):
    """A test module of the suite's own name is none of the suite's."""
    (tmp_path / "test_save_paths.py").write_text("def test_of_the_caller():\n    pass\n")
    subject = f"--saveproof-subject={LINEAR[0]}"

    done = python("-m", "pytest", "-q", subject, "test_save_paths.py", folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert not (tmp_path / "saveproof-report").exists()
