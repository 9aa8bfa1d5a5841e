"""The form of a check: one statement, the facets that it needs, and a pure function of a trace."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.trace import Probe, Raised, Trace
from saveproof.reports.findings import Defect, DefectKind, Difference, plain
from saveproof.reports.records import Verdict

_PRINTED = re.compile(r"\[[\[\]\s\d.,e+-]{30,}\]")
_TRACED = re.compile(r"^\s*\w+(?:Error|Exception): (.*)$", re.MULTILINE)

UNCLEAR = frozenset(
    f"builtins.{kind.__name__}"
    for kind in (AssertionError, AttributeError, IndexError, KeyError, NameError, UnboundLocalError)
)
"""Exceptions that show a failure inside the code, not a refusal."""

_FEWEST_WORDS = 4


@dataclass(frozen=True)
class Unjudged:
    """A verdict that is neither a pass nor a defect: vacuous, refused or not applicable."""

    verdict: Verdict
    reason: str


Outcome = Iterable[Defect] | Unjudged
"""What a check returns for a trace; no defect is a pass."""


@dataclass(frozen=True)
class Check:
    """One statement that must hold wherever a contract promises what it needs.

    `promise` returns the contract's promise of the statement on a trace, None where there is none;
    it looks at nothing that has run, as it is asked about cases that could not run, too.
    `probe` is the probe that the trace must have. A check that `needs_determinism` is judged only
    where the subject gives equal results twice. A check that `trains_on` needs the training after
    the load, the others only the outputs. Checks `of_refusals` are asked for on models that the
    contract has refused, too.
    """

    name: str
    statement: str
    facets: tuple[Facet, ...]
    promise: Callable[[Trace], Promise | None]
    find: Callable[[Trace], Outcome]
    probe: Probe | None = None
    needs_determinism: bool = False
    trains_on: bool = False
    of_refusals: bool = False


def vacuous(reason: str) -> Unjudged:
    """Return the outcome of a comparison that could not have failed on this case."""
    return Unjudged(Verdict.VACUOUS, reason)


def not_applicable(reason: str) -> Unjudged:
    """Return the outcome where the trace lacks what the check compares, though it is promised."""
    return Unjudged(Verdict.NOT_APPLICABLE, reason)


def normalized_message(message: str) -> str:
    """Return the start of an error message, without the parts that vary from case to case."""
    return re.sub(r"""<.*|['"`].*?['"`]|\S*\d\S*""", "…", _innermost(message)).split("\n")[0][:80]


def _innermost(message: str) -> str:
    """Return the message without the tracebacks that TensorFlow puts before it.

    They follow `in user code:` where a graph was traced.
    """
    found = _TRACED.findall(message)[-1:] if message.startswith("in user code:") else []
    return found[0] if found else message


def _said(message: str) -> str:
    """Return the first line of an error message, with the next one if it ends in a colon.

    The numbers of printed arrays are left out, which would hide the words after them.
    """
    words = _PRINTED.sub("[…]", _innermost(message))
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return " ".join(lines[: 2 if lines and lines[0].endswith(":") else 1])


def raised_defect(raised: Raised, action: str, *, where: str, expected: str) -> Defect:
    """Return the defect for an exception, with the `expected` outcome of the action."""
    return Defect(
        DefectKind.RAISED,
        Difference(where, expected, f"{plain(raised.kind)}: {raised.message}"),
        action=action,
        probe=str(raised.stage) if str(raised.stage) in set(Probe) else "",
        exception=raised.kind,
        function=raised.function,
        words=normalized_message(raised.message),
        said=_said(raised.message),
        traceback=raised.traceback,
    )


def refusal(raised: Raised | None, about: str) -> Outcome:
    """Return refused for an exception that says why; a defect for none, or for an unclear one."""
    expected = f"an error that says: {about}"
    if raised is None:
        return (Defect(DefectKind.NOT_REFUSED, Difference("refusal", expected, "none")),)
    if raised.kind in UNCLEAR or len(raised.message.split()) < _FEWEST_WORDS:
        difference = Difference("refusal", expected, f"{plain(raised.kind)}: {raised.message}")
        return (
            Defect(
                DefectKind.UNCLEAR_REFUSAL,
                difference,
                exception=raised.kind,
                traceback=raised.traceback,
            ),
        )
    return Unjudged(Verdict.REFUSED, raised.message)


def frozen_since_compile(trace: Trace) -> bool:
    """Return whether flags were set after the last compile, which optimizers treat differently."""
    return bool(trace.case.set_since_compile)
