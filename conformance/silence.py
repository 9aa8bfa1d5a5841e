"""Campaigns in which a subject could do nothing that was asked for, which is no pass."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from conformance.checks import Defect, Judgement
from conformance.contract import Promise
from conformance.disasters import CARRIER
from conformance.plan import Batch
from conformance.snapshot import Difference
from reports.records import Verdict
from strategies.case import Case


class Silent(NamedTuple):
    """What to say of a campaign without a case to judge, and the first case of the reason."""

    judgement: Judgement
    case: Case
    batch: Batch


@dataclass
class Silence:
    """Why cases were not applicable, and how often."""

    _reasons: Counter[str] = field(default_factory=Counter)
    _firsts: dict[str, tuple[Case, Batch]] = field(default_factory=dict)

    def note(self, reason: str, case: Case, batch: Batch) -> None:
        """Note why a case was not applicable."""
        self._reasons[reason] += 1
        self._firsts.setdefault(reason, (case, batch))

    def of_all(self, cases: int) -> Silent | None:
        """Return what there is to say where none of so many cases was applicable."""
        if not cases or self._reasons.total() < cases:
            return None
        ((reason, times),) = self._reasons.most_common(1)
        return Silent(_judgement(reason, times, cases), *self._firsts[reason])


def _judgement(reason: str, times: int, cases: int) -> Judgement:
    message = (
        f"nothing was checked, as none of {cases} cases was applicable; {times} times: {reason}; "
        "mend the adapter, or leave out with --kind what the subject does not have"
    )
    parted = Difference("case", "none applicable", "a case that the subject can do", reason)
    defect = Defect("no case was applicable", message, parted)
    return Judgement(CARRIER, Promise.MUST, Verdict.HARNESS_ERROR, (defect,))
