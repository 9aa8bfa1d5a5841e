"""Files and folders beside a target that are not yet in its place: their names, and whose they are.

A writer holds a lock on what it makes. The system frees it when the writer ends, however that
comes about: what bears such a name without a lock was left by a process that is gone.
"""

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no locks, so that nothing is taken for left
    fcntl = None  # type: ignore[assignment] # the module is typed as always there

PARTIAL, REPLACED = ".partial", ".replaced"
"""Suffixes: of what is to take a target's place, and of a folder that made place for another."""

_NAME = re.compile(r"\.saveproof-([0-9a-f]{16})-[0-9a-f]{16}\.(partial|replaced)")


def temporary(target: Path, suffix: str = PARTIAL) -> Path:
    """Return a name beside the target that nobody can guess, short however long the target's is."""
    return target.with_name(f".saveproof-{_mark(target.name)}-{secrets.token_hex(8)}{suffix}")


def is_temporary(name: str) -> bool:
    """Return whether a file of that name is one of ours that is not yet in its target's place."""
    return _NAME.fullmatch(name) is not None


def _mark(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


def open_new(name: Path, permissions: int) -> int:
    """Create a file of that name, locked, and return its descriptor.

    Raises:
        FileExistsError: if there is anything of that name, a link included.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return _made(lambda: os.open(name, flags, permissions))


@contextmanager
def new_folder(name: Path) -> Iterator[int]:
    """Create a folder that only its owner may look into, locked; give its descriptor."""

    def made() -> int:
        while True:
            name.mkdir(stat.S_IRWXU)
            with suppress(FileNotFoundError):  # where another took it for left at once
                return os.open(name, os.O_RDONLY)

    descriptor = _made(made)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _made(make: Callable[[], int]) -> int:
    """Return what was made and locked; made again if another took it for left before it was."""
    while True:
        descriptor = make()
        with suppress(OSError):
            _lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool = True) -> None:
    """Lock an open file or folder.

    Raises:
        OSError: if another has locked it, or the system has no locks.
    """
    if fcntl is None:
        raise OSError("no locks")
    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@contextmanager
def abandoned(name: Path, *, even_unlocked: bool = False) -> Iterator[os.stat_result | None]:
    """Lock a file or folder whose writer is gone; give its status, None if that can't be known.

    Args:
        name: of what is asked for; a link is not followed.
        even_unlocked: whether it counts as abandoned where the system has no locks.
    """
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        # For writing where that may be: NFS locks nothing else.
        access = os.O_RDWR if not name.is_dir() and os.access(name, os.W_OK) else os.O_RDONLY
        descriptor = os.open(name, flags | access)
    except OSError:
        yield None
        return
    try:
        yield _status_if_left(descriptor, name, even_unlocked=even_unlocked)
    finally:
        os.close(descriptor)


def _status_if_left(descriptor: int, name: Path, *, even_unlocked: bool) -> os.stat_result | None:
    try:
        _lock(descriptor, wait=False)
    except BlockingIOError:
        return None
    except OSError:
        if not even_unlocked:
            return None
    status = os.fstat(descriptor)
    try:
        return status if os.path.samestat(name.lstat(), status) else None
    except OSError:
        return None


def remove_left(target: Path) -> None:
    """Remove the files that writers that are gone have left beside the target, whoever's they are.

    They are removed before anything is written, which may need the space.
    """
    for file, _ in left_beside(target):
        with suppress(OSError), abandoned(file) as status:
            if status is not None and stat.S_ISREG(status.st_mode) and is_mine(status):
                file.unlink()


def is_mine(status: os.stat_result) -> bool:
    """Return whether a file is of this user: others' may be laid out in a folder that is shared."""
    return status.st_uid == os.geteuid() if os.name == "posix" else True


def left_beside(target: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield what has the name of a temporary, with the target that it was made for.

    That is None for another target that is not there.
    """
    try:
        names = [file.name for file in target.parent.iterdir()]
    except OSError:  # a folder that may be written into, not looked into
        return
    found = [(name, match) for name in names if (match := _NAME.fullmatch(name))]
    targets = {_mark(name): target.with_name(name) for name in [target.name, *names] if found}
    for name, match in found:
        yield target.with_name(name), targets.get(match[1])


def put_on_disk(folder: Path) -> None:
    """Make the new names in a folder last, where the system can open folders."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)
