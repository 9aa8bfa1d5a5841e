"""The header of a run: its command, machine, versions, subjects and checks."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from saveproof.conformance.checks import Check
from saveproof.conformance.families import environment
from saveproof.conformance.model_state.contract import Contract
from saveproof.reports.records import CheckInfo, Header, PathInfo, SubjectInfo
from saveproof.reports.store import Run


def header(
    subjects: Iterable[SubjectInfo],
    checks: Iterable[Check],
    *,
    command: str,
    seed: int,
    examples: int,
) -> Header:
    """Return the header of a run that starts now."""
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


def with_example_count(run: Run) -> Header:
    """Return the header of a timed run with the smallest number of cases of any path and kind.

    A run with a time limit knows its number of cases only at its end.
    """
    return replace(run.header, examples=min(run.examined.values(), default=0))


def now() -> str:
    """Return the current time in the form that records use."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def path_info(name: str, contract: Contract) -> PathInfo:
    """Return the record of a save path or format."""
    facets = {str(facet): str(promise) for facet, promise in contract.facets.items()}
    return PathInfo(name, contract.document, facets)
