"""What writes and reads a file format, and how it is asked to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.saving.dialects.dialect import Dialect
from saveproof.reference_impl.saving.model_state.capture import check_complete


class FormatNotOffered(NotImplementedError):
    """A format of Keras that is not written or read here; the message names those that are."""


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """How a format is written.

    Attributes:
        include_optimizer: whether compile settings and the optimizer are in a file of a model.
        dialect: whose loaders are to read it; by default as the format has it.
    """

    include_optimizer: bool = True
    dialect: Dialect | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """A format of models, or of their weights.

    Attributes:
        save: writes a model, or its weights, to a file, with `SaveOptions`.
        load: returns the model of a file; or gives a model the weights of a file.
        holds: returns whether a file is of this format.
        check: refuses a model that the format can't hold.
        written: returns what a save of that name replaces.
        deferred: whether what the model has not created yet takes its value when it is.
    """

    save: Callable[[Model, Path, SaveOptions], None]
    load: Callable[..., Any]
    holds: Callable[[Path], bool]
    check: Callable[[Model], None] = check_complete
    written: Callable[[Path], Path] = Path
    deferred: bool = False
