"""Plans of campaigns: the subject, save path and cases, and the batches of examples."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, Protocol, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.strategies import SearchStrategy

from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.conformance.model_state.subject import SavePath
from saveproof.reports.files import NotWritten
from saveproof.strategies.case import Case

Named = TypeVar("Named", bound=SavePath)

BATCH = 100
"""Examples of one seed; a long campaign is many batches, each with a seed of its own."""

SIZE_OF_A_TIMED_BATCH = 10

SIDE_BY_SIDE = 5
"""Save paths that share a model and a worker; more would leave other workers idle."""


class Batch(NamedTuple):
    """A number of examples of one seed."""

    number: int
    size: int


def side_by_side(paths: Sequence[Named]) -> list[Mapping[str, Named]]:
    """Return the paths by name, in sets that share a model."""
    starts = range(0, len(paths), SIDE_BY_SIDE)
    return [{path.name: path for path in paths[at : at + SIDE_BY_SIDE]} for at in starts]


@dataclass(frozen=True)
class Plan:
    """One subject, save path and kind of model to run, and the limits.

    `examples` is the number of cases; with `seconds`, batches are run until the time is up instead.
    `timeout` bounds one example, and once more its load in another process; `shrink_seconds` bounds
    the shrinking of all defects. `places` are the subjects and save paths whose known issues apply;
    without them, the plan's own. With `hops`, a history may save and load the model on the way.
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
    hops: bool = False

    def own(self, case: Case) -> Case:
        """Return the generated case for the plan's path."""
        return case.through(self.path, hops=self.hops)

    def batches(self, *, seconds: float | None, most: int = BATCH) -> Iterator[Batch]:
        """Yield the batches, each of at most so many examples.

        With `seconds`, yield one and as many more as they have room for.
        """
        if seconds is None:
            sizes = [most] * (self.examples // most) + [self.examples % most]
            yield from (Batch(number, size) for number, size in enumerate(sizes) if size)
            return
        end = time.monotonic() + seconds
        for number in count():
            yield Batch(number, SIZE_OF_A_TIMED_BATCH)
            if time.monotonic() >= end:
                return

    def generate(self, batch: Batch, test: Callable[[Case], None], *phases: Phase) -> None:
        """Call the test with the batch's cases, always the same; with `Phase.shrink`, shrink.

        Raises:
            NotWritten: the test could not write its findings to a file.
        """
        profile = settings(
            max_examples=batch.size,
            phases=phases,
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
        )

        def checked(case: Case) -> None:
            try:
                test(case)
            except NotWritten as error:
                raise _Unwritten(error) from error

        try:
            seed(self.seed + batch.number)(profile(given(self.cases)(checked)))()
        except _Unwritten as unwritten:
            raise unwritten.error from None


class _Unwritten(BaseException):
    """A file can't be written; no `Exception`, which Hypothesis would take for a finding."""

    def __init__(self, error: NotWritten) -> None:
        super().__init__(str(error))
        self.error = error


class Examiner(Protocol):
    """Serves `saveproof.conformance.campaigns.worker:examine`, as a child process does."""

    def call(self, request: bytes, *, seconds: float) -> bytes:
        """Return the encoded report on an encoded request.

        Raises:
            NoAnswer: there is none.
        """
