"""The header of a run: what was run, where, and with which versions."""

from collections.abc import Iterable
from datetime import UTC, datetime

from conformance import environment
from conformance.checks import Check
from conformance.contract import Contract
from reports.records import CheckInfo, Header, PathInfo, SubjectInfo


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


def now() -> str:
    """Return the time as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def path_info(name: str, contract: Contract) -> PathInfo:
    """Return what a run says of a save path or format."""
    facets = {str(facet): str(promise) for facet, promise in contract.facets.items()}
    return PathInfo(name, contract.document, facets)
