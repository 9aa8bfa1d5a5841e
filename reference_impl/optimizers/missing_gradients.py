"""Variables without gradient in a step: skipped with a warning, unless they are all."""

import logging
from collections.abc import Sequence

import numpy as np

from saveproof.reference_impl.numerics.autodiff import Variable

_LOGGER = logging.getLogger(__name__)


class MissingGradientsError(ValueError):
    """None of the variables has a gradient."""


def present(
    pairs: Sequence[tuple[np.ndarray | None, Variable]],
) -> tuple[list[np.ndarray], list[Variable]]:
    """Return the existing gradients and their variables; log a warning that names the others."""
    present = [(g, v) for g, v in pairs if g is not None]
    missing = [v.name for g, v in pairs if g is None]
    if not present:
        raise MissingGradientsError(f"no gradient for any variable: {missing}")
    if missing:
        _LOGGER.warning(
            "Gradients do not exist for variables %s when minimizing the loss.", missing
        )
    return [g for g, _ in present], [v for _, v in present]
