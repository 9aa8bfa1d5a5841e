"""Faults of objects by themselves: a config that forgets an argument, or writes another value."""

from typing import Any

from saveproof.conformance.mutants.edits import Config
from saveproof.conformance.mutants.injection import after
from saveproof.reference_impl.initializers import Orthogonal
from saveproof.reference_impl.layers import UnitNormalization
from saveproof.reference_impl.losses import Huber
from saveproof.reference_impl.schedules import PolynomialDecay


@after(Huber, "get_config")
def huber_forgets_delta(config: Config) -> Config:
    """`Huber.get_config` omits `delta`."""
    return _without(config, "delta")


@after(Orthogonal, "get_config")
def orthogonal_forgets_gain(config: Config) -> Config:
    """`Orthogonal.get_config` omits `gain`."""
    return _without(config, "gain")


@after(UnitNormalization, "get_config")
def unit_normalization_forgets_axis(config: Config) -> Config:
    """`UnitNormalization.get_config` omits `axis`."""
    return _without(config, "axis")


@after(PolynomialDecay, "get_config")
def polynomial_decay_forgets_cycle(config: Config) -> Config:
    """`PolynomialDecay.get_config` omits `cycle`."""
    return _without(config, "cycle")


def _without(config: Config, argument: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != argument}
