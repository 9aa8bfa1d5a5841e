"""What a check is: one sentence that must hold, the facets it needs, and a pure function."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.trace import Probe, Raised, Trace
from saveproof.reports.findings import Defect, DefectKind, Difference

_TRACED = re.compile(r"^\s*\w+(?:Error|Exception): (.*)$", re.MULTILINE)


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
"""What a check returns for a trace; no defect is a pass."""


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


def normalized_message(message: str) -> str:
    """Return what an error message says first, without what varies from case to case.

    TensorFlow puts `in user code:` and tracebacks before it where a graph was traced.
    """
    innermost = _TRACED.findall(message)[-1:] if message.startswith("in user code:") else []
    words = innermost[0] if innermost else message
    return re.sub(r"""<.*|['"`].*?['"`]|\S*\d\S*""", "…", words).split("\n")[0][:80]


def raised_defect(raised: Raised, action: str, *, where: str, expected: str) -> Defect:
    """Return the defect that an exception is, where something else was expected of the action."""
    return Defect(
        DefectKind.RAISED,
        Difference(where, expected, f"{raised.kind}: {raised.message}"),
        action=action,
        probe=str(raised.stage) if str(raised.stage) in set(Probe) else "",
        exception=raised.kind,
        words=normalized_message(raised.message),
        traceback=raised.traceback,
    )


def frozen_since_compile(trace: Trace) -> bool:
    """Say whether flags were set and nothing compiled since: optimizers differ in what they do."""
    return bool(trace.case.set_since_compile)
