"""Runs the campaigns of this process, one child at a time, and appends each result at once."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saveproof.conformance.campaigns.campaign import Campaign, run_together
from saveproof.conformance.campaigns.plan import Examiner
from saveproof.conformance.campaigns.process_failures import CARRIER
from saveproof.conformance.campaigns.progress import Progress
from saveproof.conformance.campaigns.witnesses import Replays
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.job import Job
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec, WitnessSpec, plans
from saveproof.reports import store
from saveproof.reports.records import Result, Witness, WitnessStatus


@dataclass
class LocalCampaigns:
    """The campaigns of a job that one process runs; `tell` prints a line of progress.

    With `here`, cases are examined by that instead of a child process.
    """

    job: Job
    tell: Callable[[str], None]
    here: Examiner | None = None
    _chosen: frozenset[str] = frozenset()
    _results: dict[CampaignSpec, tuple[Result, ...]] = field(default_factory=dict)
    _child: tuple[tuple[str, str], Child] | None = None
    _replays: Replays = field(default_factory=Replays)

    def choose(self, items: Iterable[str]) -> None:
        """Restrict the campaigns to those of the named items."""
        self._chosen = frozenset(items)

    def results(self, of: CampaignSet, wanted: CampaignSpec) -> tuple[Result, ...]:
        """Return a campaign's results; run it and those that share its cases if needed.

        Raises:
            NotWritten: a result can't be written.
        """
        if wanted not in self._results:
            together = [one for one in of.campaigns if one.item in self._chosen]
            self._run(of, together if of.together else [wanted])
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
        examiner = self.here or self._child_of(of.procedure, of.owner)
        issues = tuple(one for one in self.job.issues if not one.has_expired(self.job.today))
        running = [Campaign(p, examiner, self._keep, self._replays) for p in plans(specs, issues)]
        total = None if specs[0].seconds else specs[0].examples
        try:
            run_together(running, Progress(_described(specs), total, self.tell))
        finally:
            for campaign in running:
                self._keep(campaign.results())
        for spec, campaign in zip(specs, running, strict=True):
            self._results[spec] = campaign.results()

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

    def _append(self, line: Result | Witness) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        store.append(store.shard(Path(self.job.out), worker), line)


def summary(spec: CampaignSpec, results: Sequence[Result]) -> str:
    """Return one line on a finished campaign: cases by verdict, and findings not yet known."""
    said = next((r for r in results if r.check == CARRIER), results[0])
    unknown = Counter(r.verdict for r in results for finding in r.findings if not finding.known)
    words = [f"{cases} {verdict}" for verdict, cases in said.tally.items()]
    words += [f"{findings} found: {verdict}" for verdict, findings in unknown.items()]
    return f"{spec.name}: {', '.join(words)}"


def summary_of_witnesses(spec: WitnessSpec, seen: Sequence[Witness]) -> str:
    """Return one line on the witnesses of a subject: known issues by status."""
    counts = Counter(one.status for one in seen)
    words = (f"{counts[status]} {status}" for status in WitnessStatus if counts[status])
    return f"{spec.subject} known issues: {', '.join(words)}"


def _described(specs: Sequence[CampaignSpec]) -> str:
    first = specs[0]
    return f"{first.subject}, {first.kind} models through {', '.join(s.path for s in specs)}"
