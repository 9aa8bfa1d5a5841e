"""Shrinking: the smallest case of a defect that Hypothesis finds in the given time."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from saveproof.conformance.campaigns.known_issues import KnownIssue
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.process_failures import END_VERDICTS
from saveproof.conformance.checks import NEED_DETERMINISM, Unrepeated, probes_for
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Defect
from saveproof.reports.records import SEVERITY, Draw, Finding, Verdict
from saveproof.strategies.case import Case, to_json
from saveproof.strategies.departures import with_departure
from saveproof.strategies.drawing import drawing

FINDINGS_A_CHECK = 5
"""Distinct defects of a check that are shrunk; more are counted."""

At = tuple[str, str]
"""The check and the key of a defect."""


class Shown(NamedTuple):
    """A case, with its defect and verdict, and the choices that generate it.

    `evidence` is that of an unstable defect.

    One defect may break a document's promise on one case and be a gap on another, where the check
    depends on state that no document promises.
    """

    case: Case
    defect: Defect
    verdict: Verdict
    choices: bytes = b""
    evidence: Unrepeated | None = None

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
            draw=Draw(shown.choices, hops=plan.generates_hops, own_hops=plan.hops),
        )


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

    `shows` returns the defect as a case shows it, if it does, without the choices; `keep` is called
    with each smaller case, so that an interrupt loses none. `deadline` is of `time.monotonic`.

    Raises:
        NothingGenerated: the choices are not those of the case.
    """
    seen: dict[str, Shown | None] = {}

    def own(generated: Case) -> Case:
        return with_departure(plan.own(generated), start.case.loading)

    def shown_by(generated: Case) -> bool:
        case = own(generated)
        if not seen:
            seen[case.id] = start if case.id == start.case.id else None
        if case.id not in seen:
            if time.monotonic() > deadline:
                raise _OutOfTime
            seen[case.id] = shows(case)
        return seen[case.id] is not None

    def smaller(generated: Case, choices: bytes) -> None:
        shown = seen[own(generated).id]
        if shown is not None:
            keep(shown._replace(choices=choices))

    try:
        plan.generator.shrink(start.choices, shown_by, smaller)
    except _OutOfTime:
        return False
    return True
