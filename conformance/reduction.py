"""Reduction: goes on shrinking the case of a finding that a run has recorded."""

from collections.abc import Sequence
from pathlib import Path

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.shrinking import Shown, Sighting
from saveproof.conformance.interchange.exchange import procedure_of
from saveproof.conformance.interchange.selection import capabilities_of
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.replay import At, built_in, case_of, found
from saveproof.conformance.runs.options import Limits
from saveproof.conformance.runs.work import strategy
from saveproof.reports.files import write
from saveproof.reports.records import Finding, Result
from saveproof.strategies.case import Kind, to_json
from saveproof.strategies.drawing import drawing
from saveproof.strategies.extremes import extremes


class NotDrawn(LookupError):
    """The run did not record what generates the case again."""


def reduce_reference(
    reference: str,
    runs: Sequence[Path],
    at: At,
    limits: Limits,
    *,
    seconds: float,
    out: Path | None = None,
) -> str:
    """Shrink the case of a finding further; return it as text, and write it to `out` if given.

    Raises:
        NoSuchCase, RunError, InvalidCase: see `replay.found` and `replay.case_of`.
        NotBuiltIn: it was found on a subject that is not built in, and `at` names no subject.
        NotDrawn: the run did not record what generates the case again.
        NothingGenerated: the case can't be generated again, or does not show the finding any more.
        NotWritten: the file can't be written.
    """
    result, finding = found(reference, runs, at)
    subject = at.subject or built_in(result.subject, reference)
    sighting = shrunk(result, finding, subject, limits, seconds)
    case = to_json(sighting.smallest.case)
    if out is not None:
        write(out, case + b"\n")
    return "\n".join(_lines(finding, sighting, str(out) if out else case.decode()))


def shrunk(
    result: Result, finding: Finding, subject: str, limits: Limits, seconds: float
) -> Sighting:
    """Return the finding with the smallest case that so many seconds give.

    Raises:
        NotDrawn, NothingGenerated, InvalidCase: see `reduce_reference`.
    """
    draw = finding.draw
    if draw is None:
        raise NotDrawn(
            f"case {finding.case_id}: expected the choices that generate it, found none in the "
            "run; repeat the run with this version of saveproof"
        )
    has = capabilities_of(subject)
    cases = strategy(result.kind, hops=draw.hops, capabilities=has)
    plan = Plan(
        *(subject, result.path, result.kind, cases),
        timeout=limits.timeout,
        hops=draw.own_hops,
        generates_hops=draw.hops,
        extremes=extremes(Kind(result.kind), has),
    )
    verdict = finding.verdict or result.verdict
    shown = Shown(case_of(finding), finding.defect, verdict, draw.choices, extreme=draw.extreme)
    sighting = Sighting(shown, finding.examples)
    with Child(procedure_of(subject), memory=limits.memory) as child:
        campaign = Campaign(plan, child, lambda _: None)
        campaign.shrink((result.check, finding.defect.key), sighting, seconds)
    return sighting


def _lines(finding: Finding, sighting: Sighting, place: str) -> Sequence[str]:
    """Return the smaller case, whether it is the smallest, and where it is."""
    case = sighting.smallest.case
    smaller = "is not smaller" if case.id == finding.case_id else f"is smaller: now case {case.id}"
    ended = (
        "shrinking ended: no smaller case was found that shows it"
        if sighting.shrunk
        else "the time was up: a smaller case may show it; pass more --seconds"
    )
    return (
        sighting.smallest.defect.title,
        "",
        drawing(case),
        "",
        f"The case {smaller}.",
        ended,
        place,
    )
