"""Optimizers and learning-rate schedules."""

from collections.abc import Mapping, Sequence

from saveproof.strategies.arguments import OMIT, given
from saveproof.strategies.byte_draws import ByteDraws
from saveproof.strategies.capabilities import EVERYTHING, Capabilities, had_of
from saveproof.strategies.case import Config, Object

RATES = (0.05, 0.02, 0.03, 0.008)
SHORT = (2, 3, 5)
"""Numbers of steps, small enough for a schedule to change within a history."""

OPTIMIZERS: dict[str, dict[str, Sequence[object]]] = {
    "SGD": {"momentum": (OMIT, 0.8, 0.5), "nesterov": (OMIT, True)},
    "Adam": {
        "beta_1": (OMIT, 0.8, 0.6),
        "beta_2": (OMIT, 0.95, 0.9),
        "epsilon": (OMIT, 1e-3),
        "amsgrad": (OMIT, True),
    },
    "RMSprop": {
        "rho": (OMIT, 0.8, 0.7),
        "momentum": (OMIT, 0.6, 0.3),
        "centered": (OMIT, True),
        "epsilon": (OMIT, 1e-3),
    },
    "AdamW": {
        "weight_decay": (0.02, 0.1),
        "beta_1": (OMIT, 0.8),
        "beta_2": (OMIT, 0.95),
        "epsilon": (OMIT, 1e-3),
        "amsgrad": (OMIT, True),
    },
    "Adagrad": {"initial_accumulator_value": (OMIT, 0.3), "epsilon": (OMIT, 1e-3)},
    "Adadelta": {"rho": (OMIT, 0.8), "epsilon": (OMIT, 1e-3)},
    "Adamax": {"beta_1": (OMIT, 0.8), "beta_2": (OMIT, 0.95), "epsilon": (OMIT, 1e-3)},
    "Nadam": {"beta_1": (OMIT, 0.8), "beta_2": (OMIT, 0.95), "epsilon": (OMIT, 1e-3)},
}
"""Class name → options of each argument; the simplest optimizer and options first."""

COMMON: tuple[Config, ...] = (
    {},
    {},
    {},
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.8},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 2},
    {"weight_decay": 0.03},
    {"weight_decay": 0.01, "clipnorm": 0.6},
    {"name": "trainer_2"},
)
"""Arguments that every optimizer takes; of the three ways to clip one at most."""

COMMON_OF_DTYPES = tuple(common for common in COMMON if "global_clipnorm" not in common)
"""The same where the weights have several dtypes: tf_keras then has no norm over all of them."""

OF_DTYPES = tuple(class_name for class_name in OPTIMIZERS if class_name != "Nadam")
"""The optimizers for weights of several dtypes: tf_keras's Nadam keeps one product for all."""

SCHEDULES: dict[str, dict[str, Sequence[object]]] = {
    "ExponentialDecay": {
        "initial_learning_rate": RATES,
        "decay_steps": SHORT,
        "decay_rate": (0.8, 0.5),
        "staircase": (OMIT, True),
    },
    "PiecewiseConstantDecay": {
        "boundaries": ([1, 3], [2, 5]),
        "values": ([0.05, 0.02, 0.01], [0.04, 0.01, 0.03]),
    },
    "PolynomialDecay": {
        "initial_learning_rate": RATES,
        "decay_steps": SHORT,
        "end_learning_rate": (0.004, 0.001),
        "power": (OMIT, 2.0),
        "cycle": (OMIT, True),
    },
    "InverseTimeDecay": {
        "initial_learning_rate": RATES,
        "decay_steps": SHORT,
        "decay_rate": (0.7, 0.4),
        "staircase": (OMIT, True),
    },
    "CosineDecay": {
        "initial_learning_rate": RATES,
        "decay_steps": (5, 9),
        "alpha": (0.2, 0.1),
    },
}

CONSTANT = (None,) * 5


def optimizer(
    draws: ByteDraws, *, dtypes: frozenset[str] = frozenset(), had: Capabilities = EVERYTHING
) -> Object:
    """Return an optimizer for weights of some dtypes; shrinks towards SGD at a constant rate."""
    one_dtype = len(dtypes) < 2
    names = tuple(OPTIMIZERS) if one_dtype else OF_DTYPES
    class_name = draws.one_of(had_of(names, had.optimizers) or had_of(OPTIMIZERS, had.optimizers))
    schedule = draws.one_of((*CONSTANT, *had_of(SCHEDULES, had.schedules)))
    rate: object = _schedule(schedule, draws) if schedule else draws.one_of(RATES)
    options = {
        **draws.one_of(COMMON if one_dtype else COMMON_OF_DTYPES),
        **_chosen(OPTIMIZERS[class_name], draws),
    }
    taken = {name: value for name, value in options.items() if had.takes(class_name, name)}
    return Object(class_name=class_name, config={"learning_rate": rate, **taken})


def _schedule(class_name: str, draws: ByteDraws) -> Config:
    return {"class_name": class_name, "config": _chosen(SCHEDULES[class_name], draws)}


def _chosen(table: Mapping[str, Sequence[object]], draws: ByteDraws) -> Config:
    return given({key: draws.one_of(options) for key, options in table.items()})
