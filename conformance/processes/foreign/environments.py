"""Where a foreign subject runs: another virtual environment, a requirement's own, or a command."""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.conformance.processes.framing import FRAMES
from saveproof.conformance.processes.isolation import Launch

PACKAGE = "saveproof"
"""The package that another environment borrows from this one; it sees no other."""

NEEDS = ("h5py", "ml_dtypes", "msgspec", "numpy")
"""Packages that it needs there in addition to the framework."""

REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "keras": ("keras=={version}", "torch"),
    "keras:jax": ("keras=={version}", "jax"),
    "keras:tensorflow": ("keras=={version}", "tensorflow-cpu"),
    "keras:torch": ("keras=={version}", "torch"),
    "tf_keras": ("tf_keras=={version}", "tensorflow-cpu=={minor}.*"),
}
"""The requirements of a release of a built-in subject; `minor` is its first two parts."""

COMMAND = "exec:"
SECONDS = 60.0
"""How long another environment's Python may take to list what it lacks."""
VENVS = Path("~/.cache/saveproof/venvs")
_COMPLETE = "complete"


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
        (("PYTHONPATH", shelf), ("PYTHONSAFEPATH", "1")),
        FRAMES,
    )


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
    """Return the requirement's own environment, made where it is not there yet."""
    wanted = REQUIREMENTS.get(name)
    if wanted is None:
        raise UnusableSubject(
            f"subject {spec!r}: expected a release of one of {', '.join(REQUIREMENTS)}; others can "
            "be reached in an environment of yours: NAME@/path/to/venv"
        )
    folder = VENVS.expanduser() / spec.replace(":", "-")
    if (folder / _COMPLETE).is_file():
        return folder
    minor = ".".join(version.split(".")[:2])
    packages = [one.format(version=version, minor=minor) for one in wanted]
    sys.stderr.write(f"saveproof: making {folder} with {', '.join(packages)}\n")
    _run(spec, sys.executable, "-m", "venv", "--clear", str(folder))
    _run(spec, str(_python(folder)), "-m", "pip", "install", "--quiet", *packages, *NEEDS)
    (folder / _COMPLETE).touch()
    return folder


def _run(spec: str, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise UnusableSubject(f"subject {spec!r}: `{shlex.join(command)}` failed:\n{last}")
