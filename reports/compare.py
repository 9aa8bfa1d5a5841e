"""The comparison of two runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from saveproof.reports.causes import CellDefect
from saveproof.reports.markdown import escaped
from saveproof.reports.matrix import Cell, Matrix, matrix
from saveproof.reports.records import Place, Verdict
from saveproof.reports.store import Run
from saveproof.reports.wording import SYMBOLS, explained, printable, shown


@dataclass(frozen=True)
class ChangedCell:
    """A cell whose verdict changed."""

    place: Place
    old: Verdict | None
    new: Verdict | None


@dataclass(frozen=True)
class Comparison:
    """The differences between an old and a new run.

    Defects and verdicts are compared only where both runs have results. `dropped` names what only
    the old run tested, and `begun` what only the new run tested: subject, save path and kind of
    model, and the check if both runs have other checks there. `versions` has the subject, package,
    old and new version of each package that changed.
    """

    old: str
    new: str
    complete: bool
    added: tuple[CellDefect, ...]
    gone: tuple[CellDefect, ...]
    dropped: tuple[tuple[str, ...], ...]
    begun: tuple[tuple[str, ...], ...]
    changed: tuple[ChangedCell, ...]
    versions: tuple[tuple[str, str, str, str], ...]

    @property
    def same(self) -> bool:
        """Whether both runs are complete and have the same results."""
        differences = (self.added, self.gone, self.dropped, self.begun, self.changed)
        return self.complete and not any(differences)


def compare(old: Run, new: Run) -> Comparison:
    """Return the differences from the old run to the new."""
    before, after = matrix(_shared(old, new)), matrix(_shared(new, old))
    old_defects, new_defects = _defects(before), _defects(after)
    return Comparison(
        old=old.header.run,
        new=new.header.run,
        complete=old.complete and new.complete,
        added=tuple(d for key, d in new_defects.items() if key not in old_defects),
        gone=tuple(d for key, d in old_defects.items() if key not in new_defects),
        dropped=_alone(old, new),
        begun=_alone(new, old),
        changed=tuple(_changes(_cells(before), _cells(after))),
        versions=tuple(_versions(before, after)),
    )


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown: defects first, then verdicts, then versions."""
    if comparison.same and not comparison.versions:
        verdict = "no differences"
    else:
        verdict = f"{len(comparison.added)} new, {len(comparison.gone)} gone"
    blocks = [f"# saveproof: {verdict}", escaped(f"From {comparison.old} to {comparison.new}.")]
    if not comparison.complete:
        blocks.append("> [!CAUTION]\n> A run is incomplete. A missing result is not a pass.")
    blocks += _block("New defects", (_line(defect) for defect in comparison.added))
    blocks += _block("Defects that are gone", (_line(defect) for defect in comparison.gone))
    blocks += _block("Tested only by the old run", map(" · ".join, comparison.dropped))
    blocks += _block("Tested only by the new run", map(" · ".join, comparison.begun))
    blocks += _block(
        "Changed verdicts",
        (f"{' · '.join(c.place)}: {shown(c.old)} → {shown(c.new)}" for c in comparison.changed),
    )
    blocks += _block(
        "Changed versions",
        (f"{subject}: {name} {old} → {new}" for subject, name, old, new in comparison.versions),
    )
    return printable("\n\n".join(blocks)) + "\n"


def _shared(run: Run, other: Run) -> Run:
    """Return the run with only the results that the other run has too."""
    slots = {result.slot for result in other.results}
    return replace(run, results=tuple(r for r in run.results if r.slot in slots))


def _alone(run: Run, other: Run) -> tuple[tuple[str, ...], ...]:
    """Return what the run tested and the other did not."""
    slots = {result.slot for result in other.results}
    groups = {result.group for result in other.results}
    missing = (result for result in run.results if result.slot not in slots)
    return tuple(dict.fromkeys(r.slot if r.group in groups else r.group for r in missing))


def _cells(figures: Matrix) -> dict[Place, Cell]:
    return {
        (sheet.subject.name, row.path.name, cell.check.name): cell
        for sheet in figures.sheets
        for row in sheet.rows
        for cell in row.cells
    }


def _defects(figures: Matrix) -> dict[object, CellDefect]:
    found = (defect for sheet in figures.sheets for same in sheet.defects for defect in same)
    return {(defect.path, *defect.identity): defect for defect in found}


def _changes(old: Mapping[Place, Cell], new: Mapping[Place, Cell]) -> Iterable[ChangedCell]:
    for place, cell in new.items():
        if cell.results and old[place].verdict != cell.verdict:
            yield ChangedCell(place, old[place].verdict, cell.verdict)


def _versions(old: Matrix, new: Matrix) -> Iterable[tuple[str, str, str, str]]:
    before = {sheet.subject.name: sheet.subject.environment for sheet in old.sheets}
    for sheet in new.sheets:
        earlier = before.get(sheet.subject.name, sheet.subject.environment)
        for name in sorted(earlier | sheet.subject.environment):
            one, other = earlier.get(name, "none"), sheet.subject.environment.get(name, "none")
            if one != other:
                yield (sheet.subject.name, name, one, other)


def _line(defect: CellDefect) -> str:
    place = f"{defect.subject} · {defect.path} · {defect.check.name}"
    return f"{SYMBOLS[defect.verdict]} {shown(defect.verdict)}: {place}: {explained(defect)}"


def _block(title: str, lines: Iterable[str]) -> list[str]:
    items = [f"- {escaped(line)}" for line in lines]
    return [f"## {title}", "\n".join(items)] if items else []
