"""Campaigns in which the subject could do too few of the cases for a pass."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from saveproof.conformance.campaigns.plan import Example
from saveproof.conformance.campaigns.process_failures import CARRIER
from saveproof.conformance.campaigns.worker import Report
from saveproof.conformance.checks import Judgement
from saveproof.conformance.checks.check import normalized_message
from saveproof.conformance.model_state.contract import Promise
from saveproof.reports.findings import Defect, DefectKind, Difference
from saveproof.reports.records import SEVERITY, Verdict

FEW = 3
FEW_IN_A_HUNDRED = 5
"""The cases, and the percentage of supported cases, on which a subject's own calls may raise.

A framework has defects of its own; more exceptions than these come from the adapter.
"""

_MOST = 3
"""How many reasons are given, the most frequent ones."""


class NothingJudged(NamedTuple):
    """The judgement of such a campaign, its number of cases, and the main reason's first one."""

    judgement: Judgement
    cases: int
    example: Example


@dataclass
class _Reasons:
    """Reasons by their normalized message, the count of each, and its first case."""

    counts: Counter[str] = field(default_factory=Counter)
    firsts: dict[str, tuple[str, Example]] = field(default_factory=dict)

    def note(self, reason: str, example: Example) -> None:
        """Count the reason."""
        self.counts[normalized_message(reason)] += 1
        self.firsts.setdefault(normalized_message(reason), (reason, example))

    def nothing_judged(self, name: str, message: str, expected: str) -> NothingJudged:
        """Return the judgement; `message` has a place for the most frequent reasons."""
        most = self.counts.most_common(_MOST)
        reasons = "; ".join(f"{times} times: {self.firsts[words][0]}" for words, times in most)
        ((frequent, _),) = self.counts.most_common(1)
        reason, example = self.firsts[frequent]
        words = message.format(reasons)
        defect = Defect(
            DefectKind.NOT_JUDGED, Difference("case", expected, reason), name=name, words=words
        )
        judgement = Judgement(CARRIER, Promise.MUST, Verdict.HARNESS_ERROR, (defect,))
        return NothingJudged(judgement, self.counts.total(), example)


@dataclass
class Applicability:
    """Why cases were not applicable, and the exceptions of the subject's own calls."""

    _unsupported: _Reasons = field(default_factory=_Reasons)
    _faults: _Reasons = field(default_factory=_Reasons)
    _declared: int = 0

    def note(self, report: Report, example: Example) -> None:
        """Note why the case was not applicable, and an exception of the subject's own calls."""
        if report.unsupported:
            self._unsupported.note(report.unsupported, example)
        if report.fault:
            self._faults.note(report.fault, example)
        elif report.unsupported:
            self._declared += 1

    def of_all(self, cases: int) -> NothingJudged | None:
        """Return the judgement if too few of so many cases were judged."""
        if cases and self._unsupported.counts.total() >= cases:
            message = (
                f"nothing was checked, as none of {cases} cases was applicable; {{}}; "
                "mend the adapter, or leave out with --kind what the subject does not have"
            )
            return self._unsupported.nothing_judged(
                "no case was applicable", message, "a case that the subject can do"
            )
        faults = self._faults.counts.total()
        tried = cases - self._declared
        if not faults or (faults < tried and _few(faults, tried)):
            return None
        message = (
            f"the subject's own calls raised, saving apart, on {faults} of {tried} cases; {{}}; "
            "mend the adapter, or have it raise Unsupported for what the subject does not have"
        )
        return self._faults.nothing_judged("the subject's own calls raise", message, "no error")


def _few(faults: int, cases: int) -> bool:
    return faults <= FEW or 100 * faults <= FEW_IN_A_HUNDRED * cases


def as_errors(tally: Counter[Verdict], cases: int) -> Counter[Verdict]:
    """Return the tally with so many of its cases, the least severe ones, as harness errors."""
    verdicts = sorted(tally.elements(), key=SEVERITY.index, reverse=True)
    return Counter([Verdict.HARNESS_ERROR] * cases + verdicts[cases:])
