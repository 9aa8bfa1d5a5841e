"""Jobs: the work of a run as plain data, which every worker process receives."""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec
from msgspec.structs import replace

from saveproof.conformance.campaigns.known_issues import KnownIssue, known_issues, packaged
from saveproof.conformance.campaigns.witnesses import applicable
from saveproof.conformance.checks import Check
from saveproof.conformance.families.description import described, exports
from saveproof.conformance.runs.header import header
from saveproof.conformance.runs.options import RunOptions, seconds
from saveproof.conformance.runs.parts import part
from saveproof.conformance.runs.requirements import policy
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec, WitnessSpec
from saveproof.reports.records import Header, SubjectInfo
from saveproof.strategies.catalogue.exports import Exports
from saveproof.strategies.selection import EVERY_STRATUM, Selection


class Job(msgspec.Struct, frozen=True):
    """The work of a run: header, campaigns, output folder, memory limit of a child in GiB.

    `end` is when the time limit of the run is up, by `time.monotonic`, which all processes share.
    `issues` are the known ones, and `witnesses` those that are replayed first. `exported` are the
    classes of each subject whose objects are tested.
    """

    header: Header
    sets: tuple[CampaignSet, ...]
    out: str
    memory: float
    issues: tuple[KnownIssue, ...] = ()
    witnesses: tuple[WitnessSpec, ...] = ()
    exported: dict[str, Exports] = {}

    @property
    def today(self) -> date:
        """The day on which the run started."""
        return date.fromisoformat(self.header.started.partition("T")[0])

    end: float | None = None

    @property
    def campaigns(self) -> list[CampaignSpec]:
        """The campaigns of all sets."""
        return [campaign for each in self.sets for campaign in each.campaigns]

    @property
    def timed(self) -> bool:
        """Whether campaigns have a time limit, and so perhaps fewer cases than asked for."""
        return self.end is not None or any(campaign.seconds for campaign in self.campaigns)


def job(
    options: RunOptions,
    out: Path,
    command: str,
    subjects: Iterable[SubjectInfo],
    checks: Iterable[Check],
    sets: Iterable[CampaignSet],
    selection: Selection = EVERY_STRATUM,
) -> Job:
    """Return the job of these sets with a new header; `out` is the folder of the run.

    Of objects, only those of the `selection` are tested.

    Raises:
        Unknown: a requirement names nothing that the run judges.
        NoSuchPart: the shard's number is above the number of shards.
        InvalidKnownIssue: a file of known issues can't be read.
    """
    every = tuple(sets)
    shard, chosen = part(every, options.shard)
    limit = None if options.max_time is None else seconds(options.max_time)
    head = replace(
        header(
            _narrowed(subjects, chosen) if shard else subjects,
            checks,
            command=command,
            seed=options.seed,
            examples=options.examples,
        ),
        policy=policy(options, every),
        shard=shard,
        max_time=limit,
    )
    end = None if limit is None else time.monotonic() + limit
    issues = known_issues(options.known, beside=packaged())
    witnesses = tuple(_witnesses(chosen, issues))
    exported = {
        each.owner: selection.of(exports(each.owner))
        for each in chosen
        if any(campaign.systematic for campaign in each.campaigns)
    }
    made = Job(head, chosen, str(out.absolute()), options.memory, issues, witnesses, exported, end)
    return replace(made, header=replace(head, examples=0)) if made.timed else made


def _narrowed(
    subjects: Iterable[SubjectInfo], sets: Sequence[CampaignSet]
) -> Iterator[SubjectInfo]:
    """Yield the subjects with only those save paths that the sets run."""
    run = {(campaign.subject, campaign.path) for each in sets for campaign in each.campaigns}
    for subject in subjects:
        paths = tuple(path for path in subject.paths if (subject.name, path.name) in run)
        if paths:
            yield replace(subject, paths=paths)


def _witnesses(sets: Sequence[CampaignSet], issues: Sequence[KnownIssue]) -> Iterator[WitnessSpec]:
    """Yield the witnesses of the issues that a campaign of the sets may find.

    A save path that the subject no longer has is among those of an issue.
    """
    campaigns: dict[str, list[tuple[str, CampaignSpec]]] = {}
    for one in (campaign for each in sets for campaign in each.campaigns):
        for subject, path in one.places or ((one.subject, one.path),):
            campaigns.setdefault(subject, []).append((path, one))
    for subject, tested in campaigns.items():
        if not any(issue.is_of(subject) for issue in issues):
            continue
        own = described(subject)
        there = {path.name for path in own.paths()}
        wanted = tuple(
            (issue.id, path)
            for issue in applicable(issues, subject, own.environment())
            for path in issue.paths
            if path not in there
            or any(path == at and issue.may_show(one.kind, one.checks) for at, one in tested)
        )
        if wanted:
            yield WitnessSpec(subject, wanted)
