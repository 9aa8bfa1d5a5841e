"""The comparison of two runs as text: for a terminal, or as Markdown for a pull request."""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from saveproof.reports.comparison import (
    ChangedCell,
    ChangedDistance,
    ChangedPromise,
    ChangedState,
    Comparison,
    DistinctChange,
    SubjectPair,
)
from saveproof.reports.markdown import escaped
from saveproof.reports.wording import INCOMPLETE, printable, shown

LIMIT = 20
"""The most lines of a section; a comment on a pull request must stay short."""


@dataclass(frozen=True)
class ComparisonPart:
    """A section of the text: its title with a count, and its lines; `folded` in Markdown."""

    title: str
    lines: tuple[str, ...]
    folded: bool = True


def comparison_terminal(comparison: Comparison, *, width: int = 80) -> str:
    """Return the comparison as text of at most `width` columns."""
    blocks = [_wrapped(line, width) for line in (_headline(comparison), *_subjects(comparison))]
    if not comparison.complete:
        blocks.append(_wrapped(INCOMPLETE, width))
    for part in _parts(comparison):
        lines = [_wrapped(line, width, "  - ") for line in part.lines]
        blocks.append("\n".join(["", f"{part.title}: {len(part.lines)}", *lines]))
    return printable("\n".join(blocks)) + "\n"


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown: failures in full, everything else folded."""
    blocks = [f"### saveproof: {escaped(_headline(comparison))}"]
    blocks += [escaped(line) for line in _subjects(comparison)]
    if not comparison.complete:
        blocks.append(f"> [!CAUTION]\n> {INCOMPLETE}")
    for part in _parts(comparison):
        title = f"{part.title}: {len(part.lines)}"
        items = "\n".join(f"- {escaped(line)}" for line in part.lines[:LIMIT])
        if len(part.lines) > LIMIT:
            items += f"\n- {len(part.lines) - LIMIT} more: `saveproof compare` lists them"
        if part.folded:
            blocks.append(f"<details><summary>{title}</summary>\n\n{items}\n\n</details>")
        else:
            blocks.append(f"**{title}**\n\n{items}")
    return printable("\n\n".join(blocks)) + "\n"


COMPARISONS: Mapping[str, Callable[[Comparison], str]] = {
    "markdown": comparison_markdown,
    "terminal": comparison_terminal,
}
"""The renderers of a comparison, by the name of their format."""


def _headline(comparison: Comparison) -> str:
    if comparison.same:
        return "no differences"
    counts = (
        (len(comparison.failures), "new failure", "new failures"),
        (len(comparison.added), "new defect", "new defects"),
        (len(comparison.gone), "gone", "gone"),
        (len(comparison.changed), "with another verdict", "with another verdict"),
    )
    words = [f"{n} {one if n == 1 else many}" for n, one, many in counts]
    return ", ".join(words)


def _subjects(comparison: Comparison) -> Iterator[str]:
    yield f"From {comparison.old} to {comparison.new}."
    yield from map(_subject, comparison.subjects)


def _subject(pair: SubjectPair) -> str:
    names = pair.new.name
    if pair.old.name != pair.new.name:
        names = f"{pair.old.name} → {pair.new.name}"
    versions = ", ".join(f"{name} {one} → {other}" for name, one, other in pair.versions)
    return f"{names}: {versions or 'the same versions'}"


def _parts(comparison: Comparison) -> list[ComparisonPart]:
    failures = comparison.failures
    rest = [one for one in (*comparison.added, *comparison.changed) if one not in failures]
    added = [one for one in rest if one.old is None]
    changed = [one for one in rest if one.old is not None]
    parts = (
        ComparisonPart("New failures", tuple(map(_change, failures)), folded=False),
        ComparisonPart("New gaps and known issues", tuple(map(_change, added))),
        ComparisonPart("Gone", tuple(map(_change, comparison.gone))),
        ComparisonPart("Same defect, another verdict", tuple(map(_change, changed))),
        ComparisonPart("State that no promise covers", tuple(map(_state, comparison.kept))),
        ComparisonPart("Other changed verdicts", tuple(map(_cell, comparison.cells))),
        ComparisonPart("Changed promises", tuple(map(_promise, comparison.promises))),
        ComparisonPart("Changed distances", tuple(map(_distance, comparison.distances))),
        ComparisonPart("Tested only by the old run", tuple(map(" · ".join, comparison.dropped))),
        ComparisonPart("Tested only by the new run", tuple(map(" · ".join, comparison.begun))),
    )
    return [part for part in parts if part.lines]


def _change(change: DistinctChange) -> str:
    smallest = change.smallest
    verdict = shown(change.new or change.old)
    if change.old and change.new:
        verdict = f"{shown(change.old)} → {shown(change.new)}"
    checks = dict.fromkeys(defect.check.name for defect in change.defects)
    seen = next(iter(checks)) if len(checks) == 1 else f"{len(checks)} checks"
    known = f"; known: {smallest.finding.known}" if smallest.finding.known else ""
    both = f"; in both runs on {', '.join(change.elsewhere)}" if change.elsewhere else ""
    difference = smallest.finding.defect.difference
    values = ""
    if difference.expected or difference.found:
        values = f"; expected {_short(difference.expected)}, found {_short(difference.found)}"
    return (
        f"{verdict}: {smallest.subject} · {', '.join(change.paths)}: {smallest.title}{values} "
        f"({seen}{both}{known})"
    )


def _short(text: str) -> str:
    return textwrap.shorten(text, 60, placeholder=" …") or "nothing"


def _state(change: ChangedState) -> str:
    (one, of), (other, of_new) = change.old, change.new
    return (
        f"{change.subject} · {change.path}: {change.facet} came back in {one} of {of} examples, "
        f"now in {other} of {of_new}"
    )


def _cell(change: ChangedCell) -> str:
    return f"{' · '.join(change.place)}: {shown(change.old)} → {shown(change.new)}"


def _promise(change: ChangedPromise) -> str:
    one, other = (text or "no promise" for text in (change.old, change.new))
    return f"{change.subject} · {change.path}: {change.facet}: {one} → {other}"


def _distance(change: ChangedDistance) -> str:
    return f"{' · '.join(change.place)}: up to {change.old:.2g} → up to {change.new:.2g}"


def _wrapped(text: str, width: int, mark: str = "") -> str:
    after = " " * len(mark)
    return textwrap.fill(text, width, initial_indent=mark, subsequent_indent=after)
