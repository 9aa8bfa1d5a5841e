"""Environments of releases: what is installed, and when one counts as ready."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.conformance.processes.foreign import environments
from saveproof.conformance.processes.foreign.environments import NEEDS, Requirements, launch
from saveproof.conformance.readiness import failure


@pytest.fixture
def making(tmp_path, monkeypatch):
    """Note the commands that make an environment; its Python is this one, or a script."""
    commands = []
    python = {"script": f'exec {sys.executable} "$@"'}

    def run(_, *command):
        commands.append(command)
        if "venv" in command:
            file = environments._python(tmp_path / "venvs/reference==1.0")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"#!/bin/sh\n{python['script']}\n")
            file.chmod(0o755)

    monkeypatch.setattr(environments, "VENVS", tmp_path / "venvs")
    monkeypatch.setattr(environments, "REQUIREMENTS", {"reference": (Requirements(">=1", ()),)})
    monkeypatch.setattr(environments, "_run", run)
    launch.cache_clear()
    yield commands, python
    launch.cache_clear()


def made_again():
    launch.cache_clear()
    return launch("reference==1.0")


def test_an_environment_is_made_and_tried_once(making):
    commands, _ = making
    launch("reference==1.0")
    made_again()

    assert [command[2] for command in commands] == ["venv", "pip"]
    assert commands[1][-len(NEEDS) :] == NEEDS


def test_an_environment_with_other_requirements_is_made_again(making, monkeypatch):
    commands, _ = making
    launch("reference==1.0")
    monkeypatch.setattr(
        environments, "REQUIREMENTS", {"reference": (Requirements(">=1", ("torch<3",)),)}
    )
    made_again()

    assert len(commands) == 4
    assert "torch<3" in commands[3]


def test_an_environment_that_fails_its_trial_is_not_ready(making):
    """The error says what failed and what to do, and the next use tries again."""
    commands, python = making
    python["script"] = "echo \"ModuleNotFoundError: No module named 'packaging'\" >&2; exit 1"

    for _ in range(2):
        with pytest.raises(UnusableSubject, match=r"(?s)trial failed.*'packaging'.*reference@FOLD"):
            made_again()

    assert len(commands) == 4


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("keras==3.3.3", ("keras==3.3.3", "torch")),
        ("keras:jax==3.3.3", ("keras==3.3.3", "jax<0.5")),
        ("keras:jax==3.15.1", ("keras==3.15.1", "jax")),
        ("keras:tensorflow==3.0.5", ("keras==3.0.5", "tensorflow-cpu==2.16.*")),
        ("tf_keras==2.15.1", ("tf_keras==2.15.1",)),
    ],
)
def test_a_release_gets_what_it_needs(spec, wanted):
    name, _, version = spec.partition("==")

    assert environments._packages(spec, name, version) == (*wanted, *NEEDS)


@pytest.mark.parametrize("version", ["2.15.0", "newest"])
def test_a_release_outside_every_range_is_refused(version):
    with pytest.raises(UnusableSubject, match=rf"expected a release >=3, found '{version}'"):
        resolve(f"keras=={version}")


def required(*names: str) -> Iterator[str]:
    """Yield the packages and all that they require."""
    for name in names:
        yield name.replace("-", "_").lower()
        for line in metadata.requires(name) or ():
            one = Requirement(line)
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                yield from required(one.name)


REFUSING = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refusing())
import saveproof.conformance.families.server
import saveproof.conformance.readiness
"""


def test_the_server_starts_with_only_what_an_environment_is_told_to_have():
    """Any other package may be missing in another environment."""
    owned = set(required(*NEEDS))
    absent = {
        module
        for module, owners in metadata.packages_distributions().items()
        if not owned & {owner.replace("-", "_").lower() for owner in owners}
    }
    program = REFUSING.format(absent=absent - {"saveproof"})
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert done.stderr.decode() == ""


class Altered:
    """The reference, with other save paths or an error in a call."""

    def __init__(self, paths=None, raising=""):
        self._subject = resolve("reference")
        self._paths = paths
        self._raising = raising

    def __getattr__(self, name):
        if name == self._raising:
            raise ImportError("No module named 'packaging'")
        return getattr(self._subject, name)

    def paths(self):
        return self._subject.paths() if self._paths is None else self._paths


class Unwritable:
    """A save path that raises."""

    def __init__(self, path):
        self._path = path

    def __getattr__(self, name):
        return getattr(self._path, name)

    def save(self, *_):
        raise OSError("no room")


def test_a_subject_that_saves_and_loads_is_ready():
    assert failure(resolve("reference")) == ""


@pytest.mark.parametrize("call", ["build", "perform"])
def test_a_subject_that_cannot_build_or_train_is_not_ready(call):
    assert "No module named 'packaging'" in failure(Altered(raising=call))


def test_a_subject_is_ready_if_one_save_path_works():
    """That another raises may be what a run is to find."""
    first, second, *_ = resolve("reference").paths()

    assert failure(Altered([Unwritable(first), second])) == ""
    assert "no room" in failure(Altered([Unwritable(first), Unwritable(second)]))
