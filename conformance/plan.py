"""Plans of campaigns: what to run, how much of it, and who examines the cases."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hypothesis.strategies import SearchStrategy

from conformance.checks import ALL_CHECKS, Check
from strategies.case import Case


@dataclass(frozen=True)
class Plan:
    """What to run: one subject, one save path, one kind of model, and for how long.

    `examples` is a number of cases; with `seconds`, batches are run until the time is up instead.
    `timeout` bounds one example, `shrink_seconds` the reduction of all defects together. `places`
    are the subjects and save paths whose known issues count; without them, the plan's own.
    """

    subject: str
    path: str
    kind: str
    cases: SearchStrategy[Case]
    checks: tuple[Check, ...] = ALL_CHECKS
    examples: int = 30
    seconds: float | None = None
    seed: int = 0
    timeout: float = 120.0
    shrink_seconds: float = 60.0
    places: tuple[tuple[str, str], ...] = ()


class Examiner(Protocol):
    """Serves `conformance.examine:examine`, as a child process does."""

    def call(self, request: bytes, *, seconds: float) -> bytes:
        """Return the encoded report on an encoded request.

        Raises:
            Crashed, TimedOut, Failed: there is none.
        """


class Batch(NamedTuple):
    """So many examples of one seed."""

    number: int
    size: int
