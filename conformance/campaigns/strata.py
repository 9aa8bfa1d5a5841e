"""Counts of strata: how many examples of each class, argument, event and feature were judged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from saveproof.conformance.checks import ALL_CHECKS, Judgement
from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.records import ENDS, Verdict
from saveproof.reports.strata import Exported, OfClass, Stratum
from saveproof.strategies.case import Case
from saveproof.strategies.catalogue.exports import Exports
from saveproof.strategies.catalogue.objects import class_left_out, reason_left_out
from saveproof.strategies.strata import strata_of

FAILED = frozenset({Verdict.FAIL, Verdict.GAP, *ENDS})
"""Verdicts of an example that failed, or lost what no document promises."""

SHOWS_ARGUMENTS = frozenset(
    check.name for check in ALL_CHECKS if {Facet.ARGUMENTS, Facet.BEHAVIOUR} & {*check.facets}
)
"""The checks that can show the loss of an object's argument."""

LONGEST = 150
"""Characters of a reason."""

REFUSES = "the save path refuses such a model"


@dataclass
class Count:
    """The examples of one stratum so far; the fields are those of `reports.strata.Stratum`."""

    judged: int = 0
    failed: int = 0
    vacuous: int = 0
    not_applicable: int = 0
    why: str = ""

    def add(self, one: "Count") -> None:
        """Add the examples of another count; the first reason stays."""
        self.judged += one.judged
        self.failed += one.failed
        self.vacuous += one.vacuous
        self.not_applicable += one.not_applicable
        self.why = self.why or one.why


@dataclass
class StrataCounts:
    """The counts by stratum; those `offered` are counted from the start."""

    offered: Sequence[str] = ()
    _counts: dict[str, Count] = field(init=False)

    def __post_init__(self) -> None:
        self._counts = {name: Count() for name in self.offered}

    def note(self, case: Case, judgements: Iterable[Judgement], unsupported: str) -> None:
        """Count an example; `unsupported` is why the subject could not build or train it."""
        one = counted(case, tuple(judgements), unsupported)
        for name in strata_of(case):
            self._counts.setdefault(name, Count()).add(one)

    def records(self) -> dict[str, Stratum]:
        """Return the figures by stratum, in alphabetical order."""
        return {name: Stratum(**vars(one)) for name, one in sorted(self._counts.items())}


def counted(case: Case, judgements: Sequence[Judgement], unsupported: str = "") -> Count:
    """Return the count of one example.

    It is judged if some check failed, or passed and could have failed; of an object, only checks
    of arguments and behaviour pass so. Not judged are unstable examples, and those that a save
    path refuses: nothing came back.
    """
    verdicts = {one.verdict for one in judgements}
    if FAILED & verdicts:
        return Count(judged=1, failed=1)
    if Verdict.REFUSED in verdicts:
        return Count(not_applicable=1, why=REFUSES)
    passed = [one for one in judgements if one.verdict is Verdict.PASS]
    if any(one.check in SHOWS_ARGUMENTS or not case.is_object for one in passed):
        return Count(judged=1)
    if Verdict.VACUOUS in verdicts and not unsupported:
        return Count(vacuous=1)
    reasons = (unsupported, *(one.reason for one in judgements))
    why = " ".join(next(filter(None, reasons), "no check was asked for").split())
    return Count(not_applicable=1, why=cut(why))


def exported(subject: str, exports: Exports) -> Exported:
    """Return the record of what a subject exports, with the reasons of what is left out."""
    classes = {
        one.qualified: OfClass(
            {a.name: cut(reason_left_out(one, a.name)) for a in one.arguments},
            cut(class_left_out(one)),
        )
        for one in exports
    }
    return Exported(subject, classes)


def cut(text: str) -> str:
    """Return the text with at most 150 characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
