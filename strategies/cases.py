"""Cases: the one entry point to everything that saveproof generates."""

from collections.abc import Collection, Sequence

from hypothesis import strategies as st

from saveproof.strategies.architectures import draw_architecture
from saveproof.strategies.byte_draws import draw_bytes
from saveproof.strategies.capabilities import EVERYTHING, Capabilities
from saveproof.strategies.case import MODELS, Case, Kind
from saveproof.strategies.histories import draw_history
from saveproof.strategies.layers import ALL
from saveproof.strategies.settings import compile_settings

SEEDS = st.integers(0, 999)


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    kinds: Sequence[Kind] = MODELS,
    layers: Collection[str] = ALL,
    max_layers: int = 6,
    hops: bool = False,
    capabilities: Capabilities = EVERYTHING,
) -> Case:
    """Generate cases; shrinks towards one Dense layer, SGD and one training step.

    Args:
        draw: Hypothesis's own.
        kinds: the kinds of model to choose from.
        layers: Keras class names to choose from, see `draw_architecture`.
        max_layers: at most so many layers, not counting those that join branches and end the model.
        hops: whether a model may go through a save path before the save: see `Case.through`.
        capabilities: what the subject has: nothing else comes up in its cases.
    """
    architecture = draw_architecture(
        draw, kinds=kinds, layers=layers, max_layers=max_layers, capabilities=capabilities
    )
    settings = compile_settings(architecture, draw_bytes(draw), capabilities)
    history = draw_history(draw, architecture, settings, hops=hops, had=capabilities)
    return Case(architecture=architecture, settings=settings, history=history, seed=draw(SEEDS))
