"""Confirmation: a new defect is looked for again, alone or in its order, before it counts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Protocol

from msgspec.structs import replace as with_fields

from saveproof.conformance.campaigns.process_failures import END_VERDICTS
from saveproof.conformance.campaigns.spoiling import (
    DefectId,
    Defects,
    lost_together,
    save_only,
    sighted,
    spoiled,
    with_spoils,
)
from saveproof.conformance.campaigns.worker import Report, Reports
from saveproof.conformance.checks import (
    NEED_DETERMINISM,
    Judgement,
    Unrepeated,
    found_text,
)
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Defect, DefectKind
from saveproof.reports.records import Repetition, Verdict
from saveproof.strategies.case import Case

SEEN_ONCE = "the subject does not repeat itself: a defect was seen once, and not again"


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
                    self.question if index == self.at else save_only(self.questions[index])
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
        gone = {at: defect for at, defect in new.items() if at not in sighted(alone)}
        if not gone:
            return alone, ()
        tried = [(_alone(example.question.path), alone)]
        if not example.together:
            return _unrepeated(alone, seen, gone, tried, ()), ()
        spoils = list(self._known_spoils(example, gone))
        missing = {at: one for at, one in gone.items() if not self._known_order(example, one)}
        if missing:
            again = example.in_same_order()
            shown = {at for at in missing if _is_same(missing[at], sighted(again).get(at))}
            spoils += self._new_spoils(example, again, {at: missing[at] for at in shown})
            tried.append((_in_order(example.paths), again))
            rest = {at: missing[at] for at in missing if at not in shown}
            alone = _unrepeated(alone, seen, rest, tried, example.paths[: example.at])
        return alone, spoils

    def _known_order(self, example: _Example, defect: Defect) -> tuple[str, ...]:
        """Return the confirmed order that shows the defect, if the example has it; else nothing."""
        order = self._orders.get((example.question.path, lost_together(defect) or defect.key), ())
        return order if order and _contains(example.paths, order) else ()

    def _known_spoils(self, example: _Example, gone: Defects) -> Iterator[Defect]:
        """Yield one defect for each confirmed order in which the path has been spoilt before."""
        by_order: dict[tuple[str, ...], dict[DefectId, Defect]] = {}
        for at, defect in gone.items():
            if order := self._known_order(example, defect):
                by_order.setdefault(order, {})[at] = defect
        for order, defects in by_order.items():
            yield spoiled(order, example.question.path, *_root(defects))

    def _new_spoils(
        self, example: _Example, again: Report, shown: Mapping[DefectId, Defect]
    ) -> Iterator[Defect]:
        """Yield a defect for each shortest order that shows some of the path's defects."""
        left = dict(shown)
        while left:
            root, defect = _root(left)
            shortest, report = _shortest(example, again, root)
            found = sighted(report)
            yield spoiled(shortest.paths, example.question.path, root, found.get(root, defect))
            for at in [at for at in left if at in found or at == root]:
                one = left.pop(at)
                self._orders[example.question.path, lost_together(one) or one.key] = shortest.paths


def _shortest(example: _Example, again: Report, at: DefectId) -> tuple[_Example, Report]:
    """Return the shortest order that shows the defect; the example's own without a shorter one."""
    for shorter, examine in example.shorter_orders():
        report = examine()
        if at in sighted(report):
            return shorter, report
    return example, again


def _root(defects: Defects) -> tuple[DefectId, Defect]:
    """Return the defect that says most: lost state before its consequences."""
    state = {at: one for at, one in defects.items() if one.kind is DefectKind.STATE}
    return next(iter((state or defects).items()))


def _contains(paths: Sequence[str], order: Sequence[str]) -> bool:
    return tuple(path for path in paths if path in order) == tuple(order)


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
        defect = sighted(report).get(at)
        judged = next((j.verdict for j in report.judgements if j.check == at[0]), "not judged")
        yield Repetition(how, found_text(defect.difference) if defect else str(judged))
