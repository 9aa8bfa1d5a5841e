"""Campaigns and their sets as plain data, which every worker process receives."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from hypothesis.strategies import SearchStrategy
from msgspec.structs import asdict

from saveproof.conformance.campaigns.known_issues import KnownIssue, Place
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.strategies.capabilities import EVERYTHING, Capabilities
from saveproof.strategies.case import Case, Departure, Kind
from saveproof.strategies.cases import cases
from saveproof.strategies.catalogue import models, objects
from saveproof.strategies.catalogue.exports import Exports
from saveproof.strategies.extremes import extremes
from saveproof.strategies.strata import offered


class CampaignSpec(msgspec.Struct, frozen=True):
    """A campaign as plain data: the fields of its `Plan`, with checks by name.

    `systematic` is the number of cases that come before the generated ones.
    """

    subject: str
    path: str
    kind: str
    checks: tuple[str, ...]
    examples: int
    seed: int
    timeout: float
    seconds: float | None = None
    shrink_seconds: float = Plan.shrink_seconds
    places: tuple[Place, ...] = ()
    hops: bool = False
    capabilities: Capabilities = EVERYTHING
    systematic: int = 0
    departures: tuple[Departure, ...] = ()

    @property
    def cases(self) -> int:
        """The number of cases: systematic ones, then generated ones."""
        return self.systematic + self.examples

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


class WitnessSpec(msgspec.Struct, frozen=True):
    """The witnesses that a run replays on one subject: known issues by id, each with a path."""

    subject: str
    wanted: tuple[tuple[str, str], ...]

    @property
    def item(self) -> str:
        """The name of the pytest item; the node id ends with it."""
        return f"witnesses[{self.subject}]"


def plans(
    campaigns: Sequence[CampaignSpec],
    issues: tuple[KnownIssue, ...],
    exported: Mapping[str, Exports] = MappingProxyType({}),
) -> Iterator[Plan]:
    """Yield the plan of each campaign in a set; their cases have hops if any campaign has.

    `exported` are the classes of subjects whose objects are tested.
    """
    hops = any(campaign.hops for campaign in campaigns)
    for one in campaigns:
        own: dict[str, Any] = asdict(one)
        had, _ = own.pop("capabilities"), own.pop("systematic")
        own["checks"] = tuple(check for check in ALL_CHECKS if check.name in one.checks)
        classes = exported.get(one.subject, Exports()) if one.systematic else None
        yield Plan(
            cases=strategy(one.kind, hops=hops, capabilities=had, classes=classes),
            issues=issues,
            generates_hops=hops,
            extremes=() if one.kind == Kind.OBJECT else extremes(Kind(one.kind), had),
            systematic=() if classes is None else systematic(one.kind, classes),
            offered=offered(Kind(one.kind), had, hops=one.hops),
            **own,
        )


def systematic(kind: str, classes: Exports) -> tuple[Case, ...]:
    """Return the systematic cases of a kind: objects by themselves, or in the smallest models."""
    return tuple(objects.cases(classes) if kind == Kind.OBJECT else models.smallest(classes))


def strategy(
    kind: str, *, hops: bool, capabilities: Capabilities, classes: Exports | None = None
) -> SearchStrategy[Case]:
    """Return the strategy of a campaign's cases; of objects with `classes`."""
    if kind == Kind.OBJECT and classes is not None:
        return objects.drawn(classes)
    return cases(kinds=(Kind(kind),), hops=hops, capabilities=capabilities)
