"""Which save paths share a model, and in which order."""

from collections import Counter
from itertools import combinations, islice, permutations

import pytest

from saveproof.conformance.campaigns.plan import PLAIN, TOGETHER, Plan, groups
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import Kind
from saveproof.strategies.cases import cases
from saveproof.strategies.extremes import EXTREMES, Extreme, extremes
from saveproof.strategies.generation import NothingGenerated
from tests.conformance.conftest import LINEAR_CASES

NAMES = tuple("abcde")
ANY_NAME = Capabilities(non_ascii=tuple(Kind))


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


def _with_extremes(path="h5", *, kind=Kind.FUNCTIONAL, seed=0, had=ANY_NAME):
    strategy = cases(kinds=(kind,), capabilities=had)
    return Plan("reference", path, str(kind), strategy, seed=seed, extremes=extremes(kind, had))


@pytest.mark.parametrize("seed", range(20))
def test_a_campaign_of_the_default_size_meets_each_extreme_once(seed):
    plan = _with_extremes(seed=seed)

    met = Counter(plan.extreme(number) for number in range(Plan.examples))

    assert met == {PLAIN: 25} | dict.fromkeys((one.name for one in EXTREMES), 1)


def test_paths_that_share_cases_have_the_extremes_in_the_same_order():
    """Each path generates some of the shared cases: none may miss an extreme."""
    plans = [_with_extremes(path) for path in ("h5", "keras")]

    one, other = ([plan.extreme(number) for number in range(30)] for plan in plans)

    assert one == other


def test_an_extreme_example_has_its_name_and_its_case():
    plan = _with_extremes()
    number = next(n for n in range(30) if plan.extreme(n) == "long training")

    example = plan.example(number)

    assert example.extreme == "long training"
    assert any(getattr(event, "steps", 0) > 100 for event in example.case.history.before)
    assert plan.generator(example.extreme).case(example.seed) == example.case


def test_where_no_case_can_have_an_extreme_it_is_a_plain_one():
    never = Extreme("never", lambda _: None, lambda *_: True)
    plan = Plan("reference", "h5", "sequential", LINEAR_CASES, extremes=(never,))

    assert plan.extreme(5) == "never"
    assert plan.example(5).extreme == PLAIN


def test_a_plan_without_extremes_has_plain_cases():
    plan = Plan("reference", "h5", "sequential", LINEAR_CASES)

    assert {plan.example(number).extreme for number in range(12)} == {PLAIN}


def test_an_extreme_that_a_plan_does_not_have_generates_nothing():
    with pytest.raises(NothingGenerated, match=r"expected an extreme of \[\], found 'large array'"):
        Plan("reference", "h5", "sequential", LINEAR_CASES).generator("large array")
