"""Killing: what the checks find on a mutant that they do not find on the reference."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.mutants import Mutant
from saveproof.conformance.processes.endings import MEMORY
from saveproof.conformance.processes.isolation import Child
from saveproof.reports.records import ENDS, Result, Verdict
from saveproof.strategies.case import Kind
from saveproof.strategies.cases import cases

PROCESSES = 2

REFERENCE = "reference"

KILLS = frozenset({Verdict.FAIL, Verdict.GAP, *ENDS})

Ground = tuple[str, Kind, int]
"""A save path, a kind of model and a number of cases: where a mutant is hunted."""

Defects = frozenset[tuple[str, str]]
"""Names of checks, each with the key of a defect that it found."""


@dataclass(frozen=True)
class Kill:
    """Which checks killed a mutant, and how long the hunt took."""

    mutant: Mutant
    checks: tuple[str, ...]
    seconds: float

    @property
    def survived(self) -> tuple[str, ...]:
        """The checks that should have killed it, and did not."""
        return tuple(check for check in self.mutant.targets if check not in self.checks)


def kill(mutants: Sequence[Mutant], *, examples: int | None = None) -> Iterator[Kill]:
    """Hunt the mutants, two at a time, each on its own number of cases or on `examples`.

    Yields them as they come. What the reference shows on the same ground counts for nothing.
    """
    grounds = [(mutant.path, mutant.kind, examples or mutant.examples) for mutant in mutants]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        controls = {
            ground: pool.submit(found, REFERENCE, ground) for ground in dict.fromkeys(grounds)
        }
        hunts = {
            pool.submit(found, mutant.spec, ground, timeout=mutant.timeout): (mutant, ground)
            for mutant, ground in zip(mutants, grounds, strict=True)
        }
        for hunt in as_completed(hunts):
            mutant, ground = hunts[hunt]
            control, _ = controls[ground].result()
            defects, seconds = hunt.result()
            yield Kill(mutant, in_order({check for check, _ in defects - control}), seconds)


def found(subject: str, ground: Ground, *, timeout: float = 120.0) -> tuple[Defects, float]:
    """Return what a campaign finds, unreduced, and the seconds that it took."""
    path, kind, examples = ground
    plan = Plan(
        subject,
        path,
        str(kind),
        cases(kinds=(kind,)),
        examples=examples,
        timeout=timeout,
        shrink_seconds=0.0,
    )
    with Child(EXAMINE, memory=MEMORY) as child:
        results = Campaign(plan, child, lambda _: None).run()
    return frozenset(_defects(results)), max(result.seconds for result in results)


def _defects(results: Iterable[Result]) -> Iterator[tuple[str, str]]:
    for result in results:
        if KILLS.intersection(result.tally):
            yield from ((result.check, finding.defect.key) for finding in result.findings)


def in_order(checks: Iterable[str]) -> tuple[str, ...]:
    """Return the names in the order of `ALL_CHECKS`."""
    wanted = set(checks)
    return tuple(check.name for check in ALL_CHECKS if check.name in wanted)


def killers(kills: Iterable[Kill]) -> Mapping[str, tuple[str, ...]]:
    """Return by check the mutants that it had to kill and did."""
    killed: dict[str, list[str]] = {check.name: [] for check in ALL_CHECKS}
    for one in kills:
        for check in set(one.mutant.targets).intersection(one.checks):
            killed[check].append(one.mutant.name)
    return {check: tuple(sorted(names)) for check, names in killed.items()}
