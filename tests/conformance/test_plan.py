"""Which save paths share a model, and in which order."""

from collections import Counter
from itertools import combinations, islice, permutations

import pytest

from saveproof.conformance.campaigns.plan import TOGETHER, Plan, groups
from tests.conformance.conftest import LINEAR_CASES

NAMES = tuple("abcde")


def rounds(names, count, seed="0"):
    return list(islice(groups(names, seed), count))


@pytest.mark.parametrize("count", range(1, 6))
def test_every_path_is_in_one_group_of_each_round(count):
    for one in rounds(NAMES[:count], 20):
        assert sorted(name for group in one for name in group) == list(NAMES[:count])
        assert max(map(len, one)) <= TOGETHER
        assert len(one) == -(-count // TOGETHER)


@pytest.mark.parametrize("seed", range(40))
def test_every_ordered_pair_of_paths_shares_a_model_in_a_run(seed):
    """A save may spoil the one that comes after it: 30 examples are the default."""
    met = Counter(
        pair
        for one in rounds(NAMES, 30, str(seed))
        for group in one
        for pair in combinations(group, 2)
    )

    assert set(permutations(NAMES, 2)) == set(met)


def test_groups_are_the_same_for_the_same_seed():
    assert rounds(NAMES, 10) == rounds(NAMES, 10)
    assert rounds(NAMES, 10) != rounds(NAMES, 10, "1")


def test_each_path_and_kind_has_cases_of_its_own():
    plans = [
        Plan("reference", path, kind, LINEAR_CASES, seed=seed)
        for path in ("h5", "keras")
        for kind in ("sequential", "functional")
        for seed in (0, 1)
    ]

    assert len({plan.example(number).case.id for plan in plans for number in range(3)}) == 24


def test_subjects_have_the_same_cases():
    one, other = (Plan(subject, "h5", "sequential", LINEAR_CASES) for subject in ("a", "b"))

    assert one.example(7) == other.example(7)
