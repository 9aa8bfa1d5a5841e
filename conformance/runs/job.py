"""Jobs: all that a run does, as plain data that any process can take part in."""

from collections.abc import Iterator

import msgspec

from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.reports.records import Header
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
    def timed(self) -> bool:
        """Whether campaigns run for a time, so that their end shows how many cases there were."""
        return any(campaign.seconds for each in self.sets for campaign in each.campaigns)


def plans(campaigns: tuple[CampaignSpec, ...]) -> Iterator[Plan]:
    """Yield the plan of each campaign of a set; where one takes hops, the cases have some."""
    hops = any(campaign.hops for campaign in campaigns)
    for one in campaigns:
        yield Plan(
            one.subject,
            one.path,
            one.kind,
            cases(kinds=(Kind(one.kind),), hops=hops),
            checks=tuple(check for check in ALL_CHECKS if check.name in one.checks),
            examples=one.examples,
            seconds=one.seconds,
            seed=one.seed,
            timeout=one.timeout,
            shrink_seconds=one.shrink_seconds,
            places=one.places,
            hops=one.hops,
        )
