"""Runs the checks on mutants and on the reference, and compares the findings."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.execution.runner import path_of
from saveproof.conformance.families.description import described, exports
from saveproof.conformance.mutants import Mutant
from saveproof.conformance.runs import runner
from saveproof.conformance.runs.job import Job, job
from saveproof.conformance.runs.options import DEFAULTS
from saveproof.conformance.runs.preflight import info
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec, systematic
from saveproof.reports.records import ENDS, Result, Verdict
from saveproof.reports.store import Run, read
from saveproof.strategies.case import Departure, Kind

WORKERS = "2"

REFERENCE = "reference"

KILLS = frozenset({Verdict.FAIL, Verdict.GAP, *ENDS})

Ground = tuple[str, str]
"""A save path and a kind of model on which a mutant is run."""


class NotFinished(RuntimeError):
    """The run on the mutants did not finish, for example because it was interrupted."""


@dataclass(frozen=True)
class Kill:
    """A mutant and the checks that killed it."""

    mutant: Mutant
    checks: tuple[str, ...]

    @property
    def survived(self) -> tuple[str, ...]:
        """The checks that must kill the mutant and did not."""
        return tuple(check for check in self.mutant.targets if check not in self.checks)


def kill(mutants: Sequence[Mutant], *, examples: int | None = None) -> list[Kill]:
    """Run the checks on each mutant, with its own number of cases or with `examples`.

    A finding that the reference has on the same save path and kind of model kills no mutant.

    Raises:
        NotFinished: the run was interrupted or lacks results.
    """
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        runner.run(mutants_job(mutants, Path(folder), examples), WORKERS, "-p", "no:terminal")
        run = read(Path(folder))
    if not run.complete:
        raise NotFinished("the run on the mutants did not finish")
    return list(_kills(mutants, run))


def mutants_job(mutants: Sequence[Mutant], out: Path, examples: int | None = None) -> Job:
    """Return the job: the reference on each path and kind with as many cases, then each mutant."""
    own = [campaigns(mutant, examples) for mutant in mutants]
    every = [campaign for several in own for campaign in several]
    smallest_first = sorted(every, key=lambda one: one.examples)
    controls = {
        _ground(c): replace(c, subject=REFERENCE, timeout=DEFAULTS.timeout) for c in smallest_first
    }
    reference = info(described(REFERENCE))
    infos = (
        replace(reference, name=name)
        for name in (REFERENCE, *(several[0].subject for several in own))
    )
    alone = ((control,) for control in controls.values())
    sets = (CampaignSet(EXAMINE, several[0].subject, several) for several in (*alone, *own))
    return job(DEFAULTS, out, runner.command(), infos, ALL_CHECKS, sets)


def campaigns(mutant: Mutant, examples: int | None = None) -> tuple[CampaignSpec, ...]:
    """Return the mutant's campaigns, with its own number of cases or with `examples`."""
    return tuple(
        CampaignSpec(
            mutant.spec,
            path,
            str(mutant.kind),
            tuple(check.name for check in ALL_CHECKS),
            examples or mutant.examples,
            DEFAULTS.seed,
            mutant.timeout,
            shrink_seconds=0.0,
            capabilities=described(REFERENCE).capabilities,
            departures=departures_of(path),
            systematic=_systematic(mutant.kind),
        )
        for path in mutant.paths
    )


def _systematic(kind: Kind) -> int:
    return len(systematic(kind, exports(REFERENCE))) if kind is Kind.OBJECT else 0


def departures_of(path: str) -> tuple[Departure, ...]:
    """Return the departures of the code that loads through a path of the reference."""
    return tuple(path_of(described(REFERENCE), path).contract.other_code)


def _ground(of: CampaignSpec | Result) -> Ground:
    return of.path, of.kind


def _kills(mutants: Sequence[Mutant], run: Run) -> Iterator[Kill]:
    controls = set(_defects(run, REFERENCE))
    for mutant in mutants:
        own = set(_defects(run, mutant.spec)) - controls
        yield Kill(mutant, in_order(check for _, check, _ in own))


def _defects(run: Run, subject: str) -> Iterator[tuple[Ground, str, str]]:
    """Yield the path and kind, the check and the key of each defect of the subject."""
    for result in run.results:
        if result.subject == subject and KILLS.intersection(result.tally):
            yield from ((_ground(result), result.check, f.defect.key) for f in result.findings)


def in_order(checks: Iterable[str]) -> tuple[str, ...]:
    """Return the names in the order of `ALL_CHECKS`."""
    wanted = set(checks)
    return tuple(check.name for check in ALL_CHECKS if check.name in wanted)


def killers(kills: Iterable[Kill]) -> Mapping[str, tuple[str, ...]]:
    """Return, by check, the mutants that the check must kill and did kill."""
    killed: dict[str, list[str]] = {check.name: [] for check in ALL_CHECKS}
    for one in kills:
        for check in set(one.mutant.targets).intersection(one.checks):
            killed[check].append(one.mutant.name)
    return {check: tuple(sorted(names)) for check, names in killed.items()}
