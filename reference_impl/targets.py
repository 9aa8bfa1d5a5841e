"""Targets of saving and loading: names of files or folders."""

from os import PathLike, fspath
from pathlib import Path
from typing import Any

Target = str | PathLike[str]


class NotAFileName(TypeError):
    """A target is not the name of a file or folder."""


def named_file(target: Any, doing: str) -> Path:
    """Return the path of a file or folder.

    Raises:
        NotAFileName: if the target is not a name.
    """
    if isinstance(target, str | PathLike) and isinstance(fspath(target), str):
        return Path(target)
    raise NotAFileName(
        f"{doing}: expected the name of a file or folder, found {target!r:.80} of type "
        f"{type(target).__name__}; close an open file and pass its name"
    )
