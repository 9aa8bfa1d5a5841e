"""Distinct defects: the findings of a run, grouped by cause."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from saveproof.reports.codes import code, every_code
from saveproof.reports.findings import Defect, DefectKind
from saveproof.reports.records import (
    SEVERITY,
    CheckInfo,
    Finding,
    PathInfo,
    Place,
    Verdict,
)

DOCUMENTED = "must"
"""The promise of a facet that a document gives."""

ID_LENGTH = 6
"""Hexadecimal digits of a distinct defect's id."""


@dataclass(frozen=True)
class CellDefect:
    """A defect in a cell: the finding with the smallest case, and the kinds of model that have it.

    `verdict` is 'known' where a known issue explains the finding. `family` is the framework of
    the subject, and `root` the cause. Of the `judged` examples, `examples` showed the defect.
    """

    subject: str
    family: str
    path: str
    check: CheckInfo
    verdict: Verdict
    kinds: tuple[str, ...]
    finding: Finding
    key: str
    title: str
    root: tuple[str, ...]
    examples: int
    judged: int

    @property
    def place(self) -> Place:
        """The subject, save path and check."""
        return (self.subject, self.path, self.check.name)

    @property
    def identity(self) -> tuple[str, str, Verdict, str]:
        """The subject, check, verdict and key: equal for one defect on several save paths."""
        return (self.subject, self.check.name, self.verdict, self.key)


@dataclass(frozen=True)
class Cause:
    """A distinct defect: all findings of one framework that have one cause.

    `verdict` is the worst of its findings. `defects` has, for each check and key, the defect in
    every cell that shows it. `id` is the same in every run.
    """

    verdict: Verdict
    code: str
    id: str
    title: str
    defects: tuple[tuple[CellDefect, ...], ...]

    @property
    def every(self) -> tuple[CellDefect, ...]:
        """The defects of all cells."""
        return tuple(defect for same in self.defects for defect in same)

    @property
    def lead(self) -> CellDefect:
        """The defect that the report shows: the worst, the lost state itself, the smallest."""
        return min(self.every, key=_rank)

    @property
    def known(self) -> str:
        """The reason of the known issue that explains it; empty if none does."""
        return self.lead.finding.known if self.verdict is Verdict.KNOWN else ""

    @property
    def places(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Kinds of model, by subject and by save path."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for defect in self.every:
            paths = found.setdefault(defect.subject, {})
            kinds = (*paths.get(defect.path, ()), *defect.kinds)
            paths[defect.path] = tuple(sorted(set(kinds)))
        return found

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of the checks that find it."""
        return tuple(dict.fromkeys(same[0].check.name for same in self.defects))

    @property
    def findings(self) -> int:
        """The number of its findings in the event file."""
        return sum(len(defect.kinds) for defect in self.every)


def causes(defects: Iterable[CellDefect]) -> tuple[Cause, ...]:
    """Return the distinct defects, the worst first."""
    by_cause: dict[tuple[str, ...], dict[object, list[CellDefect]]] = {}
    for defect in defects:
        same = by_cause.setdefault(cause_of(defect), {})
        same.setdefault(defect.identity, []).append(defect)
    found = (_cause(root, tuple(map(tuple, same.values()))) for root, same in by_cause.items())
    return tuple(sorted(found, key=lambda cause: SEVERITY.index(cause.verdict)))


def root(defect: Defect, path: PathInfo, after: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the cause of a defect on a save path: equal for findings that have one cause.

    - A save that spoils what comes after it: the save path that spoils.
    - A defect that shows only after other save paths: those save paths.
    - An exception: its class and its words, and the function that raised it.
    - State that no document promises: the facet, since such a path does not keep it at all.
    - Other lost state: facet, class of the layer, name of the entry, and how it differs.
    - Training that diverges without lost state: the optimizer and the settings of the case; a
      first loss depends on neither.
    - Everything else: the key.
    """
    if defect.kind is DefectKind.SPOILED:
        return ("spoiled by", defect.spoiler)
    if after:
        return ("after", *after)
    if defect.kind is DefectKind.RAISED:
        return ("raised", defect.exception, defect.words, defect.function)
    lost = defect.lost_state
    if lost is not None:
        return _lost(lost, path)
    if defect.kind is DefectKind.LOG and (defect.step == 1 or defect.metric):
        return (defect.kind.key.format(d=defect),)
    if defect.kind in {DefectKind.LOG, DefectKind.TRAINED_STATE}:
        return ("training", defect.circumstances)
    return (defect.key,)


def _lost(lost: Defect, path: PathInfo) -> tuple[str, ...]:
    if not lost.action and path.facets.get(lost.facet) != DOCUMENTED:
        return ("not documented", lost.facet)
    how = lost.how + lost.circumstances
    return (lost.action or "lost", lost.facet, lost.owner, lost.name, how)


def cause_of(defect: CellDefect) -> tuple[str, ...]:
    """Return the framework and the root, which is the reason of a known issue."""
    if defect.verdict is Verdict.KNOWN:
        return (defect.family, Verdict.KNOWN, defect.finding.known)
    unstable = (Verdict.UNSTABLE,) if defect.verdict is Verdict.UNSTABLE else ()
    return (defect.family, *unstable, *defect.root)


def _cause(root: tuple[str, ...], defects: tuple[tuple[CellDefect, ...], ...]) -> Cause:
    every = [defect for same in defects for defect in same]
    verdicts = (defect.verdict for defect in every)
    codes = {code(defect.finding.defect) for defect in every}
    return Cause(
        verdict=min(verdicts, key=SEVERITY.index),
        code=min(codes, key=every_code().index),
        id=sha256("\0".join(root).encode()).hexdigest()[:ID_LENGTH],
        title=_title(every),
        defects=defects,
    )


def _title(defects: Sequence[CellDefect]) -> str:
    """Return the known issue's reason, or the title of the defect that the report shows.

    Before it stand the save paths that must save first, and after it the other places.
    """
    lead = min(defects, key=_rank)
    if lead.verdict is Verdict.KNOWN:
        return lead.finding.known
    first = lead.finding.defect
    if first.kind is DefectKind.RAISED or first.lost_state is None:
        return lead.title
    states = (defect.finding.defect.lost_state for defect in defects)
    places = dict.fromkeys(state.place for state in states if state and state.place)
    others = [place for place in places if place != first.lost_state.place]
    also = f"; also {', '.join(others)}" if others else ""
    return lead.title + also


def _rank(defect: CellDefect) -> tuple[bool, int, bool, bool, int]:
    finding = defect.finding
    severity = SEVERITY.index(finding.verdict or defect.verdict)
    derived = finding.defect.origin is not None
    return (not finding.case_id, severity, derived, not finding.shrunk, len(finding.drawing))
