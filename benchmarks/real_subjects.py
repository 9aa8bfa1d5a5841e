"""Compares a campaign's rate on real frameworks with a test that an average engineer writes.

Up to five save paths share a model that is built and trained once. The time of a path is its own
time and an equal part of the shared time: for the model, and for the harness.
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
from saveproof.conformance.model_state.subject import SavePath
from saveproof.conformance.processes.isolation import Child
from saveproof.strategies.case import MODELS, Case, Kind
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
"""Models of the size of those in the handwritten test: vectors as inputs, and as many layers,
including inputs and layers in nested models."""

MLPS = AS_DRAWN.filter(_gives_one).map(_plain)
"""Models like those in the handwritten test: one output, no regularizers, no constraints."""


SAME_PROPERTY = tuple(check for check in ALL_CHECKS if check.name == "outputs_survive")
"""The check that corresponds to the handwritten test."""


class Goal(NamedTuple):
    """The least ratio of a campaign's rate to that of the handwritten test, on one save path.

    The measurement starts after `warm_up` examples; a default run has about 600.
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
    # JAX reuses what it compiled for earlier examples: after 120 of them it compiles little.
    Goal("keras:jax", "keras", 8, warm_up=120),
)


def figures(
    goals: Sequence[Goal] = GOALS,
    *,
    examples: int = 30,
    warm_up: int | None = None,
    rounds: int = 3,
) -> list[Figure]:
    """Measure each goal in wall time, with each side in a separate process.

    The goal applies to the property of the handwritten test, `outputs_survive`, in a run of all
    save paths on similar models. For comparison, figures without a goal follow: models as a
    campaign generates them, the save path alone, and all checks. A round has `examples` cases of
    the campaign (a third of them for all checks) and half as many of the test. `warm_up` replaces
    that of the goals.
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
        every_check = _campaign(goal, _beside(goal, ALL_CHECKS), ours, ALL_CHECKS)
        test = _test(goal, theirs)
        same(warm_up)
        every_check(1)
        test(max(1, warm_up // 2))
        half = max(1, examples // 2)
        what = f"{goal.subject} {goal.path}"
        pairs = in_turns(lambda: same(examples), lambda: test(half), rounds)
        yield ratio(f"{what}: outputs_survive / handwritten", pairs, at_least=goal.at_least)
        pairs = in_turns(lambda: drawn(examples), lambda: test(half), rounds)
        yield ratio(f"{what}: on generated models / handwritten", pairs)
        pairs = in_turns(lambda: alone(examples), lambda: test(half), rounds)
        yield ratio(f"{what}: this path alone / handwritten", pairs)
        pairs = in_turns(lambda: every_check(max(1, examples // 3)), lambda: test(half), rounds)
        yield ratio(f"{what}: all checks / handwritten", pairs)


def _beside(goal: Goal, checks: Sequence[Check]) -> Sequence[str]:
    """Return the save paths that share cases with the goal's in a run of these checks."""
    of_models = [p for p in resolve(goal.subject).paths() if p.contract.kinds == MODELS]
    for paths in side_by_side(of_models):
        if any(path.name == goal.path for path in paths):
            return [p.name for p in paths if _is_asked(p, checks)]
    raise LookupError(f"{goal.subject} has no save path {goal.path!r}")


def _is_asked(path: SavePath, checks: Sequence[Check]) -> bool:
    """Return whether a contract speaks of what some check needs."""
    return any(path.contract.speaks_of(check.facets) for check in checks)


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
