"""Jobs: the work of a run as plain data, which every worker process receives."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from saveproof.conformance.campaigns.known_issues import (
    KnownIssue,
    Place,
    known_issues,
    packaged,
)
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.witnesses import applicable
from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.conformance.families.description import described
from saveproof.conformance.runs.header import header
from saveproof.conformance.runs.options import RunOptions
from saveproof.reports.records import Header, SubjectInfo
from saveproof.strategies.case import Kind
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
    places: tuple[Place, ...] = ()
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


class WitnessSpec(msgspec.Struct, frozen=True):
    """The witnesses that a run replays on one subject: known issues by id, each with a path."""

    subject: str
    wanted: tuple[tuple[str, str], ...]
    timeout: float

    @property
    def item(self) -> str:
        """The name of the pytest item; the node id ends with it."""
        return f"witnesses[{self.subject}]"


class Job(msgspec.Struct, frozen=True):
    """The work of a run: header, campaigns, output folder, memory limit of a child in GiB.

    `issues` are the known ones, and `witnesses` those that are replayed first.
    """

    header: Header
    sets: tuple[CampaignSet, ...]
    out: str
    memory: float
    issues: tuple[KnownIssue, ...] = ()
    witnesses: tuple[WitnessSpec, ...] = ()

    @property
    def today(self) -> date:
        """The day on which the run started."""
        return date.fromisoformat(self.header.started.partition("T")[0])

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
    """Return the job of these sets with a new header.

    Raises:
        InvalidKnownIssue: a file of known issues can't be read.
    """
    head = header(subjects, checks, command=command, seed=options.seed, examples=options.examples)
    issues = known_issues(options.known, beside=packaged())
    every = tuple(sets)
    witnesses = tuple(_witnesses(every, issues))
    made = Job(head, every, str(options.out.absolute()), options.memory, issues, witnesses)
    return replace(made, header=replace(head, examples=0)) if made.timed else made


def plans(campaigns: Sequence[CampaignSpec], issues: tuple[KnownIssue, ...]) -> Iterator[Plan]:
    """Yield the plan of each campaign in a set; their cases have hops if any campaign has."""
    hops = any(campaign.hops for campaign in campaigns)
    for one in campaigns:
        own: dict[str, Any] = asdict(one)
        own["checks"] = tuple(check for check in ALL_CHECKS if check.name in one.checks)
        yield Plan(cases=cases(kinds=(Kind(one.kind),), hops=hops), issues=issues, **own)


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
            yield WitnessSpec(subject, wanted, max(one.timeout for _, one in tested))
