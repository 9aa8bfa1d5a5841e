"""Jobs: the work of a run as plain data, which every worker process receives."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from hypothesis.strategies import SearchStrategy
from msgspec.structs import asdict, replace

from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.conformance.runs.header import header
from saveproof.conformance.runs.options import RunOptions
from saveproof.reports.records import Header, SubjectInfo
from saveproof.strategies.case import Case, Kind
from saveproof.strategies.cases import cases


class CampaignSpec(msgspec.Struct, frozen=True):
    """A campaign as plain data: the fields of its `Plan`, with checks by name."""

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
        """The campaign's name in progress messages."""
        return f"{self.subject} {self.path} {self.kind}"

    @property
    def item(self) -> str:
        """The name of the campaign's pytest item; the node id ends with it."""
        return f"campaign[{self.name}]"


class CampaignSet(msgspec.Struct, frozen=True):
    """Campaigns that one worker runs, since they share a child process.

    The child runs `procedure` for the subject `owner`. Campaigns that run `together` share their
    cases too, and differ only in their save paths.
    """

    procedure: str
    owner: str
    campaigns: tuple[CampaignSpec, ...]
    together: bool = False


class Job(msgspec.Struct, frozen=True):
    """The work of a run: header, campaigns, output folder, memory limit of a child in GiB."""

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
        """Whether campaigns have a time limit instead of a number of cases."""
        return any(campaign.seconds for campaign in self.campaigns)


def job(
    options: RunOptions,
    command: str,
    subjects: Iterable[SubjectInfo],
    checks: Iterable[Check],
    sets: Iterable[CampaignSet],
) -> Job:
    """Return the job of these sets with a new header."""
    head = header(subjects, checks, command=command, seed=options.seed, examples=options.examples)
    made = Job(head, tuple(sets), str(options.out.absolute()), options.memory)
    return replace(made, header=replace(head, examples=0)) if made.timed else made


def plans(campaigns: Sequence[CampaignSpec]) -> Iterator[Plan]:
    """Yield the plan of each campaign in a set; their cases have hops if any campaign has."""
    hops = any(campaign.hops for campaign in campaigns)
    for one in campaigns:
        own: dict[str, Any] = asdict(one)
        own["checks"] = tuple(check for check in ALL_CHECKS if check.name in one.checks)
        yield Plan(cases=strategy(one.kind, hops=hops), generates_hops=hops, **own)


def strategy(kind: str, *, hops: bool) -> SearchStrategy[Case]:
    """Return the strategy of a campaign's cases."""
    return cases(kinds=(Kind(kind),), hops=hops)
