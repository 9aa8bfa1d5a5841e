"""Which weights the state of an optimizer is of, where the file does not tell."""

from collections.abc import Callable, Sequence
from itertools import combinations

from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.weights import each_once
from saveproof.reference_impl.loading import LoadError
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import Optimizer

MOST_FROZEN = 6
"""Frozen layers of which every choice is tried; of more, all or none have been trained."""


class OptimizerMismatch(LoadError):
    """The optimizer's state does not fit the model or is of a kind that is not read."""


def likeliest(
    candidates: Sequence[list[Variable]], fits: Callable[[list[Variable]], bool]
) -> list[list[Variable]]:
    """Return the first or the second candidate if it fits, else all others that do."""
    groups = (candidates[:1], candidates[1:2], candidates[2:])
    found = ([weights for weights in group if fits(weights)] for group in groups)
    return next(filter(None, found), [])


def built_with(optimizer: Optimizer, weights: Sequence[Variable]) -> Optimizer:
    """Return the optimizer if it is built, else a copy that is: nothing is changed."""
    if optimizer.built:
        return optimizer
    built = type(optimizer).from_config(optimizer.get_config())
    built.build(weights)
    return built


def optimized_weights(model: Trainer, places: Sequence[int]) -> list[list[Variable]]:
    """Return what the optimizer may have been built with, the two likeliest first.

    Where the file does not tell, that is what trains, all that would train if nothing had been
    frozen since, or what would if some layers had not: tf_keras keeps the slots of a layer that is
    frozen after training.

    Raises:
        OptimizerMismatch: if a place is none of the model's weights.
    """
    weights = model.weights
    if any(not 0 <= place < len(weights) for place in places):
        raise OptimizerMismatch(
            f"model {model.name!r}: expected places of optimized weights below {len(weights)}, "
            f"found {sorted(places)}"
        )
    if places:
        return [[weights[place] for place in places]]
    own = [layer.own_weights(trainable=True) for layer in model.flatten_layers()]
    trains = {id(variable) for variable in model.trainable_weights}
    frozen = [index for index, of in enumerate(own) if of and id(of[0]) not in trains]
    sizes = range(len(frozen) - 1, 0, -1) if len(frozen) <= MOST_FROZEN else ()
    without = [set(kept) for size in sizes for kept in combinations(frozen, size)]
    return [
        model.trainable_weights,
        *(
            each_once([one for index, of in enumerate(own) if index not in kept for one in of])
            for kept in [set[int](), *without]
        ),
    ]
