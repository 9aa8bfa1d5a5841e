"""`Format`: the functions that write and read a file format, and their options."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.saving.dialects.dialect import Dialect
from saveproof.reference_impl.saving.model_state.capture import check_complete


class FormatNotOffered(NotImplementedError):
    """A file format of Keras is not supported; the message names those that are."""


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """Options for writing a file.

    Attributes:
        include_optimizer: whether a model's file contains compile settings and the optimizer.
        dialect: the Keras version whose loaders read it; by default the format's.
    """

    include_optimizer: bool = True
    dialect: Dialect | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """A file format of models or of weights.

    Attributes:
        save: writes a model, or its weights, to a file, with `SaveOptions`.
        load: returns the model in a file, or loads a file's weights into a model.
        holds: returns whether a file is in this format.
        check: raises an error for a model that the format cannot store.
        written: returns the file or folder that a save under a name replaces.
        deferred: whether weights created after the load still get their values.
    """

    save: Callable[[Model, Path, SaveOptions], None]
    load: Callable[..., Any]
    holds: Callable[[Path], bool]
    check: Callable[[Model], None] = check_complete
    written: Callable[[Path], Path] = Path
    deferred: bool = False
