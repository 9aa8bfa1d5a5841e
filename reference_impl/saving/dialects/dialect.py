"""The two dialects of configurations: those of Keras 2 and Keras 3."""

from enum import StrEnum
from typing import Any

from saveproof.reference_impl.loading import MalformedEntry
from saveproof.reference_impl.state import KERAS_3_VERSION, KERAS_VERSION


class Dialect(StrEnum):
    """The Keras version whose form of configurations a file has; the other cannot load it."""

    KERAS = "keras"
    TF_KERAS = "tf_keras"


VERSIONS = {Dialect.KERAS: KERAS_3_VERSION, Dialect.TF_KERAS: KERAS_VERSION}
"""The Keras release that is written into files of each dialect."""


def dialect_of_version(version: str) -> Dialect:
    """Return the dialect of a Keras release.

    Raises:
        MalformedEntry: if it is not a release of Keras 2 or later.
    """
    if not version[:1].isdecimal() or version[0] in "01":
        raise MalformedEntry(f"expected a keras_version of 2 or later, found {version!r}")
    return Dialect.TF_KERAS if version.startswith("2") else Dialect.KERAS


def dialect_of_entry(entry: Any) -> Dialect:
    """Return the dialect of a model's entry, from its input layers' name for the shape.

    An entry without input layers is the same in both.
    """
    return Dialect.KERAS if _says(entry, "batch_shape") else Dialect.TF_KERAS


def _says(entry: Any, key: str) -> bool:
    if isinstance(entry, dict):
        return key in entry or any(_says(value, key) for value in entry.values())
    return isinstance(entry, list) and any(_says(value, key) for value in entry)
