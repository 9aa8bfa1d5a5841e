"""What two runs say differently."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.markdown import escaped
from reports.matrix import Cell, Defect, Matrix, matrix
from reports.records import Place, Verdict
from reports.store import Run
from reports.wording import SYMBOLS, explained, printable, shown


@dataclass(frozen=True)
class Change:
    """A cell whose verdict is another; None where a run holds no result of it."""

    place: Place
    old: Verdict | None
    new: Verdict | None


@dataclass(frozen=True)
class Comparison:
    """What the new run says that the old one did not, and the other way round.

    `gone` are defects that the new run looked for and did not find; what it did not look at stands
    in `unseen`. `versions` names packages by subject whose version is another.
    """

    old: str
    new: str
    complete: bool
    added: tuple[Defect, ...]
    gone: tuple[Defect, ...]
    unseen: tuple[Place, ...]
    changed: tuple[Change, ...]
    versions: tuple[tuple[str, str, str, str], ...]

    @property
    def same(self) -> bool:
        """Whether both runs came to their end and say the same of the same cells."""
        return self.complete and not (self.added or self.gone or self.unseen or self.changed)


def compare(old: Run, new: Run) -> Comparison:
    """Return what is new, gone and changed from the old run to the new."""
    before, after = matrix(old), matrix(new)
    old_cells, new_cells = _cells(before), _cells(after)
    old_defects, new_defects = _defects(before), _defects(after)
    unseen = tuple(p for p, cell in old_cells.items() if cell.results and not _seen(p, new_cells))
    gone = [d for key, d in old_defects.items() if key not in new_defects]
    return Comparison(
        old=old.header.run,
        new=new.header.run,
        complete=old.complete and new.complete,
        added=tuple(d for key, d in new_defects.items() if key not in old_defects),
        gone=tuple(d for d in gone if d.place not in unseen),
        unseen=unseen,
        changed=tuple(_changes(old_cells, new_cells)),
        versions=tuple(_versions(before, after)),
    )


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown: defects first, then verdicts, then versions."""
    if comparison.same and not comparison.versions:
        verdict = "nothing is new, gone or changed"
    else:
        verdict = f"{len(comparison.added)} new, {len(comparison.gone)} gone"
    blocks = [f"# saveproof: {verdict}", escaped(f"From {comparison.old} to {comparison.new}.")]
    if not comparison.complete:
        blocks.append(
            "> [!CAUTION]\n> A run did not come to its end: what is missing was not shown."
        )
    blocks += _block("New defects", (_line(defect) for defect in comparison.added))
    blocks += _block("Gone", (_line(defect) for defect in comparison.gone))
    blocks += _block("Not run any more", (" · ".join(place) for place in comparison.unseen))
    blocks += _block(
        "Other verdicts",
        (f"{' · '.join(c.place)}: {shown(c.old)} → {shown(c.new)}" for c in comparison.changed),
    )
    blocks += _block(
        "Other versions",
        (f"{subject}: {name} {old} → {new}" for subject, name, old, new in comparison.versions),
    )
    return printable("\n\n".join(blocks)) + "\n"


def _cells(figures: Matrix) -> dict[Place, Cell]:
    return {
        (sheet.subject.name, row.path.name, cell.check.name): cell
        for sheet in figures.sheets
        for row in sheet.rows
        for cell in row.cells
    }


def _defects(figures: Matrix) -> dict[object, Defect]:
    found = (defect for sheet in figures.sheets for same in sheet.defects for defect in same)
    return {(defect.path, *defect.identity): defect for defect in found}


def _seen(place: Place, cells: Mapping[Place, Cell]) -> bool:
    return place in cells and bool(cells[place].results)


def _changes(old: Mapping[Place, Cell], new: Mapping[Place, Cell]) -> Iterable[Change]:
    for place, cell in new.items():
        before = old[place].verdict if place in old else None
        if cell.results and before != cell.verdict:
            yield Change(place, before, cell.verdict)


def _versions(old: Matrix, new: Matrix) -> Iterable[tuple[str, str, str, str]]:
    before = {sheet.subject.name: sheet.subject.environment for sheet in old.sheets}
    for sheet in new.sheets:
        earlier = before.get(sheet.subject.name, sheet.subject.environment)
        for name in sorted(earlier | sheet.subject.environment):
            one, other = earlier.get(name, "none"), sheet.subject.environment.get(name, "none")
            if one != other:
                yield (sheet.subject.name, name, one, other)


def _line(defect: Defect) -> str:
    place = f"{defect.subject} · {defect.path} · {defect.check.name}"
    return f"{SYMBOLS[defect.verdict]} {shown(defect.verdict)}: {place}: {explained(defect)}"


def _block(title: str, lines: Iterable[str]) -> list[str]:
    items = [f"- {escaped(line)}" for line in lines]
    return [f"## {title}", "\n".join(items)] if items else []
