"""The surroundings of a save or a load: the state of its process and of its folder."""

import gc
import hashlib
import io
import os
import random
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from saveproof.conformance.model_state.snapshot import Inventory

SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM")
    if hasattr(signal, name)
)
"""Signals that programs handle, and for which a library may install a handler."""

BYSTANDERS = ("notes.txt", "other/weights.h5")
"""Unrelated files in the folder of a save."""

_MASK = 0o027
_DESCRIPTORS = Path("/proc/self/fd")


@contextmanager
def unusual_process() -> Iterator[None]:
    """Put the process into an unusual state, so that changes are noticed; restore it afterwards.

    The working folder is an empty one, and the umask and the signal handlers are unusual. Without
    this, a library that sets the same value at each call would be noticed once only.
    """
    folder, environment, mask = Path.cwd(), dict(os.environ), os.umask(_MASK)
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - put back below
    handlers = _handlers()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as other_process:
        os.chdir(other_process)
        for number in handlers:
            signal.signal(number, _nobody)
        try:
            yield
        finally:
            os.chdir(folder)
            os.umask(mask)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            _put_back(environment)
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002 - as above


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Let each write of this process beyond so many bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def answering(text: str) -> Iterator[None]:
    """Answer questions on standard input with the text; an empty one ends it at once."""
    real, sys.stdin = sys.stdin, io.StringIO(text)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        sys.stdin = real


def process() -> Inventory:
    """Return the working folder, umask, signal handlers and environment by name.

    Values of the environment are hashed, as they may be secrets.
    """
    mask = os.umask(_MASK)
    os.umask(mask)
    handlers = {f"handler of {number.name}": _word(number) for number in _handlers()}
    variables = {f"environment/{name}": _hash(value.encode()) for name, value in os.environ.items()}
    return {"working folder": _working_folder(), "umask": f"{mask:04o}", **handlers, **variables}


def generators() -> Inventory:
    """Return the states of Python's and NumPy's process-wide generators, by name."""
    _, key, *rest = np.random.get_state()  # noqa: NPY002 - it is the process's own
    states = {
        "Python": repr(random.getstate()),
        "NumPy": f"{np.asarray(key).tobytes().hex()} {rest}",
    }
    return {name: _hash(state.encode()) for name, state in states.items()}


def lay_bystanders(folder: Path) -> None:
    """Put unrelated files into the folder."""
    for name in BYSTANDERS:
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"not the model's\n")


def files(folder: Path, *, but: str = "") -> Mapping[str, str]:
    """Return the folder's files by place: mode and hash of the content, or the target of a link.

    Names in the folder itself that begin with `but` are left out.
    """
    return {
        place: _described(file)
        for file in sorted(folder.rglob("*"))
        if (place := _place(file, folder)) and not (but and place.startswith(but))
    }


def open_files(folder: Path) -> tuple[str, ...]:
    """Return the files in the folder that this process holds open, after a garbage collection."""
    if not any(_open_in(folder)):
        return ()
    gc.collect()
    return tuple(sorted(set(_open_in(folder))))


def _open_in(folder: Path) -> Iterator[str]:
    for descriptor in _DESCRIPTORS.glob("*"):
        try:
            file = descriptor.readlink()
        except OSError:
            continue
        if file.is_relative_to(folder):
            yield _place(file, folder)


def _nobody(*_: object) -> None:
    """Handle a signal by doing nothing."""


def _handlers() -> dict[signal.Signals, Any]:
    """Return the handlers by signal: those that Python can put back, from the thread that may."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in SIGNALS}
    return {number: handler for number, handler in found.items() if handler is not None}


def _word(number: signal.Signals) -> str:
    handler = signal.getsignal(number)
    return getattr(handler, "__qualname__", str(handler))


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "gone"


def _put_back(environment: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _described(file: Path) -> str:
    if file.is_symlink():
        return f"link to {file.readlink()}"
    mode = f"{file.stat().st_mode & 0o7777:04o}"
    return f"folder {mode}" if file.is_dir() else f"file {mode} {_hash(file.read_bytes())}"


def _place(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
