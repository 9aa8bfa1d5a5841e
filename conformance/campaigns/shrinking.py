"""Shrinking: the smallest case of a defect that Hypothesis finds in the given time."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from saveproof.conformance.campaigns.known_issues import KnownIssue
from saveproof.conformance.campaigns.plan import PLAIN, Plan
from saveproof.conformance.campaigns.process_failures import END_VERDICTS
from saveproof.conformance.checks import NEED_DETERMINISM, Unrepeated, probes_for
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Defect
from saveproof.reports.records import SEVERITY, Draw, Finding, Verdict
from saveproof.strategies.case import Case, to_json
from saveproof.strategies.departures import with_departure
from saveproof.strategies.drawing import drawing
from saveproof.strategies.generation import NothingGenerated

FINDINGS_A_CHECK = 5
"""Distinct defects of a check that are shrunk; more are counted."""

At = tuple[str, str]
"""The check and the key of a defect."""


class Shown(NamedTuple):
    """A case, with its defect and verdict, and the choices that generate it.

    `evidence` is that of an unstable defect, `extreme` the name of the extreme that was given to
    the case that the choices generate.

    One defect may break a document's promise on one case and be a gap on another, where the check
    depends on state that no document promises.
    """

    case: Case
    defect: Defect
    verdict: Verdict
    choices: bytes = b""
    evidence: Unrepeated | None = None
    extreme: str = PLAIN

    @property
    def ended(self) -> bool:
        """Whether the process ended or gave no answer."""
        return self.verdict in END_VERDICTS.values()

    def milder(self, other: "Shown") -> bool:
        """Return whether the defect is less severe here than on the other case."""
        return SEVERITY.index(self.verdict) > SEVERITY.index(other.verdict)


@dataclass
class Sighting:
    """A defect, and the smallest case so far that has its worst verdict.

    `examples` is the number of examples that showed it, `shrunk` whether shrinking has ended.
    """

    smallest: Shown
    examples: int = 0
    shrunk: bool = False

    @property
    def defect(self) -> Defect:
        """The defect as the smallest case shows it."""
        return self.smallest.defect

    @property
    def root(self) -> str:
        """The key of the lost state that the defect is or comes from; without one, its own."""
        return (self.defect.lost_state or self.defect).key

    def finding(self, plan: Plan, *, issue: KnownIssue | None = None, note: str = "") -> Finding:
        """Return the finding for the run's record; `issue` explains it if it is expected."""
        shown = self.smallest
        return Finding(
            shown.defect,
            case_id=shown.case.id,
            case=msgspec.json.decode(to_json(shown.case)),
            drawing=drawing(shown.case),
            known=issue.reason if issue else "",
            verdict=shown.verdict,
            link=issue.link if issue else "",
            examples=self.examples,
            shrunk=self.shrunk,
            note=note,
            after=shown.evidence.after if shown.evidence else (),
            again=shown.evidence.again if shown.evidence else (),
            draw=self._draw(plan),
        )

    def _draw(self, plan: Plan) -> Draw | None:
        """Return what generates the case again; None of a systematic one."""
        shown = self.smallest
        if not shown.choices:
            return None
        hops = {"hops": plan.generates_hops, "own_hops": plan.hops}
        return Draw(shown.choices, **hops, extreme=shown.extreme)


def in_turn(sightings: Mapping[At, Sighting]) -> Iterator[At]:
    """Yield the defects to shrink, in order: first one of each root, failures before gaps.

    An unstable defect can't be shrunk.

    Of a check with many defects, the last ones in this order are left out.
    """
    repeating = [at for at, seen in sightings.items() if seen.smallest.evidence is None]
    by_verdict = sorted(repeating, key=lambda at: sightings[at].smallest.verdict is Verdict.GAP)
    roots: set[str] = set()
    repeats: list[At] = []
    firsts: list[At] = []
    for at in by_verdict:
        root = sightings[at].root
        (repeats if root in roots else firsts).append(at)
        roots.add(root)
    chosen: Counter[str] = Counter()
    for at in (*firsts, *repeats):
        chosen[at[0]] += 1
        if chosen[at[0]] <= FINDINGS_A_CHECK:
            yield at


def probes_of(check: str, shown: Shown) -> set[Probe]:
    """Return the probes that the defect needs to show again."""
    probes = set(probes_for({check}))
    if shown.defect.probe:
        probes.add(Probe(shown.defect.probe))
    if check in NEED_DETERMINISM:
        probes.add(Probe.TWIN)
    return probes


def shrunk_alike(sighting: Sighting, others: Iterable[Sighting]) -> Iterator[Shown]:
    """Yield the smallest cases of defects with the same root, on which this may show too."""
    for other in others:
        if other is not sighting and other.shrunk and other.root == sighting.root:
            yield other.smallest


class _OutOfTime(BaseException):
    """The time for shrinking is up; no `Exception`, which Hypothesis would take for a failure."""


def reduce(
    plan: Plan,
    start: Shown,
    shows: Callable[[Case], Shown | None],
    keep: Callable[[Shown], None],
    *,
    deadline: float,
) -> bool:
    """Shrink the case that shows a defect; return whether shrinking ended by itself.

    Of a case that was given an extreme, the plain case is tried first.

    `shows` returns the defect as a case shows it, if it does, without the choices; `keep` is called
    with each smaller case, so that an interrupt loses none. `deadline` is of `time.monotonic`.

    Raises:
        NothingGenerated: the choices are not those of the case.
    """
    reduction = _Reduction(plan, start, shows, keep, deadline)
    try:
        if start.extreme != PLAIN:
            with suppress(NothingGenerated):
                reduction.shrink(PLAIN)
                return True
        reduction.shrink(start.extreme)
    except _OutOfTime:
        return False
    return True


@dataclass
class _Reduction:
    """What `reduce` is given, and what it has seen so far, by the ids of cases."""

    plan: Plan
    start: Shown
    shows: Callable[[Case], Shown | None]
    keep: Callable[[Shown], None]
    deadline: float

    def __post_init__(self) -> None:
        self._seen: dict[str, Shown | None] = {self.start.case.id: self.start}

    def shrink(self, extreme: str) -> None:
        """Shrink among the cases of the extreme, from the one that the start's choices give.

        Raises:
            NothingGenerated: that does not show the defect, or is not the start, which has to be.
            _OutOfTime: the time is up.
        """
        asked: list[str] = []

        def shown_by(generated: Case) -> bool:
            is_first = not asked
            asked.append(generated.id)
            if is_first and extreme == self.start.extreme:
                return self._own(generated) == self.start.case
            shown = self._shown(self._own(generated))
            if shown is not None and is_first:
                smaller(generated, self.start.choices)
            return shown is not None

        def smaller(generated: Case, choices: bytes) -> None:
            shown = self._shown(self._own(generated))
            if shown is not None:
                self.keep(shown._replace(choices=choices, extreme=extreme))

        self.plan.generator(extreme).shrink(self.start.choices, shown_by, smaller)

    def _own(self, generated: Case) -> Case:
        return with_departure(self.plan.own(generated), self.start.case.loading)

    def _shown(self, case: Case) -> Shown | None:
        if case.id not in self._seen:
            if time.monotonic() > self.deadline:
                raise _OutOfTime
            self._seen[case.id] = self.shows(case)
        return self._seen[case.id]
