"""Tallies of a check: its verdicts, and why examples could not fail it."""

from collections import Counter
from dataclasses import dataclass, field

from saveproof.conformance.checks import Judgement
from saveproof.conformance.checks.check import normalized_message
from saveproof.conformance.model_state.contract import Promise
from saveproof.reports.records import SHOWN_NOTHING, Verdict, worst

MOST_REASONS = 5
"""Reasons of a verdict that are recorded, the most frequent ones."""

OTHER_REASONS = "other reasons"

NOT_ASKED = "the contract promises nothing that this check compares on such a model"


@dataclass
class Tally:
    """The verdicts of one check by number of examples, and what else its result holds.

    `promises` is empty if the contract promises nothing that the check compares, on no example.
    """

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    promises: set[Promise] = field(default_factory=set)
    distance: float | None = None
    _reasons: dict[Verdict, Counter[str]] = field(default_factory=dict)

    def count(self, verdict: Verdict, reason: str = "", *, examples: int = 1) -> None:
        """Count examples with the verdict, and the reason why they could not fail the check."""
        self.verdicts[verdict] += examples
        if reason and verdict in SHOWN_NOTHING:
            self._reasons.setdefault(verdict, Counter())[normalized_message(reason)] += examples

    def note(self, judgement: Judgement) -> None:
        """Note the promise and the distance."""
        self.promises.add(judgement.promise)
        if judgement.distance is not None:
            self.distance = max(judgement.distance, self.distance or 0.0)

    @property
    def judged(self) -> int:
        """The number of examples that could have failed."""
        return sum(n for verdict, n in self.verdicts.items() if verdict not in SHOWN_NOTHING)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; not shown where something is promised and no example could fail."""
        found = worst(self.verdicts)
        if found not in SHOWN_NOTHING:
            return found
        return Verdict.NOT_SHOWN if self.promises else Verdict.NOT_APPLICABLE

    @property
    def promise(self) -> Promise:
        """The strictest promise."""
        return Promise.MUST if Promise.MUST in self.promises else Promise.SHOULD

    @property
    def reasons(self) -> dict[Verdict, dict[str, int]]:
        """The most frequent reasons by verdict, and the number of all others."""
        return {verdict: _most(counted) for verdict, counted in self._reasons.items()}


def _most(counted: Counter[str]) -> dict[str, int]:
    most = dict(counted.most_common(MOST_REASONS))
    others = counted.total() - sum(most.values())
    return most | ({OTHER_REASONS: others} if others else {})
