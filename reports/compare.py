"""Compares two runs: the same subject in two releases, or one subject before and after."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as with_values

from msgspec.structs import replace

from saveproof.reports.causes import CellDefect, cause_of
from saveproof.reports.comparison import (
    FARTHER,
    ChangedCell,
    ChangedDistance,
    ChangedPromise,
    ChangedState,
    Comparison,
    DistinctChange,
    SubjectPair,
)
from saveproof.reports.matrix import DEFECTIVE, Cell, Matrix, matrix
from saveproof.reports.records import (
    SEVERITY,
    PathInfo,
    Place,
    Result,
    SubjectInfo,
    Verdict,
)
from saveproof.reports.store import Run


class NothingToCompare(ValueError):
    """The runs have no subject in common, in any release."""


def compare(old: Run, new: Run) -> Comparison:
    """Return the differences from the old run to the new.

    Raises:
        NothingToCompare: no subject of one run is a subject of the other, in any release.
    """
    pairs = _pairs(old.header.subjects, new.header.subjects)
    if not pairs:
        raise NothingToCompare(
            f"expected a subject that both runs tested, found {_listed(old)} in {old.header.run} "
            f"and {_listed(new)} in {new.header.run}; subjects match by name, or by packages"
        )
    old = under_names_of(new, old)
    shared_old, shared_new = _shared(old, new), _shared(new, old)
    before, after = matrix(shared_old), matrix(shared_new)
    changes = _distinct_changes(defects(before), defects(after))
    listed = {defect.place for change in changes for defect in change.defects}
    return Comparison(
        old=old.header.run,
        new=new.header.run,
        complete=old.complete and new.complete,
        subjects=pairs,
        added=tuple(change for change in changes if change.old is None),
        gone=tuple(change for change in changes if change.new is None),
        changed=tuple(c for c in changes if c.old is not None and c.new is not None),
        kept=tuple(_states(shared_old.results, shared_new.results)),
        cells=tuple(c for c in _changed_cells(before, after) if c.place not in listed),
        promises=tuple(change for pair in pairs for change in _promises(pair)),
        distances=tuple(_distances(shared_old.results, shared_new.results)),
        dropped=_alone(old, new),
        begun=_alone(new, old),
    )


def under_names_of(other: Run, run: Run) -> Run:
    """Return the run with its subjects under the names that they have in the other run."""
    pairs = _pairs(run.header.subjects, other.header.subjects)
    names = {pair.old.name: pair.new.name for pair in pairs}
    subjects = (replace(s, name=names.get(s.name, s.name)) for s in run.header.subjects)
    results = (replace(r, subject=names.get(r.subject, r.subject)) for r in run.results)
    header = replace(run.header, subjects=tuple(subjects))
    return with_values(run, header=header, results=tuple(results))


def cells(figures: Matrix) -> dict[Place, Cell]:
    """Return the cells by place."""
    return {
        (sheet.subject.name, row.path.name, cell.check.name): cell
        for sheet in figures.sheets
        for row in sheet.rows
        for cell in row.cells
    }


def defects(figures: Matrix) -> dict[tuple[Place, str], CellDefect]:
    """Return by place and key the defects of each cell, of one key the worst."""
    every = (defect for cell in cells(figures).values() for defect in cell.defects)
    found = [defect for defect in every if defect.verdict in DEFECTIVE]
    worst_last = sorted(found, key=lambda d: SEVERITY.index(d.verdict), reverse=True)
    return {(defect.place, defect.key): defect for defect in worst_last}


def _pairs(old: Sequence[SubjectInfo], new: Sequence[SubjectInfo]) -> tuple[SubjectPair, ...]:
    """Return the subjects of one name; of the others, those that alone have their packages."""
    named = {info.name: info for info in old}
    pairs = {info.name: SubjectPair(named[info.name], info) for info in new if info.name in named}
    one = _by_packages(info for info in old if info.name not in pairs)
    other = _by_packages(info for info in new if info.name not in pairs)
    for packages in one.keys() & other.keys():
        if len(one[packages]) == len(other[packages]) == 1:
            pair = SubjectPair(one[packages][0], other[packages][0])
            pairs[pair.new.name] = pair
    return tuple(pairs[info.name] for info in new if info.name in pairs)


def _by_packages(infos: Iterable[SubjectInfo]) -> dict[frozenset[str], list[SubjectInfo]]:
    """Return the subjects by the names of their packages: those of a framework and a backend."""
    found: dict[frozenset[str], list[SubjectInfo]] = {}
    for info in infos:
        found.setdefault(frozenset(info.environment), []).append(info)
    return found


def _shared(run: Run, other: Run) -> Run:
    """Return the run with only the results that the other run has too."""
    slots = {result.slot for result in other.results}
    return with_values(run, results=tuple(r for r in run.results if r.slot in slots))


def _alone(run: Run, other: Run) -> tuple[tuple[str, ...], ...]:
    """Return what the run tested and the other did not."""
    slots = {result.slot for result in other.results}
    groups = {result.group for result in other.results}
    missing = (result for result in run.results if result.slot not in slots)
    return tuple(dict.fromkeys(r.slot if r.group in groups else r.group for r in missing))


def _distinct_changes(
    old: Mapping[tuple[Place, str], CellDefect], new: Mapping[tuple[Place, str], CellDefect]
) -> tuple[DistinctChange, ...]:
    """Return the changes of defects, worst first; those with one cause and one change are one."""
    changes: dict[tuple[object, Verdict | None, Verdict | None], list[CellDefect]] = {}
    same: dict[object, list[str]] = {}
    for at, defect in {**old, **new}.items():
        cause = (defect.subject, cause_of(defect))
        before, after = (run[at].verdict if at in run else None for run in (old, new))
        if before == after:
            same.setdefault(cause, []).append(defect.path)
        else:
            changes.setdefault((cause, before, after), []).append(defect)
    found = (
        DistinctChange(tuple(seen), before, after, tuple(dict.fromkeys(same.get(one, ()))))
        for (one, before, after), seen in changes.items()
    )
    return tuple(sorted(found, key=lambda one: SEVERITY.index(one.smallest.verdict)))


def _states(old: Sequence[Result], new: Sequence[Result]) -> Iterator[ChangedState]:
    before, after = _kept(old), _kept(new)
    for at in after:
        one, other = before.get(at, (0, 0)), after[at]
        if one[1] and other[1] and _share(one) != _share(other):
            yield ChangedState(*at, one, other)


def _share(counts: tuple[int, int]) -> tuple[bool, bool]:
    """Return whether state came back at all, and whether always."""
    came_back, of = counts
    return came_back > 0, came_back == of


def _kept(results: Iterable[Result]) -> dict[Place, tuple[int, int]]:
    """Return by subject, path and facet how often state without a promise came back."""
    found: dict[Place, tuple[int, int]] = {}
    for result in results:
        for facet, (came_back, of) in result.kept.items():
            at = (result.subject, result.path, facet)
            before = found.get(at, (0, 0))
            found[at] = (before[0] + came_back, before[1] + of)
    return found


def _changed_cells(old: Matrix, new: Matrix) -> Iterator[ChangedCell]:
    before = cells(old)
    for place, cell in cells(new).items():
        if cell.results and place in before and before[place].verdict != cell.verdict:
            yield ChangedCell(place, before[place].verdict, cell.verdict)


def _promises(pair: SubjectPair) -> Iterator[ChangedPromise]:
    old = {path.name: path for path in pair.old.paths}
    for path in pair.new.paths:
        if path.name in old:
            before, after = _promised(old[path.name]), _promised(path)
            for what in before | after:
                one, other = before.get(what, ""), after.get(what, "")
                if one != other:
                    yield ChangedPromise(pair.new.name, path.name, what, one, other)


def _promised(path: PathInfo) -> dict[str, str]:
    return {"document": path.document, **path.facets}


def _distances(old: Sequence[Result], new: Sequence[Result]) -> Iterator[ChangedDistance]:
    before, after = _largest(old), _largest(new)
    for place, other in after.items():
        one = before.get(place, 0.0)
        if max(one, other) > FARTHER * min(one, other):
            yield ChangedDistance(place, one, other)


def _largest(results: Iterable[Result]) -> dict[Place, float]:
    found: dict[Place, float] = {}
    for result in results:
        if result.distance is not None:
            found[result.place] = max(result.distance, found.get(result.place, 0.0))
    return found


def _listed(run: Run) -> str:
    return ", ".join(subject.name for subject in run.header.subjects)
