"""Where a foreign subject runs: another virtual environment, a requirement's own, or a command."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.conformance.processes.framing import FRAMES
from saveproof.conformance.processes.isolation import Launch

PACKAGE = "saveproof"
"""The package that another environment borrows from this one; it sees no other."""

NEEDS = ("h5py", "hypothesis", "ml_dtypes", "msgspec", "numpy", "packaging")
"""Packages that it needs there in addition to the framework."""


class Requirements(NamedTuple):
    """What pip installs for the releases in a range, in addition to what they declare."""

    releases: str
    packages: tuple[str, ...]


REQUIREMENTS: Mapping[str, tuple[Requirements, ...]] = {
    "keras": (Requirements(">=3", ("torch",)),),
    "keras:jax": (
        Requirements(">=3,<3.4", ("jax<0.5",)),
        Requirements(">=3.4", ("jax",)),
    ),
    "keras:tensorflow": (
        Requirements(">=3,<3.5", ("tensorflow-cpu==2.16.*",)),
        Requirements(">=3.5,<3.10", ("tensorflow-cpu==2.18.*",)),
        Requirements(">=3.10", ("tensorflow-cpu",)),
    ),
    "keras:torch": (Requirements(">=3", ("torch",)),),
    "tf_keras": (Requirements(">=2.14", ()),),
}
"""The requirements of releases of the built-in subjects; the first range with a release counts.

tf_keras declares the TensorFlow of its release. Keras declares no backend, and no `packaging`
before 3.4, which NEEDS has.
"""

COMMAND = "exec:"
SECONDS = 60.0
"""How long another environment's Python may take to list what it lacks."""
TRIAL = "saveproof.conformance.readiness"
"""The program that builds, trains, saves and loads a model there."""
TRIAL_SECONDS = 600.0
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
VENVS = Path("~/.cache/saveproof/venvs")
_COMPLETE = "complete"
"""The file that lists the requirements of an environment that has passed its trial."""


@cache
def launch(spec: str) -> Launch | None:
    """Return how the server of a foreign subject is started; None where the spec is not foreign.

    `NAME@FOLDER` is a subject of the virtual environment in the folder, `NAME==VERSION` a release
    of a built-in subject, whose environment is made once, and `exec:COMMAND` any server at all.

    Raises:
        UnusableSubject: it is not there, can't be made, or lacks something; the message says what.
    """
    if spec.startswith(COMMAND):
        return _command(spec)
    name, at, folder = spec.partition("@")
    if at:
        return _served(spec, name, Path(folder).expanduser())
    name, equal, version = spec.partition("==")
    if equal:
        return _served(spec, name, _made(spec, name, version))
    return None


def _command(spec: str) -> Launch:
    try:
        words = shlex.split(spec.removeprefix(COMMAND))
    except ValueError as error:
        raise UnusableSubject(f"subject {spec!r}: {error}; quote as a shell has it") from error
    if not words:
        raise UnusableSubject(f"subject {spec!r}: expected a command after {COMMAND!r}")
    return Launch(tuple(words))


def _served(spec: str, name: str, folder: Path) -> Launch:
    python = _python(folder)
    if not python.is_file():
        raise UnusableSubject(
            f"subject {spec!r}: expected a virtual environment in {str(folder)!r}, found no "
            f"{python.relative_to(folder)} there; make it with `python -m venv {folder}`"
        )
    shelf = _shelf().name
    _check(spec, python, shelf)
    return Launch(
        (str(python.absolute()), "-m", "saveproof.conformance.families.server", name, "frames"),
        tuple(_borrowing(shelf).items()),
        FRAMES,
    )


def _borrowing(shelf: str) -> Mapping[str, str]:
    """Return the variables with which another Python imports our package."""
    return {"PYTHONPATH": shelf, "PYTHONSAFEPATH": "1"}


def _python(folder: Path) -> Path:
    windows = sys.platform == "win32"
    return folder / ("Scripts/python.exe" if windows else "bin/python")


def _check(spec: str, python: Path, shelf: str) -> None:
    """Check that the other Python has all that the server needs."""
    program = (
        "import sys; from importlib.util import find_spec\n"
        f"sys.exit(', '.join(n for n in {NEEDS!r} if find_spec(n) is None)\n"
        "  or (sys.version_info < (3, 11) and 'Python 3.11 or newer') or 0)"
    )
    try:
        done = subprocess.run(
            [str(python), "-c", program],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": shelf},
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise UnusableSubject(
            f"subject {spec!r}: {python} gave no answer in {SECONDS:g} s; mend it"
        ) from error
    if done.returncode != 0:
        raise UnusableSubject(
            f"subject {spec!r}: {python} lacks {done.stderr.strip()}; install it there"
        )


@cache
def _shelf() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder with our package and nothing else; it goes when this process does."""
    shelf = tempfile.TemporaryDirectory(prefix="saveproof-shelf-")
    (Path(shelf.name) / PACKAGE).symlink_to(Path(__file__).parents[3], target_is_directory=True)
    return shelf


def _made(spec: str, name: str, version: str) -> Path:
    """Return the requirement's own environment, made where it is not there yet.

    It counts as made once a model was built, trained, saved and loaded in it, and as long as its
    requirements are today's.
    """
    packages = _packages(spec, name, version)
    folder = VENVS.expanduser() / spec.replace(":", "-")
    complete, wanted = folder / _COMPLETE, "\n".join(packages)
    if complete.is_file() and complete.read_text(encoding="utf-8") == wanted:
        return folder
    sys.stderr.write(f"saveproof: making {folder} with {', '.join(packages)}\n")
    _run(spec, sys.executable, "-m", "venv", "--clear", str(folder))
    _run(spec, str(_python(folder)), "-m", "pip", "install", "--quiet", *packages)
    _try(spec, name, folder)
    complete.write_text(wanted, encoding="utf-8")
    return folder


def _packages(spec: str, name: str, version: str) -> tuple[str, ...]:
    """Return what pip installs for a release of a built-in subject."""
    ranges = REQUIREMENTS.get(name)
    if ranges is None:
        raise UnusableSubject(
            f"subject {spec!r}: expected a release of one of {', '.join(REQUIREMENTS)}; others can "
            "be reached in an environment of yours: NAME@/path/to/venv"
        )
    try:
        release = Version(version)
        fits = [one for one in ranges if release in SpecifierSet(one.releases, prereleases=True)]
    except InvalidVersion:
        fits = []
    if not fits:
        known = " or ".join(one.releases for one in ranges)
        raise UnusableSubject(f"subject {spec!r}: expected a release {known}, found {version!r}")
    return (f"{name.partition(':')[0]}=={version}", *fits[0].packages, *NEEDS)


def _try(spec: str, name: str, folder: Path) -> None:
    """Build, train, save and load a model in a new environment.

    Raises:
        UnusableSubject: it can't; the message says what failed.
    """
    added = _borrowing(_shelf().name)
    try:
        done = _finished((str(_python(folder)), "-m", TRIAL, name), TRIAL_SECONDS, added)
    except subprocess.TimeoutExpired:
        failed = f"no answer in {TRIAL_SECONDS:g} s"
    else:
        failed = (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""
    if failed:
        raise UnusableSubject(
            f"subject {spec!r}: the environment was installed, but its trial failed:\n"
            f"{_last(failed)}\n"
            f"Make an environment with other versions yourself, and name it {name}@FOLDER; what "
            f"was installed is in {folder}"
        )


def _run(spec: str, *command: str) -> None:
    done = _finished(command)
    if done.returncode != 0:
        failed = _last(done.stderr or done.stdout)
        raise UnusableSubject(f"subject {spec!r}: `{shlex.join(command)}` failed:\n{failed}")


def _finished(
    command: Sequence[str], seconds: float | None = None, added: Mapping[str, str] = NO_VARIABLES
) -> "subprocess.CompletedProcess[str]":
    """Return the command's end, with these variables added to its environment."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        env={**os.environ, **added},
    )


def _last(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-5:])
