"""Jobs: the work of a run as plain data, which every worker process receives."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from saveproof.conformance.checks import Check
from saveproof.conformance.runs.header import header
from saveproof.conformance.runs.options import RunOptions, seconds
from saveproof.conformance.runs.parts import part
from saveproof.conformance.runs.requirements import policy
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec
from saveproof.reports.records import Header, SubjectInfo


class Job(msgspec.Struct, frozen=True):
    """The work of a run: header, campaigns, output folder, memory limit of a child in GiB.

    `end` is when the time limit of the run is up, by `time.monotonic`, which all processes share.
    """

    header: Header
    sets: tuple[CampaignSet, ...]
    out: str
    memory: float
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
) -> Job:
    """Return the job of these sets with a new header; `out` is the folder of the run.

    Raises:
        Unknown: a requirement names nothing that the run judges.
        NoSuchPart: the shard's number is above the number of shards.
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
    made = Job(head, chosen, str(out.absolute()), options.memory, end)
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
