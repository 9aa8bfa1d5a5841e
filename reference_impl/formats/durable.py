"""Files that are whole and on the disk before they take the place of older ones."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

AT_ONCE = 1 << 26
"""Bytes that go to the disk together while more are written: as many as keep it busy."""


class DurableFile(FileIO):
    """An unbuffered file for writing that does not leave all of the disk's work to the end.

    Args:
        name: of the file.
        mode: as for `open`.
    """

    _flushing: ThreadPoolExecutor | None = None
    _flushed: Future[None] | None = None
    _since = 0

    def write(self, content: Any) -> int:
        """Write all bytes of the content, and return how many they are.

        Raises:
            OSError: if they can't be written, or some of before could not.
        """
        left = memoryview(content).cast("B")
        size = len(left)
        while left:
            left = left[super().write(left) :]
        self._since += size
        if self._since >= AT_ONCE and (self._flushed is None or self._flushed.done()):
            self._wait()
            self._flushing = self._flushing or ThreadPoolExecutor(1)
            self._flushed = self._flushing.submit(os.fsync, self.fileno())
            self._since = 0
        return size

    def to_disk(self) -> None:
        """Return when everything that was written is on the disk.

        Raises:
            OSError: if it can't be.
        """
        self._wait()
        os.fsync(self.fileno())

    def close(self) -> None:
        """Close the file once nothing flushes it any more."""
        if self._flushing is not None:
            self._flushing.shutdown()
        super().close()

    def _wait(self) -> None:
        if self._flushed is not None:
            self._flushed.result()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a name beside the target for a file that takes the target's place in the end.

    A target that is a link stays one: what it leads to is replaced.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def write_durably(target: Path, content: bytes) -> None:
    """Write a new file; return when it is on the disk."""
    with DurableFile(target, "wb") as file:
        file.write(content)
        file.to_disk()
