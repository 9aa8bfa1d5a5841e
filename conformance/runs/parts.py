"""Parts of a run: the shard that one machine runs, and the share of one worker."""

import hashlib
from collections.abc import Sequence

import msgspec

from saveproof.conformance.runs.work import CampaignSet
from saveproof.reports.policy import Shard


class NoSuchPart(ValueError):
    """The number of a part is above the number of parts."""


def part(
    sets: Sequence[CampaignSet], wanted: str | None
) -> tuple[Shard | None, tuple[CampaignSet, ...]]:
    """Return the record of the wanted part and its sets; without one, None and all sets.

    Raises:
        NoSuchPart: `wanted` is 3/2, for example.
    """
    if wanted is None:
        return None, tuple(sets)
    number, of = map(int, wanted.split("/"))
    if number > of:
        raise NoSuchPart(f"shard: expected a part from 1/{of} to {of}/{of}, found {wanted}")
    plan = hashlib.sha256(msgspec.json.encode(sets)).hexdigest()[:16]
    return Shard((number,), of, plan), balanced(sets, of)[number - 1]


def balanced(sets: Sequence[CampaignSet], parts: int) -> list[tuple[CampaignSet, ...]]:
    """Return the sets in so many parts with nearly equal numbers of cases, the same each time.

    The largest sets come first, each into the part with the fewest cases so far; inside a part,
    sets keep their order.
    """
    positions: list[list[int]] = [[] for _ in range(parts)]
    cases = [0] * parts
    for at in sorted(range(len(sets)), key=lambda at: -_cases(sets[at])):
        fewest = cases.index(min(cases))
        positions[fewest].append(at)
        cases[fewest] += _cases(sets[at])
    return [tuple(sets[at] for at in sorted(chosen)) for chosen in positions]


def _cases(of: CampaignSet) -> int:
    return sum(campaign.examples for campaign in of.campaigns)
