"""The log that a callback compares: its value, and which values are better."""

import logging

from saveproof.reference_impl.engine.callbacks import Logs

_LOGGER = logging.getLogger(__name__)


def rises(mode: str, *, by_name: bool, who: str) -> bool:
    """Return whether larger values are better: by the mode, for 'auto' as the log's name says.

    Raises:
        ValueError: for another mode.
    """
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"{who}: expected mode auto, min or max, found {mode!r}")
    return mode == "max" or (mode == "auto" and by_name)


def monitored(logs: Logs | None, monitor: str, *, who: str, otherwise: str) -> float | None:
    """Return the log's value; if it is missing, log a warning with what follows, return None."""
    found = logs or {}
    if monitor in found:
        return float(found[monitor])
    _LOGGER.warning(
        "%s: expected a log %r to compare, found %s; %s", who, monitor, sorted(found), otherwise
    )
    return None
