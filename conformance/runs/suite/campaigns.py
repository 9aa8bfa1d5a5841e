"""The suite's pytest nodes: an item for each campaign, under a node for each set."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from saveproof.conformance.runs.item_failures import failure
from saveproof.conformance.runs.session import RESULTS, Conformance
from saveproof.conformance.runs.work import CampaignSet, CampaignSpec, WitnessSpec
from saveproof.reports.gate import fails
from saveproof.reports.policy import Policy
from saveproof.reports.records import SHOWN_NOTHING, Result, WitnessStatus


class Suite(pytest.File):
    """The campaigns of the session's job."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield a node for each set, and one for a subject's witnesses before its first set.

        pytest-xdist keeps the items of a node on one worker.

        Raises:
            CollectError: this process has no job.
        """
        session = Conformance.of(self.config)
        if session is None:
            raise self.CollectError("the suite needs a subject: pass --saveproof-subject")
        job = session.job
        owners = {each.owner for each in job.sets}
        waiting = {one.subject: one for one in job.witnesses}
        for number, one in enumerate(one for one in job.witnesses if one.subject not in owners):
            yield WitnessNode.from_parent(self, name=f"w{number}", spec=one, session_=session)
        for number, each in enumerate(job.sets):
            if each.owner in waiting:
                spec, name = waiting.pop(each.owner), f"{number}w"
                yield WitnessNode.from_parent(self, name=name, spec=spec, session_=session)
            yield SetNode.from_parent(self, name=str(number), campaigns=each, session_=session)


class WitnessNode(pytest.Collector):
    """The witnesses of a subject."""

    def __init__(self, *, spec: WitnessSpec, session_: Conformance, **node: Any) -> None:
        super().__init__(**node)
        self.spec, self.session_ = spec, session_

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the one item."""
        yield WitnessItem.from_parent(self, name=self.spec.item)


class WitnessItem(pytest.Item):
    """The witnesses of a subject as a test: passes if each still shows its known issue."""

    parent: WitnessNode

    def runtest(self) -> None:
        """Replay the witnesses; fail with what is to be changed in the list of known issues."""
        at = self.parent
        seen = at.session_.witnesses(at.spec)
        self.user_properties.append((RESULTS, len(seen)))
        if wrong := [one.detail for one in seen if one.status is not WitnessStatus.STILL_FAILS]:
            pytest.fail("\n".join(wrong), pytrace=False)

    def reportinfo(self) -> tuple[Any, None, str]:
        """Return the file and the name that pytest reports for the item."""
        return self.path, None, self.name


class SetNode(pytest.Collector):
    """A set of campaigns."""

    def __init__(self, *, campaigns: CampaignSet, session_: Conformance, **node: Any) -> None:
        super().__init__(**node)
        self.campaigns, self.session_ = campaigns, session_

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item for each campaign."""
        for one in self.campaigns.campaigns:
            yield CampaignItem.from_parent(self, name=one.item, spec=one)


class CampaignItem(pytest.Item):
    """A campaign as a test: passes if every check holds on every case."""

    parent: SetNode

    def __init__(self, *, spec: CampaignSpec, **node: Any) -> None:
        super().__init__(**node)
        self.spec = spec

    def runtest(self) -> None:
        """Run the campaign unless it ran together with another; fail with its findings."""
        at = self.parent
        results = at.session_.results(at.campaigns, self.spec)
        self.user_properties.append((RESULTS, len(results)))
        job = at.session_.job
        outcome(results, job.out, job.header.policy)

    def reportinfo(self) -> tuple[Any, None, str]:
        """Return the file and the name that pytest reports for the item."""
        return self.path, None, self.name


def outcome(results: Sequence[Result], out: str, policy: Policy) -> None:
    """Fail an item with its findings, or skip it if no check could have failed."""
    failed = [failure(result, Path(out), policy) for result in results if fails(result, policy)]
    if failed:
        pytest.fail("\n\n".join(failed), pytrace=False)
    if all(result.verdict in SHOWN_NOTHING for result in results):
        verdicts = ", ".join(sorted({result.verdict for result in results}))
        pytest.skip(f"no check could have failed: {verdicts} on every case")
