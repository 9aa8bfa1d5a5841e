"""Turns: campaigns share the time of a run, a few cases each, until it is up."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from saveproof.conformance.campaigns.campaign import Campaign, exploring
from saveproof.conformance.campaigns.plan import SIZE_OF_A_TIMED_BATCH, Examiner
from saveproof.conformance.runs.work import CampaignSet

FIRST = 2
"""Cases of a first turn; each further turn has twice as many, so that processes change rarely."""

EXPLORING = 0.75
"""The part of the time in which cases are tried; shrinking has the rest."""

GAPS = 0.25
"""A campaign shrinks gaps for this part of its time for shrinking, after the failures."""


@dataclass(eq=False)
class Turn:
    """Campaigns that share cases, and their set."""

    of: CampaignSet
    campaigns: Sequence[Campaign]

    def examined_by(self, examiner: Examiner) -> None:
        """Ask this process from now on."""
        for campaign in self.campaigns:
            campaign.examiner = examiner


class _TimeIsUp(BaseException):
    """The time for cases is up; no `Exception`, which Hypothesis would take for a finding."""


def in_turns(
    turns: Sequence[Turn],
    end: float,
    examiner_of: Callable[[CampaignSet], Examiner],
    examined: Callable[[], None],
) -> None:
    """Run the campaigns until all cases are tried or the time is up, which is at `end`.

    Each gets its first case, even if the time is up before. `examined` is called after each case.
    """
    now = time.monotonic()
    until = now + EXPLORING * (end - now)

    def examined_in_time() -> None:
        examined()
        if time.monotonic() >= until:
            raise _TimeIsUp

    waiting = {
        turn: exploring(turn.campaigns, examined_in_time, most=SIZE_OF_A_TIMED_BATCH)
        for turn in turns
    }
    for number in count():
        for turn in list(waiting):
            turn.examined_by(examiner_of(turn.of))
            if not _examine(waiting[turn], FIRST * 2**number):
                del waiting[turn]
            if number and time.monotonic() >= until:
                break
        if not waiting or time.monotonic() >= until:
            break
    _finish(turns, end, examiner_of, examined)


def _examine(exploring: Iterator[int], cases: int) -> bool:
    """Examine so many cases, fewer if the time is up; return whether there may be more."""
    try:
        while cases > 0:
            examined = next(exploring, None)
            if examined is None:
                return False
            cases -= examined
    except _TimeIsUp:
        return False
    return True


def _finish(
    turns: Sequence[Turn],
    end: float,
    examiner_of: Callable[[CampaignSet], Examiner],
    examined: Callable[[], None],
) -> None:
    """Shrink the defects of each campaign in an equal share of the remaining time."""
    to_come = sum(len(turn.campaigns) for turn in turns)
    for turn in turns:
        turn.examined_by(examiner_of(turn.of))
        for campaign in turn.campaigns:
            share = max(0.0, end - time.monotonic()) / to_come / (1 + GAPS)
            seconds = min(campaign.plan.shrink_seconds, share)
            campaign.plan = replace(campaign.plan, shrink_seconds=seconds)
            campaign.finish()
            examined()
            to_come -= 1
