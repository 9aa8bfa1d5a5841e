"""Saves that spoil what comes after them: asked for in their order, and their defects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from msgspec.structs import replace as with_fields

from saveproof.conformance.campaigns.worker import Report, Reports
from saveproof.conformance.checks import Judgement, probes_for
from saveproof.conformance.checks.handling import CHANGES_NOTHING
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.model_state.contract import (
    RESUME_ONLY,
    STATE,
    STRUCTURE,
    TRAINING,
    Facet,
    Promise,
)
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Defect, DefectKind
from saveproof.reports.records import Verdict, worst

LOST_TOGETHER: Mapping[str, frozenset[Facet]] = {
    "structure": frozenset(STRUCTURE),
    "state": frozenset(STATE),
    "training": frozenset(TRAINING),
    "resume": frozenset(RESUME_ONLY),
}
"""Facets that one loss takes together; which of them shows depends on the case."""

DefectId = tuple[str, str]
"""The check and the key of a defect."""

Defects = Mapping[DefectId, Defect]

Ask = Callable[..., Reports]
"""Asks questions in their order, on one model of a case."""


def asked(ask: Ask, question: Question, defect: Defect) -> Report:
    """Return the report on the path alone; for a defect that needs an order, of that order.

    The second report holds only the defects that the path that suffers does not show alone.
    """
    if defect.kind is not DefectKind.SPOILED or not defect.origin:
        (report,) = ask(question)
        return report
    suffering = with_fields(
        question,
        path=defect.name,
        checks=frozenset({defect.check}),
        probes=question.probes.union(probes_for({defect.check})) - {Probe.TWIN},
    )
    if defect.origin.kind is DefectKind.ENDED:
        order = [save_only(with_fields(question, path=path)) for path in defect.order]
        return ask(*order)[defect.order.index(defect.spoiler)]
    return spoiling(ask, suffering, defect.order)


def spoiling(ask: Ask, suffering: Question, order: Sequence[str]) -> Report:
    """Return the report on the path that spoils: what the path that suffers shows in the order.

    It holds only the defects that the path that suffers does not show alone.
    """
    answers = ask(*(suffering if p == suffering.path else Question(p, frozenset()) for p in order))
    found = sighted(answers[order.index(suffering.path)])
    if found:
        (alone,) = ask(suffering)
        found = {at: found[at] for at in found if at not in sighted(alone)}
    spoils = [spoiled(tuple(order), suffering.path, at, one) for at, one in found.items()]
    passed = Report((Judgement(CHANGES_NOTHING, Promise.MUST, Verdict.PASS),))
    spoilers = {one.spoiler for one in spoils}
    asking = (Question(path, frozenset({CHANGES_NOTHING})) for path in spoilers)
    return next((with_spoils(passed, one, spoils) for one in asking), passed)


def with_spoils(report: Report, question: Question, spoils: Iterable[Defect]) -> Report:
    """Return the report with the defects that its path caused on other paths."""
    own = tuple(one for one in spoils if one.spoiler == question.path)
    if not own or CHANGES_NOTHING not in question.checks:
        return report
    before = next((j for j in report.judgements if j.check == CHANGES_NOTHING), None)
    before = before or Judgement(CHANGES_NOTHING, Promise.MUST, Verdict.FAIL)
    verdict = worst((before.verdict, Verdict.FAIL))
    after = replace(before, verdict=verdict, defects=(*before.defects, *own), reason="")
    others = (j for j in report.judgements if j.check != CHANGES_NOTHING)
    return replace(report, judgements=(*others, after))


def save_only(question: Question) -> Question:
    """Return the question by which a path only saves the model."""
    return Question(question.path, frozenset())


def spoiled(order: tuple[str, ...], suffers: str, at: DefectId, origin: Defect) -> Defect:
    """Return the defect of the path that spoils; `origin` is what the path shows that suffers."""
    return Defect(
        DefectKind.SPOILED,
        origin.difference,
        facet=lost_together(origin),
        name=suffers,
        probe=origin.probe,
        origin=origin,
        order=order,
        check=at[0],
    )


def lost_together(defect: Defect) -> str:
    """Return what is lost together with the state that the defect lost; empty without any."""
    lost = defect.lost_state.facet if defect.lost_state else ""
    return next((name for name, facets in LOST_TOGETHER.items() if lost in facets), lost)


def sighted(report: Report) -> dict[DefectId, Defect]:
    """Return the defects by check and key, those that did not show again among them."""
    return {
        (judgement.check, defect.key): defect
        for judgement in report.judgements
        for defect, _, _ in judgement.sightings
    }
