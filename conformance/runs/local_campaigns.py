"""Runs the campaigns of this process, one child at a time, and appends each result at once."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saveproof.conformance.campaigns.campaign import Campaign, run_together
from saveproof.conformance.campaigns.plan import Examiner
from saveproof.conformance.campaigns.strata import exported
from saveproof.conformance.campaigns.witnesses import Replays
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.job import Job
from saveproof.conformance.runs.parts import balanced
from saveproof.conformance.runs.progress import Reporter
from saveproof.conformance.runs.turns import Turn, in_turns
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec, WitnessSpec, plans
from saveproof.reports import store
from saveproof.reports.lines import Line
from saveproof.reports.records import Result, Witness


@dataclass
class LocalCampaigns:
    """The campaigns of a job that one process runs, of as many as there are `workers`.

    With `here`, cases are examined by that instead of a child process.
    """

    job: Job
    workers: int = 1
    here: Examiner | None = None
    _chosen: frozenset[str] = frozenset()
    _results: dict[CampaignSpec, tuple[Result, ...]] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _child: tuple[tuple[str, str], Child] | None = None
    _replays: Replays = field(init=False)
    _reporter: Reporter = field(init=False)

    def __post_init__(self) -> None:
        limits = [one.timeout for one in self.job.campaigns]
        self._replays = Replays(max(limits, default=Replays.timeout))
        self._reporter = Reporter(Path(self.job.out), _worker())

    def choose(self, items: Iterable[str]) -> None:
        """Restrict the campaigns to those of the named items."""
        self._chosen = frozenset(items)

    def results(self, of: CampaignSet, wanted: CampaignSpec) -> tuple[Result, ...]:
        """Return a campaign's results; run it and those that share its cases if needed.

        With a time limit, all campaigns of the worker's part of the job run in turns.

        Raises:
            NotWritten: a result can't be written.
        """
        if wanted in self._results:
            return self._results[wanted]
        if self.job.end is not None:
            self._run_in_turns(self.job.end, share(self.job, of, self.workers))
        else:
            self._run(of, next(group for group in self._groups(of) if wanted in group))
        return self._results[wanted]

    def witnesses(self, spec: WitnessSpec) -> tuple[Witness, ...]:
        """Replay the witnesses of a subject, and return what they show.

        Raises:
            NotWritten: a result can't be written.
        """
        child = self._child_of(EXAMINE, spec.subject)
        issues = {issue.id: issue for issue in self.job.issues}
        seen = []
        for name, path in spec.wanted:
            one = self._replays.witness(
                child,
                spec.subject,
                path,
                issues[name],
                issues=self.job.issues,
                today=self.job.today,
            )
            self._append(one)
            seen.append(one)
        return tuple(seen)

    def close(self) -> None:
        """End the child process."""
        if self._child is not None:
            self._child[1].close()
        self._child = None

    def _run(self, of: CampaignSet, specs: Sequence[CampaignSpec]) -> None:
        running = self._campaigns(of, specs)
        try:
            run_together(running, self._reporter.examined)
        finally:
            self._end(specs, running)

    def _run_in_turns(self, end: float, sets: Iterable[CampaignSet]) -> None:
        """Run what is chosen of the sets, in turns."""
        begun: list[tuple[Sequence[CampaignSpec], Turn]] = []
        groups = [(one, specs) for one in sets for specs in self._groups(one)]
        for one, specs in groups:
            running = self._campaigns(one, specs)
            begun.append((specs, Turn(one, running)))
        try:
            in_turns([turn for _, turn in begun], end, self._examiner_of, self._reporter.examined)
        finally:
            for own, turn in begun:
                self._end(own, turn.campaigns)

    def _groups(self, of: CampaignSet) -> list[list[CampaignSpec]]:
        """Return the chosen campaigns of the set, those that share cases in one list."""
        chosen = [one for one in of.campaigns if one.item in self._chosen]
        return [chosen] if of.together and chosen else [[one] for one in chosen]

    def _campaigns(self, of: CampaignSet, specs: Sequence[CampaignSpec]) -> list[Campaign]:
        issues = tuple(one for one in self.job.issues if not one.has_expired(self.job.today))
        asked = self._examiner_of(of)
        running = [
            Campaign(p, asked, self._keep, self._replays)
            for p in plans(specs, issues, self.job.exported)
        ]
        self._reporter.add(running)
        return running

    def _end(self, specs: Sequence[CampaignSpec], running: Sequence[Campaign]) -> None:
        for spec, campaign in zip(specs, running, strict=True):
            self._results[spec] = campaign.results()
            self._keep(self._results[spec])
            self._append(campaign.strata())
            self._tell_exports(spec.subject)
        self._reporter.examined(last=True)

    def _tell_exports(self, subject: str) -> None:
        """Record what the subject exports, once, if objects of it are tested."""
        if subject in self.job.exported and subject not in self._told:
            self._told.add(subject)
            self._append(exported(subject, self.job.exported[subject]))

    def _examiner_of(self, of: CampaignSet) -> Examiner:
        return self.here or self._child_of(of.procedure, of.owner)

    def _child_of(self, procedure: str, owner: str) -> Child:
        """Return the child process of a set's owner; end that of an earlier one."""
        key = (procedure, owner)
        if self._child is None or self._child[0] != key:
            self.close()
            self._child = (key, Child(procedure, memory=self.job.memory))
        return self._child[1]

    def _keep(self, results: Sequence[Result]) -> None:
        for result in results:
            self._append(result)

    def _append(self, line: Line) -> None:
        store.append(store.shard(Path(self.job.out), _worker()), line)


def share(job: Job, of: CampaignSet, workers: int) -> tuple[CampaignSet, ...]:
    """Return the sets that one worker runs in turns, with this one among them."""
    return next(part for part in balanced(job.sets, workers) if of in part)


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")
