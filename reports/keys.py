"""What a defect's key tells: the state that differs, and what was lost before that."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.records import Finding

FROM = ", from "
"""What stands in a key between what was seen and what the load had lost before."""

LOST = re.compile(
    r"(?P<facet>[^:]+): (?!raised )(?:(?P<place>.*?) )?"
    r"(?P<what>value|missing|unexpected|shape|dtype|order|lost)(?P<since>(?: after| with) .*)?"
)
"""A key that speaks of one kind of state: `RNG state: Dropout value`."""

DIFFERENCES: Mapping[str, str] = {
    "value": "another value",
    "shape": "another shape",
    "dtype": "another dtype",
    "order": "another order",
}

PARTED = re.compile(r"outputs: value|resume: (?:first|later) step ")
"""A key of numbers that part."""

CUT = "..."
"""What stands in an array for the values that are left out."""

RAISED = re.compile(r"raised [\w.]+$")
SINCE = re.compile(r"^resume: .*?( (?:after|with) .*)$")


@dataclass(frozen=True)
class Loss:
    """The kind of state that a key speaks of, the place in a model and how it differs.

    `place` is empty where the key names none.
    """

    facet: str
    place: str
    what: str

    @property
    def words(self) -> str:
        """The loss in words."""
        place = f" ({self.place})" if self.place else ""
        return f"{self.facet}{place}: {self.what}"


def loss(finding: Finding) -> Loss | None:
    """Return the state whose loss the finding comes of, or is; None where its key names none."""
    effect, origin = _parts(finding.key)
    found = _loss(origin or effect)
    told_of = found is not None and (origin or finding.message.startswith(found.facet))
    return found if told_of else None


def told(finding: Finding) -> str:
    """Return the finding in one line: the message, and what its key adds to that.

    A message may be of the minimal case alone; what the key says holds for every case. Where the
    key names no state, the line says by how much the minimal case parts.
    """
    found = loss(finding)
    effect, origin = _parts(finding.key)
    if found and not origin:
        return found.words
    said = finding.message + _beyond(effect, finding.message)
    if found:
        return f"{said}{FROM}{found.words}"
    return said + _apart(finding) if PARTED.match(effect) else said


def _apart(finding: Finding) -> str:
    """Return the greatest distance of what is shown, and the greatest size that was expected."""
    expected, found = _numbers(finding.expected), _numbers(finding.found)
    if not expected or len(expected) != len(found) or expected == found:
        return ""
    distance = max(abs(one - other) for one, other in zip(expected, found, strict=True))
    least = "at least " if CUT in finding.expected else ""
    return f" by {least}{distance:.2g} of {max(map(abs, expected)):.2g}"


def _numbers(shown: str) -> Sequence[float]:
    """Return the numbers of an array as it is shown; none where it is no array of such."""
    words = shown.replace("[", " ").replace("]", " ").replace(CUT, " ").split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def _parts(key: str) -> tuple[str, str]:
    """Return what was seen and what it comes of, which is empty where the key names nothing."""
    effect, _, origin = key.rpartition(FROM)
    return (effect, origin) if effect and LOST.fullmatch(origin) else (key, "")


def _loss(key: str) -> Loss | None:
    found = LOST.fullmatch(key)
    if found is None:
        return None
    what = DIFFERENCES.get(found["what"], found["what"])
    return Loss(found["facet"], found["place"] or "", what + (found["since"] or ""))


def _beyond(effect: str, message: str) -> str:
    """Return what the key tells of an error or of the circumstances and the message does not."""
    raised = RAISED.search(message)
    if raised and raised[0] in effect:
        return effect.partition(raised[0])[2]
    since = SINCE.match(effect)
    return since[1] if since else ""
