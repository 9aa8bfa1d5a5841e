"""Atomic writes of a run's files, and the lock that reserves a folder for one run."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Claimed(ValueError):
    """Another run is being written into the folder."""


class NotWritten(OSError):
    """A file of a run can't be written, for example because the disk is full."""


class Claim:
    """A lock that reserves a folder for one run until it is released or its processes have ended.

    Workers share the lock: if the process that started them is killed, they continue to write for
    some seconds, and the folder stays reserved.
    """

    def __init__(self, folder: Path, *, joins: bool = False) -> None:
        """Lock the folder, making it if needed; a worker `joins` the lock of its run.

        Raises:
            Claimed: another run holds the lock.
            NotWritten: the folder can't be made or written.
        """
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("ab")
            try:
                if not joins:  # fails if any process, main or worker, holds the lock
                    fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                self.release()
                raise Claimed(
                    f"out: {str(folder)!r} is in use by another run; wait until it ends, or name "
                    "another folder with --out"
                ) from error

    def release(self) -> None:
        """Release the lock."""
        self._lock.close()


def append_line(file: Path, text: bytes) -> None:
    """Append a line, on a new line even if another process left an unfinished one.

    Raises:
        NotWritten: the line can't be written; the file is unchanged.
    """
    with writing(file), file.open("a+b", buffering=0) as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 1))
        at_line_start = stream.read(1) in (b"", b"\n")
        left = text + b"\n" if at_line_start else b"\n" + text + b"\n"
        try:
            while left:
                left = left[stream.write(left) :]
        except OSError:
            stream.truncate(size)
            raise


def write(file: Path, content: bytes) -> None:
    """Write a file atomically, through a temporary file beside it.

    Raises:
        NotWritten: the file can't be written; an earlier file stays unchanged.
    """
    aside = file.with_name(f"{file.name}.partial")
    with writing(file):
        try:
            aside.write_bytes(content)
            aside.replace(file)
        except OSError:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Turn an error of the system into one that names the file and says what to do.

    Raises:
        NotWritten: the block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise NotWritten(
            f"{file}: can't be written: {error.strerror or error}; free some space, or name "
            "another folder with --out"
        ) from error
