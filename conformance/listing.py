"""The texts that list subjects, save paths, formats and checks."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from saveproof.conformance import doctor as examination
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.families import subjects as registry
from saveproof.conformance.families.description import described
from saveproof.conformance.families.environment import NOT_INSTALLED
from saveproof.conformance.interchange.pairs import Exchange, Pair, exchanges
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.model_state.subject import SavePath
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.processes.memory import MEMORY
from saveproof.reports import explanations
from saveproof.reports.commands import CASE_ID
from saveproof.reports.matrix import matrix
from saveproof.reports.merging import merge
from saveproof.reports.store import read

EXPLAINED = ("text", "markdown")
"""Formats of explanations."""


def subjects() -> str:
    """Return one line for each built-in subject, with the installed versions of its packages."""
    return "\n".join(_subject_line(name) for name in registry.SUBJECTS)


def installed() -> list[str]:
    """Return the built-in subjects whose packages are all installed, one for each framework."""
    versions = {name: registry.resolve(name).environment() for name in registry.SUBJECTS}
    return [n for n, v in versions.items() if ":" not in n and NOT_INSTALLED not in v.values()]


def paths(subject: str) -> str:
    """Return each save path of the subject, with its document and its promises.

    Raises:
        UnusableSubject: no subject has that name; the message lists the known ones.
    """
    return "\n\n".join(map(_path_text, described(subject).paths()))


def formats(names: Sequence[str]) -> str:
    """Return one line for each format that the subjects share, with its writers and readers.

    A reader in brackets tries to read the format but does not promise to.

    Raises:
        UnusableSubject: no subject has that name.
    """
    found = [one for w in names for r in names for one in exchanges(Pair(w, r), described)]
    return "\n".join(_format_line(name, found) for name in dict.fromkeys(c.format for c in found))


def checks(*, facets: bool = False) -> str:
    """Return one line for each check: its name, and its sentence or the facets that it needs."""
    told = {c.name: ", ".join(c.facets) or "none" if facets else c.statement for c in ALL_CHECKS}
    return "\n".join(f"{name:34} {text}" for name, text in told.items())


def explain(code: str | None, runs: Sequence[Path], *, format: str = EXPLAINED[0]) -> str:
    """Return what a code, or the distinct defect of an id, means; without one, list the codes.

    Raises:
        UnknownCode: there is no such code, and the runs have no distinct defect of that id.
        RunError: the file of a run can't be read.
    """
    statements = {check.name: check.statement for check in ALL_CHECKS}
    if code is None:
        text = explanations.markdown(statements) if format == "markdown" else explanations.listed()
        return text.rstrip("\n")
    if CASE_ID.fullmatch(code):
        figures = matrix(merge([read(run) for run in runs]))
        cause = explanations.distinct_defect(figures, code)
        return explanations.explained_cause(cause, statements)
    return explanations.explained(code, statements)


def doctor(subject: str) -> tuple[str, bool]:
    """Return one line for each thing that was tried, and whether nothing is broken."""
    with Child(examination.TRY, memory=MEMORY) as child:
        seen = examination.doctor(described(subject), partial(examination.asked, child, subject))
    lines = [f"{one.outcome}  {one.what}  {one.detail}".rstrip() for one in seen]
    return "\n".join(lines), all(one.ok for one in seen)


def _format_line(name: str, found: Sequence[Exchange]) -> str:
    same = [one for one in found if one.format == name]
    readers = [c.pair.reader if c.claim is Promise.MUST else f"({c.pair.reader})" for c in same]
    writers = dict.fromkeys(one.pair.writer for one in same)
    return f"{name:18} {', '.join(writers)} → {', '.join(dict.fromkeys(readers))}"


def _subject_line(name: str) -> str:
    versions = registry.resolve(name).environment()
    shown = ", ".join(f"{package} {version}" for package, version in versions.items())
    return f"{name:18} {shown}"


def _path_text(path: SavePath) -> str:
    contract = path.contract
    promised = {
        promise: [str(f) for f, p in contract.facets.items() if p is promise] for promise in Promise
    }
    lines = [f"  {promise:7} {', '.join(facets)}" for promise, facets in promised.items() if facets]
    refused = [f"  refuses {kind}: {why}" for kind, why in contract.refuses.items()]
    return "\n".join(_headed(path, [*lines, *refused]))


def _headed(path: SavePath, lines: Sequence[str]) -> list[str]:
    return [path.name, f"  {path.contract.document}", *lines]
