"""Confirmation: a new defect is looked for again, alone or in its order, before it counts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Protocol

from msgspec.structs import replace as with_fields

from saveproof.conformance.campaigns.process_failures import END_VERDICTS
from saveproof.conformance.campaigns.worker import Report, Reports
from saveproof.conformance.checks import (
    ALL_CHECKS,
    NEED_DETERMINISM,
    Judgement,
    Unrepeated,
    found_text,
)
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
from saveproof.reports.records import Repetition, Verdict, worst
from saveproof.strategies.case import Case

SEEN_ONCE = "the subject does not repeat itself: a defect was seen once, and not again"

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


class Asking(Protocol):
    """What confirmation needs of a campaign."""

    def ask_again(self, case: Case, *questions: Question) -> Reports:
        """Return the report on the case on each path, in the order of the questions."""

    def new_defects(self, report: Report) -> Defects:
        """Return the defects that are not known, and new with so severe a verdict."""


@dataclass(frozen=True)
class _Example:
    """A path's part of an example: the questions in the order of the saves, and its place there."""

    case: Case
    questions: tuple[Question, ...]
    at: int
    campaign: Asking

    @property
    def question(self) -> Question:
        return self.questions[self.at]

    @property
    def together(self) -> bool:
        return len(self.questions) > 1

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(question.path for question in self.questions)

    def alone(self) -> Report:
        """Return the report on the path alone, with a twin if its training differs."""
        question = with_fields(self.question, probes=self.question.probes | {Probe.TWIN})
        (report,) = self.campaign.ask_again(self.case, question)
        return report

    def in_same_order(self) -> Report:
        """Return the report of the same questions."""
        return self.campaign.ask_again(self.case, *self.questions)[self.at]

    def shorter_orders(self) -> Iterator[tuple["_Example", Callable[[], Report]]]:
        """Yield each shorter order with its report, the shortest and the earliest savers first."""
        others = [index for index in range(len(self.questions)) if index != self.at]
        for size in range(1, len(others)):
            for chosen in combinations(others, size):
                order = sorted((*chosen, self.at))
                questions = tuple(
                    self.question if index == self.at else _save_only(self.questions[index])
                    for index in order
                )
                shorter = replace(self, questions=questions, at=order.index(self.at))
                yield shorter, shorter.in_same_order


@dataclass
class Confirmation:
    """Confirms the new defects of campaigns side by side.

    A new defect that a path shows alone counts. One that shows only in the order in which several
    paths saved the model counts for the path that spoils the model. One that shows in neither is
    unstable. `_orders` has the shortest order by the path that suffers and what it loses.
    """

    _orders: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def confirmed(
        self,
        case: Case,
        campaigns: Sequence[Asking],
        questions: Sequence[Question],
        seen: Reports,
    ) -> Reports:
        """Return the report of each campaign, with the defects that count for it."""
        reports: list[Report] = []
        spoils: list[Defect] = []
        for at, (campaign, report) in enumerate(zip(campaigns, seen, strict=True)):
            example = _Example(case, tuple(questions), at, campaign)
            own, caused = self._settled(example, report)
            reports.append(own)
            spoils += caused
        return tuple(
            with_spoils(report, question, spoils)
            for report, question in zip(reports, questions, strict=True)
        )

    def _settled(self, example: _Example, seen: Report) -> tuple[Report, Sequence[Defect]]:
        """Return the path's own report, and the defects of paths that spoil it."""
        new = example.campaign.new_defects(seen)
        doubted = any(check in NEED_DETERMINISM for check, _ in new)
        is_twinned = Probe.TWIN in example.question.probes
        if not new or not (example.together or (doubted and not is_twinned)):
            return seen, ()
        alone = example.alone()
        if alone.unsupported or any(j.verdict in END_VERDICTS.values() for j in alone.judgements):
            return alone, ()
        gone = {at: defect for at, defect in new.items() if at not in _sighted(alone)}
        if not gone:
            return alone, ()
        tried = [(_alone(example.question.path), alone)]
        if not example.together:
            return _unrepeated(alone, seen, gone, tried, ()), ()
        spoils = list(self._known_spoils(example, gone))
        missing = {at: one for at, one in gone.items() if not self._known_order(example, one)}
        if missing:
            again = example.in_same_order()
            shown = {at for at in missing if _is_same(missing[at], _sighted(again).get(at))}
            spoils += self._new_spoils(example, again, {at: missing[at] for at in shown})
            tried.append((_in_order(example.paths), again))
            rest = {at: missing[at] for at in missing if at not in shown}
            alone = _unrepeated(alone, seen, rest, tried, example.paths[: example.at])
        return alone, spoils

    def _known_order(self, example: _Example, defect: Defect) -> tuple[str, ...]:
        """Return the confirmed order that shows the defect, if the example has it; else nothing."""
        order = self._orders.get((example.question.path, _lost(defect) or defect.key), ())
        return order if order and _contains(example.paths, order) else ()

    def _known_spoils(self, example: _Example, gone: Defects) -> Iterator[Defect]:
        """Yield one defect for each confirmed order in which the path has been spoilt before."""
        by_order: dict[tuple[str, ...], dict[DefectId, Defect]] = {}
        for at, defect in gone.items():
            if order := self._known_order(example, defect):
                by_order.setdefault(order, {})[at] = defect
        for order, defects in by_order.items():
            yield _spoiled(order, example.question.path, *_root(defects))

    def _new_spoils(
        self, example: _Example, again: Report, shown: Mapping[DefectId, Defect]
    ) -> Iterator[Defect]:
        """Yield a defect for each shortest order that shows some of the path's defects."""
        left = dict(shown)
        while left:
            root, defect = _root(left)
            shortest, report = _shortest(example, again, root)
            found = _sighted(report)
            yield _spoiled(shortest.paths, example.question.path, root, found.get(root, defect))
            for at in [at for at in left if at in found or at == root]:
                one = left.pop(at)
                self._orders[example.question.path, _lost(one) or one.key] = shortest.paths


def asked(ask: Ask, question: Question, defect: Defect) -> Report:
    """Return the report on the path alone; for a defect that needs an order, of that order.

    The second report holds only the defects that the path that suffers does not show alone.
    """
    if defect.kind is not DefectKind.SPOILED or not defect.origin:
        (report,) = ask(question)
        return report
    own = {check.probe for check in ALL_CHECKS if check.name == defect.check and check.probe}
    suffering = with_fields(
        question,
        path=defect.name,
        checks=frozenset({defect.check}),
        probes=question.probes.union(own) - {Probe.TWIN},
    )
    if defect.origin.kind is DefectKind.ENDED:
        order = [_save_only(with_fields(question, path=path)) for path in defect.order]
        return ask(*order)[defect.order.index(defect.spoiler)]
    return spoiling(ask, suffering, defect.order)


def spoiling(ask: Ask, suffering: Question, order: Sequence[str]) -> Report:
    """Return the report on the path that spoils: what the path that suffers shows in the order.

    It holds only the defects that the path that suffers does not show alone.
    """
    answers = ask(*(suffering if p == suffering.path else Question(p, frozenset()) for p in order))
    found = _sighted(answers[order.index(suffering.path)])
    if found:
        (alone,) = ask(suffering)
        found = {at: found[at] for at in found if at not in _sighted(alone)}
    spoils = [_spoiled(tuple(order), suffering.path, at, one) for at, one in found.items()]
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


def _shortest(example: _Example, again: Report, at: DefectId) -> tuple[_Example, Report]:
    """Return the shortest order that shows the defect; the example's own without a shorter one."""
    for shorter, examine in example.shorter_orders():
        report = examine()
        if at in _sighted(report):
            return shorter, report
    return example, again


def _save_only(question: Question) -> Question:
    return Question(question.path, frozenset())


def _spoiled(order: tuple[str, ...], suffers: str, at: DefectId, origin: Defect) -> Defect:
    """Return the defect of the path that spoils; `origin` is what the path shows that suffers."""
    return Defect(
        DefectKind.SPOILED,
        origin.difference,
        facet=_lost(origin),
        name=suffers,
        probe=origin.probe,
        origin=origin,
        order=order,
        check=at[0],
    )


def _lost(defect: Defect) -> str:
    """Return what is lost together with the state that the defect lost; empty without any."""
    lost = defect.lost_state.facet if defect.lost_state else ""
    return next((name for name, facets in LOST_TOGETHER.items() if lost in facets), lost)


def _root(defects: Defects) -> tuple[DefectId, Defect]:
    """Return the defect that says most: lost state before its consequences."""
    state = {at: one for at, one in defects.items() if one.kind is DefectKind.STATE}
    return next(iter((state or defects).items()))


def _contains(paths: Sequence[str], order: Sequence[str]) -> bool:
    return tuple(path for path in paths if path in order) == tuple(order)


def _sighted(report: Report) -> dict[DefectId, Defect]:
    """Return the defects by check and key, those that did not show again among them."""
    return {
        (judgement.check, defect.key): defect
        for judgement in report.judgements
        for defect, _, _ in judgement.sightings
    }


def _is_same(seen: Defect, again: Defect | None) -> bool:
    """Return whether the defect shows again, and as large: other numbers are another result."""
    return again is not None and again.difference.distance == seen.difference.distance


def _alone(path: str) -> str:
    return f"{path} alone, with a new model"


def _in_order(paths: Sequence[str]) -> str:
    return f"{', then '.join(paths)}, with a new model"


def _unrepeated(
    alone: Report,
    seen: Report,
    gone: Defects,
    tried: Sequence[tuple[str, Report]],
    after: tuple[str, ...],
) -> Report:
    """Return the report with the evidence of defects that did not show again."""
    first = {judgement.check: judgement for judgement in seen.judgements}
    for check in dict.fromkeys(check for check, _ in gone):
        evidence = tuple(
            Unrepeated(one, tuple(_repetitions(tried, at)), after)
            for at, one in gone.items()
            if at[0] == check
        )
        alone = _with_evidence(alone, first[check], evidence)
    return alone


def _with_evidence(alone: Report, seen: Judgement, evidence: tuple[Unrepeated, ...]) -> Report:
    own = next((j for j in alone.judgements if j.check == seen.check), None)
    own = own or Judgement(seen.check, seen.promise, Verdict.PASS)
    noted = replace(own, unrepeated=(*own.unrepeated, *evidence))
    if not own.defects:
        noted = replace(noted, verdict=Verdict.UNSTABLE, reason=own.reason or SEEN_ONCE)
    others = (j for j in alone.judgements if j.check != seen.check)
    return replace(alone, judgements=(*others, noted))


def _repetitions(tried: Sequence[tuple[str, Report]], at: DefectId) -> Iterator[Repetition]:
    for how, report in tried:
        defect = _sighted(report).get(at)
        judged = next((j.verdict for j in report.judgements if j.check == at[0]), "not judged")
        yield Repetition(how, found_text(defect.difference) if defect else str(judged))
