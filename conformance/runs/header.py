"""The header of a run: what was run, where, and with which versions."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from saveproof.conformance.checks import Check
from saveproof.conformance.families import environment
from saveproof.conformance.model_state.contract import Contract
from saveproof.reports.records import CheckInfo, Header, PathInfo, Result, SubjectInfo


def header(
    subjects: Iterable[SubjectInfo],
    checks: Iterable[Check],
    *,
    command: str,
    seed: int,
    examples: int,
) -> Header:
    """Return the header of a run that begins now."""
    return Header(
        run=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{seed}",
        started=now(),
        saveproof=environment.version("saveproof"),
        command=command,
        seed=seed,
        examples=examples,
        environment=dict(environment.described()),
        subjects=tuple(subjects),
        checks=tuple(CheckInfo(c.name, c.statement, tuple(c.facets)) for c in checks),
    )


def counted(header: Header, results: Iterable[Result]) -> Header:
    """Return the header with the fewest cases that a save path and kind of model came to.

    How many a run comes to that has so many seconds is known at its end.
    """
    cases: dict[tuple[str, str, str], int] = {}
    for result in results:
        examined = sum(result.tally.values())
        cases[result.group] = max(cases.get(result.group, 0), examined)
    return replace(header, examples=min(cases.values(), default=0))


def now() -> str:
    """Return the time as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def path_info(name: str, contract: Contract) -> PathInfo:
    """Return what a run says of a save path or format."""
    facets = {str(facet): str(promise) for facet, promise in contract.facets.items()}
    return PathInfo(name, contract.document, facets)
