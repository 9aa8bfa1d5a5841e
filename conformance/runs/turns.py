"""Turns: campaigns share the time of a run, a few cases each, until it is up."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from saveproof.conformance.campaigns.campaign import Campaign, exploring
from saveproof.conformance.campaigns.plan import Examiner
from saveproof.conformance.runs.work import CampaignSet

FIRST = 2
"""Cases of a first turn; each further turn has twice as many, so that processes change rarely."""

EXPLORING = 0.75
"""The part of the time in which cases are tried; shrinking has the rest."""


@dataclass(eq=False)
class Turn:
    """Campaigns that share cases, and their set."""

    of: CampaignSet
    campaigns: Sequence[Campaign]

    def examined_by(self, examiner: Examiner) -> None:
        """Ask this process from now on."""
        for campaign in self.campaigns:
            campaign.examiner = examiner


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

    waiting = {turn: exploring(turn.campaigns, examined) for turn in turns}
    for number in count():
        for turn in list(waiting):
            turn.examined_by(examiner_of(turn.of))
            if not _examine(waiting[turn], FIRST * 2**number, until):
                del waiting[turn]
            if number and time.monotonic() >= until:
                break
        if not waiting or time.monotonic() >= until:
            break
    _finish(turns, end, examiner_of, examined)


def _examine(exploring: Iterator[int], rounds: int, until: float) -> bool:
    """Examine so many rounds, at least one if the time is up; return whether there may be more."""
    for _ in range(rounds):
        if next(exploring, None) is None:
            return False
        if time.monotonic() >= until:
            break
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
            share = max(0.0, end - time.monotonic()) / to_come
            seconds = min(campaign.plan.shrink_seconds, share)
            campaign.plan = replace(campaign.plan, shrink_seconds=seconds)
            campaign.finish()
            examined()
            to_come -= 1
