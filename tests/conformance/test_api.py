"""The Python API: what `saveproof` itself offers."""

import subprocess
import sys

import pytest

import saveproof

LINEAR = "examples.linear_class:Linear"


def test_every_public_name_is_there():
    assert all(getattr(saveproof, name) for name in saveproof.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'saveproof' has no attribute 'nope'"):
        _ = saveproof.nope


def test_importing_the_package_imports_no_room():
    program = "import sys, saveproof; print([n for n in sys.modules if n.startswith('saveproof.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.strip() == b"[]"


def test_check_returns_the_run(tmp_path):
    asked = {"kinds": ["sequential"], "checks": ["weights_survive"], "examples": 2}

    run = saveproof.check(LINEAR, **asked, seed=3, out=tmp_path / "run")

    assert run.complete
    assert run.header.seed == 3
    assert [result.check for result in run.results] == ["weights_survive"]
    assert not run.unexpected
    assert (tmp_path / "run/report.html").exists()


def test_check_returns_what_is_unexpected():
    run = saveproof.check(
        "tests.conformance.faulty:LosesMomentum",
        kinds=["sequential"],
        checks=["weights_survive", "optimizer_slots_survive"],
        examples=2,
    )

    assert [result.check for result in run.unexpected] == ["optimizer_slots_survive"]


def test_check_says_why_a_run_was_refused():
    with pytest.raises(saveproof.NotRun, match="no_such_check"):
        saveproof.check(LINEAR, checks=["no_such_check"])
