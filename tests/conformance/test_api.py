"""The Python API: what `saveproof` itself offers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import saveproof
from tests.conformance.faulty import LosesMomentum

ROOT = Path(__file__).parents[2]
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


def test_check_takes_a_class_by_its_module():
    run = saveproof.check(LosesMomentum, checks=["weights_survive"], examples=2)

    assert run.header.subjects[0].name == "tests.conformance.faulty:LosesMomentum"
    assert not run.unexpected


def test_check_takes_an_object_and_runs_it_in_this_process(tmp_path):
    class Counting(LosesMomentum):
        built = 0

        def build(self, case, *, built=True):
            Counting.built += 1
            return super().build(case, built=built)

    asked = {"checks": ["optimizer_slots_survive"], "examples": 2}
    run = saveproof.check(Counting(), **asked, out=tmp_path / "run")

    assert Counting.built
    assert run.complete
    assert [result.check for result in run.unexpected] == ["optimizer_slots_survive"]
    assert (tmp_path / "run/report.html").exists()


def test_check_of_an_object_says_why_it_was_refused():
    with pytest.raises(saveproof.NotRun, match="unknown save path pickle"):
        saveproof.check(LosesMomentum(), paths=["pickle"])


def test_items_are_a_test_for_each_path_and_kind():
    several = saveproof.items("reference", paths=["h5", "config"], kinds=["sequential"])

    assert [one.id for one in several] == ["config-sequential", "h5-sequential"]
    assert [one.id for one in saveproof.items(LosesMomentum())] == ["npz-sequential"]


def test_an_item_that_finds_something_fails_its_test():
    (item,) = saveproof.items(LosesMomentum(), examples=2)

    with pytest.raises(AssertionError, match="optimizer_slots_survive on npz, sequential: "):
        item.values[0].run()


def test_the_tests_that_the_document_shows_pass(tmp_path):
    text = (ROOT / "docs/add-a-subject.md").read_text(encoding="utf-8")
    section = text.split("\n## In your own test suite\n")[1].split("\n## ")[0]
    shown = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    file = tmp_path / "test_own.py"
    file.write_text("from examples.linear_class import Linear as MySubject\n" + "\n".join(shown))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(file)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "test_saving[npz-sequential] PASSED" in done.stdout
    assert "2 passed" in done.stdout


def test_check_says_why_a_run_was_refused():
    with pytest.raises(saveproof.NotRun, match="no_such_check"):
        saveproof.check(LINEAR, checks=["no_such_check"])
