"""What a program names to save to or to load from: a file, or a folder."""

from os import PathLike, fspath
from pathlib import Path
from typing import Any

Target = str | PathLike[str]


class NotAFileName(TypeError):
    """What is given is not the name of a file or folder."""


def named_file(target: Any, doing: str) -> Path:
    """Return the file or folder of that name.

    Raises:
        NotAFileName: if it is no name.
    """
    if isinstance(target, str | PathLike) and isinstance(fspath(target), str):
        return Path(target)
    raise NotAFileName(
        f"{doing}: expected the name of a file or folder, found {target!r:.80} of type "
        f"{type(target).__name__}: close it, and give its name"
    )
