"""Real frameworks: a campaign's rate against a test as an average engineer writes it.

A run examines up to five save paths side by side, with one model brought up for all of them. A
path's rate there is over the time that it took by itself, with its share of what all of them took
together: of bringing up, and of what the harness does.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from time import perf_counter
from typing import NamedTuple

import msgspec
from hypothesis.strategies import SearchStrategy
from msgspec.structs import replace

from benchmarks import average_test
from benchmarks.figures import Figure, in_turns, ratio
from benchmarks.generated import SECONDS, examine_many
from saveproof.conformance.campaigns.plan import side_by_side
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.processes.isolation import Child
from saveproof.strategies.case import Case, Kind
from saveproof.strategies.cases import cases


def _takes_vectors(case: Case) -> bool:
    return all(len(input_.shape) == 1 for input_ in case.architecture.inputs)


def _gives_one(case: Case) -> bool:
    return len(case.architecture.outputs) == 1


def _plain(case: Case) -> Case:
    """Return the case without regularizers and constraints."""
    layers = tuple(layer.without(_is_rule) for layer in case.architecture.layers)
    return replace(case, architecture=replace(case.architecture, layers=layers))


def _is_rule(argument: str) -> bool:
    return argument.endswith(("_regularizer", "_constraint"))


AS_DRAWN = cases(
    kinds=(Kind.SEQUENTIAL, Kind.FUNCTIONAL),
    layers=("Dense", "Activation", "Dropout"),
    max_layers=4,
).filter(_takes_vectors)
"""Models of the size that the test written by hand has: vectors in, and as many layers, those in
nested models and the inputs counted."""

MLPS = AS_DRAWN.filter(_gives_one).map(_plain)
"""Models of its kind, too: one output, and neither penalties nor constraints."""


SAME_PROPERTY = tuple(check for check in ALL_CHECKS if check.name == "outputs_survive")
"""What the test written by hand holds a model to."""


class Goal(NamedTuple):
    """At least how many times the rate of the hand-written test, on one path of a subject.

    Measured is what comes after `warm_up` examples, of the some 600 that a default run examines.
    """

    subject: str
    path: str
    at_least: float
    warm_up: int = 10


GOALS = (
    Goal("tf_keras", "h5", 3),
    Goal("tf_keras", "checkpoint", 2),
    Goal("tf_keras", "savedmodel", 2),
    Goal("keras:tensorflow", "keras", 4),
    # What JAX compiles for one example serves others: few are left to compile for by then.
    Goal("keras:jax", "keras", 8, warm_up=120),
)


def figures(
    goals: Sequence[Goal] = GOALS,
    *,
    examples: int = 30,
    warm_up: int | None = None,
    rounds: int = 3,
) -> list[Figure]:
    """Measure each goal in wall time, either side in a process of its own.

    The goal is for the hand-written test's own property, outputs that survive, as a run of every
    path examines it, on models like the test's. Beside it stand models as a campaign draws them,
    the path alone, and every check as a run has them. A round is
    `examples` of the campaign, by default as many as a run's, or a third of them for every check,
    and half as many of the test. `warm_up` takes the place of the goals' own.
    """
    return [
        figure
        for goal in goals
        for figure in _figures(goal, examples, goal.warm_up if warm_up is None else warm_up, rounds)
    ]


def _figures(goal: Goal, examples: int, warm_up: int, rounds: int) -> Iterator[Figure]:
    with Child(EXAMINE) as ours, Child(average_test.SERVE) as theirs:
        beside = _beside(goal, SAME_PROPERTY)
        same = _campaign(goal, beside, ours, SAME_PROPERTY)
        drawn = _campaign(goal, beside, ours, SAME_PROPERTY, AS_DRAWN)
        alone = _campaign(goal, [goal.path], ours, SAME_PROPERTY)
        whole = _campaign(goal, _beside(goal, ALL_CHECKS), ours, ALL_CHECKS)
        test = _test(goal, theirs)
        same(warm_up)
        whole(1)
        test(max(1, warm_up // 2))
        half = max(1, examples // 2)
        what = f"{goal.subject} through {goal.path}"
        pairs = in_turns(lambda: same(examples), lambda: test(half), rounds)
        yield ratio(f"{what}, outputs survive / by hand", pairs, at_least=goal.at_least)
        pairs = in_turns(lambda: drawn(examples), lambda: test(half), rounds)
        yield ratio(f"{what}, outputs of models as drawn / by hand", pairs)
        pairs = in_turns(lambda: alone(examples), lambda: test(half), rounds)
        yield ratio(f"{what} alone, outputs survive / by hand", pairs)
        pairs = in_turns(lambda: whole(max(1, examples // 3)), lambda: test(half), rounds)
        yield ratio(f"{what}, every check / outputs by hand", pairs)


def _beside(goal: Goal, checks: Sequence[Check]) -> Sequence[str]:
    """Return the paths that a run of these checks examines side by side with the goal's."""
    sets = side_by_side(resolve(goal.subject).paths())
    paths = next(paths for paths in sets if goal.path in paths)
    return [
        name
        for name, path in paths.items()
        if any(path.contract.speaks_of(check.facets) for check in checks)
    ]


def _campaign(
    goal: Goal,
    paths: Sequence[str],
    child: Child,
    checks: tuple[Check, ...],
    drawn: SearchStrategy[Case] = MLPS,
) -> Callable[[int], float]:
    seeds = count()

    def rate(examples: int) -> float:
        start = perf_counter()
        took = examine_many(
            *(goal.subject, paths, drawn, child), examples=examples, seed=next(seeds), checks=checks
        )
        shared = perf_counter() - start - sum(took.values())
        return examples / (took[goal.path] + shared / len(paths))

    return rate


def _test(goal: Goal, child: Child) -> Callable[[int], float]:
    seeds = count()

    def rate(examples: int) -> float:
        order = average_test.Order(goal.subject, goal.path, examples, next(seeds))
        start = perf_counter()
        child.call(msgspec.json.encode(order), seconds=SECONDS)
        return examples / (perf_counter() - start)

    return rate
