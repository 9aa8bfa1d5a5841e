"""Files of a run: written whole or not at all, in a folder that belongs to one run."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Claimed(ValueError):
    """Another run is being written into the folder."""


class NotWritten(OSError):
    """A file of a run can't be written: the disk is full, for one."""


class Claim:
    """A folder that belongs to one run, until that lets go of it or its process ends.

    Its workers join in, so that the folder is the run's while one of them lives: where the process
    that has started them is killed, they go on for some seconds.
    """

    def __init__(self, folder: Path, *, joins: bool = False) -> None:
        """Take the folder, which is made if need be; a worker `joins` the run that has it.

        Raises:
            Claimed: another run has it.
            NotWritten: it can't be made or written into.
        """
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._held = (folder / "lock").open("ab")
            try:
                if not joins:  # nobody else has it, not even in part
                    fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                fcntl.flock(self._held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                self.release()
                raise Claimed(
                    f"out: expected a folder of the run's own, found {str(folder)!r} in use by a "
                    "run that goes on; wait for its end, or name another with --out"
                ) from error

    def release(self) -> None:
        """Let go of the folder."""
        self._held.close()


def append_line(file: Path, text: bytes) -> None:
    """Append a line; half a line that another process has left there is ended first.

    Raises:
        NotWritten: it can't be written; the file is as it was.
    """
    with writing(file), file.open("a+b", buffering=0) as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 1))
        whole = stream.read(1) in (b"", b"\n")
        left = text + b"\n" if whole else b"\n" + text + b"\n"
        try:
            while left:
                left = left[stream.write(left) :]
        except OSError:
            stream.truncate(size)
            raise


def write(file: Path, content: bytes) -> None:
    """Write a file beside its place, and put it there when it is whole.

    Raises:
        NotWritten: it can't be written; what was there before stays.
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
    """Have an error of the system say what can't be written, and what to do.

    Raises:
        NotWritten: there was one.
    """
    try:
        yield
    except OSError as error:
        raise NotWritten(
            f"{file}: can't be written: {error.strerror or error}; make room, or name another "
            "folder with --out"
        ) from error
