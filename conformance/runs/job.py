"""Jobs: all that a run does, as plain data that any process can take part in."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.conformance.runs.header import header
from saveproof.conformance.runs.options import RunOptions
from saveproof.reports.records import Header, SubjectInfo
from saveproof.strategies.case import Kind
from saveproof.strategies.cases import cases


class CampaignSpec(msgspec.Struct, frozen=True):
    """A campaign: what `Plan` says of it, checks by their names."""

    subject: str
    path: str
    kind: str
    checks: tuple[str, ...]
    examples: int
    seed: int
    timeout: float
    seconds: float | None = None
    shrink_seconds: float = Plan.shrink_seconds
    places: tuple[tuple[str, str], ...] = ()
    hops: bool = False

    @property
    def name(self) -> str:
        """What a line of progress calls the campaign."""
        return f"{self.subject} {self.path} {self.kind}"

    @property
    def item(self) -> str:
        """The name of the campaign's item, with which the item's id ends."""
        return f"campaign[{self.name}]"


class CampaignSet(msgspec.Struct, frozen=True):
    """Campaigns that stay in one worker, since they share a child process.

    `procedure` serves in it, and `owner` is the subject that it belongs to. Campaigns `together`
    share cases too: they differ in their save paths alone.
    """

    procedure: str
    owner: str
    campaigns: tuple[CampaignSpec, ...]
    together: bool = False


class Job(msgspec.Struct, frozen=True):
    """A run: its header, its campaigns, the folder for its file, GiB for a child process."""

    header: Header
    sets: tuple[CampaignSet, ...]
    out: str
    memory: float

    @property
    def campaigns(self) -> list[CampaignSpec]:
        """The campaigns of all sets."""
        return [campaign for each in self.sets for campaign in each.campaigns]

    @property
    def timed(self) -> bool:
        """Whether campaigns run for a time, so that their end shows how many cases there were."""
        return any(campaign.seconds for campaign in self.campaigns)


def job(
    options: RunOptions,
    command: str,
    subjects: Iterable[SubjectInfo],
    checks: Iterable[Check],
    sets: Iterable[CampaignSet],
) -> Job:
    """Return the job of the sets, where and as the options have it."""
    head = header(subjects, checks, command=command, seed=options.seed, examples=options.examples)
    made = Job(head, tuple(sets), str(options.out.absolute()), options.memory)
    return replace(made, header=replace(head, examples=0)) if made.timed else made


def plans(campaigns: Sequence[CampaignSpec]) -> Iterator[Plan]:
    """Yield the plan of each campaign of a set; where one takes hops, the cases have some."""
    hops = any(campaign.hops for campaign in campaigns)
    for one in campaigns:
        own: dict[str, Any] = asdict(one)
        own["checks"] = tuple(check for check in ALL_CHECKS if check.name in one.checks)
        yield Plan(cases=cases(kinds=(Kind(one.kind),), hops=hops), **own)
