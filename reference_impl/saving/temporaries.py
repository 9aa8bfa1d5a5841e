"""Temporary files and folders next to a target: names, locks, and removal of abandoned ones.

A writer locks its temporaries. The operating system releases the lock when the process ends, even
after a crash, so an unlocked temporary is abandoned.
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
except ImportError:  # Windows has no such locks; nothing counts as abandoned there.
    fcntl = None  # type: ignore[assignment] # the module is typed as always present

PARTIAL, REPLACED = ".partial", ".replaced"
"""Suffixes of a new file or folder, and of an old folder that a new one replaces."""

_NAME = re.compile(r"\.saveproof-([0-9a-f]{16})-[0-9a-f]{16}\.(partial|replaced)")


def temporary(target: Path, suffix: str = PARTIAL) -> Path:
    """Return a random name in the target's folder, of limited length."""
    return target.with_name(f".saveproof-{_mark(target.name)}-{secrets.token_hex(8)}{suffix}")


def is_temporary(name: str) -> bool:
    """Return whether this is the name of one of our temporaries."""
    return _NAME.fullmatch(name) is not None


def _mark(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


def open_new(name: Path, permissions: int) -> int:
    """Create and lock a file and return its descriptor.

    Raises:
        FileExistsError: if the name is in use, even by a link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return _made(lambda: os.open(name, flags, permissions))


@contextmanager
def new_folder(name: Path) -> Iterator[int]:
    """Create and lock a folder that only its owner may read; yield its descriptor."""

    def made() -> int:
        while True:
            name.mkdir(stat.S_IRWXU)
            with suppress(FileNotFoundError):  # another process removed it as abandoned
                return os.open(name, os.O_RDONLY)

    descriptor = _made(made)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _made(make: Callable[[], int]) -> int:
    """Return the locked result of `make`; retry if another process removed it before the lock."""
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
        OSError: if another process has locked it, or the system has no locks.
    """
    if fcntl is None:
        raise OSError("no locks")
    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@contextmanager
def abandoned(name: Path, *, even_unlocked: bool = False) -> Iterator[os.stat_result | None]:
    """Lock an abandoned file or folder and yield its status; None if a process may still use it.

    Args:
        name: of the file or folder; links are not followed.
        even_unlocked: whether it counts as abandoned if the system has no locks.
    """
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        # Open for writing if possible, since NFS requires it for a lock.
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
    """Remove the temporaries that ended processes left next to the target, of any user.

    Removing them before a write frees their space for it.
    """
    for file, _ in left_beside(target):
        with suppress(OSError), abandoned(file) as status:
            if status is not None and stat.S_ISREG(status.st_mode) and is_mine(status):
                file.unlink()


def is_mine(status: os.stat_result) -> bool:
    """Return whether this user owns the file: in a shared folder others may have planted it."""
    return status.st_uid == os.geteuid() if os.name == "posix" else True


def left_beside(target: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield each temporary in the target's folder with its own target.

    The latter is None for another target that does not exist.
    """
    try:
        names = [file.name for file in target.parent.iterdir()]
    except OSError:  # a folder with write but no read permission
        return
    found = [(name, match) for name in names if (match := _NAME.fullmatch(name))]
    targets = {_mark(name): target.with_name(name) for name in [target.name, *names] if found}
    for name, match in found:
        yield target.with_name(name), targets.get(match[1])


def put_on_disk(folder: Path) -> None:
    """Flush new names in a folder to the disk, if the system can open folders."""
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
