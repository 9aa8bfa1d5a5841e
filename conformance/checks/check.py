"""What a check is: one sentence that must hold, the facets it needs, and a pure function."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.snapshot import Difference
from saveproof.conformance.model_state.trace import Probe, Raised, Trace

_TRACED = re.compile(r"^\s*\w+(?:Error|Exception): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Defect:
    """What a check found: `key` names the defect, and is the same on a smaller case."""

    key: str
    message: str
    difference: Difference
    traceback: str = ""


@dataclass(frozen=True)
class Vacuous:
    """The comparison could not have failed on this case."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """The subject said clearly that it can't, where its contract has it say so."""

    message: str


@dataclass(frozen=True)
class NotApplicable:
    """The trace holds nothing that the sentence speaks of."""

    reason: str


Outcome = Iterable[Defect] | Vacuous | Refused | NotApplicable
"""What comes of a check on a trace; no defect is a pass."""


@dataclass(frozen=True)
class Check:
    """One sentence that must hold wherever a contract promises what it needs.

    `promise` says how firmly the trace's contract answers for the sentence, None where it doesn't.
    `probe` is what the trace must have looked at. `needs_determinism` asks for a
    subject that repeats itself. `trains_on` asks for the training after the load, without which
    outputs are all that is seen.
    """

    name: str
    statement: str
    facets: tuple[Facet, ...]
    promise: Callable[[Trace], Promise | None]
    find: Callable[[Trace], Outcome]
    probe: Probe | None = None
    needs_determinism: bool = False
    trains_on: bool = False


def anonymous(trace: Trace, where: str) -> str:
    """Return the place with layer names turned into class names and positions dropped.

    What is left is the same for every case that shows the same defect.
    """
    classes = trace.case.class_names
    parts = [classes.get(part, part) for part in where.split("/")]
    words = [part.lstrip("0123456789").strip() for part in parts]
    return "/".join(word for word in words if word)


def normalized_message(message: str) -> str:
    """Return what an error message says first, without what varies from case to case.

    TensorFlow puts `in user code:` and tracebacks before it where a graph was traced.
    """
    innermost = _TRACED.findall(message)[-1:] if message.startswith("in user code:") else []
    told = innermost[0] if innermost else message
    return re.sub(r"""<.*|['"`].*?['"`]|\S*\d\S*""", "…", told).split("\n")[0][:80]


def raised_defect(raised: Raised, *, doing: str, who: str, where: str, expected: str) -> Defect:
    """Return the defect that an exception is, where something else was expected of whom."""
    parted = Difference(where, "raised", expected, f"{raised.kind}: {raised.message}")
    key = f"{doing}: raised {raised.kind}: {normalized_message(raised.message)}"
    return Defect(key, f"{who} raised {raised.kind}", parted, raised.traceback)


def circumstance(trace: Trace) -> str:
    """Return what sets the case apart where optimizers are concerned, to be part of a key."""
    return " after freezing without compile" if trace.case.set_since_compile else ""
