"""Plots of state that other code has loaded: each model is looked at by its own layers' names."""

from saveproof.conformance.families.keras.codegen.paths import NotReproducible
from saveproof.conformance.families.keras.codegen.program import (
    Plot,
    Program,
    brought_up,
    builders,
    saved_and_loaded,
)
from saveproof.conformance.families.keras.codegen.source import Lines, literal, renamed
from saveproof.conformance.families.keras.codegen.state import MISSING, look
from saveproof.conformance.families.keras.inspection import NO_SLOTS
from saveproof.conformance.model_state.contract import Facet
from saveproof.strategies.case import Departure
from saveproof.strategies.departures import counterparts

IN_ITS_DTYPE = "np.testing.assert_array_equal(found, expected.astype(found.dtype))"
"""The loaded value is the saved one in the dtype that the other code gives the variable."""

SAME = "np.testing.assert_array_equal(found, expected, strict=True)"
"""Dtype, shape and values are equal."""

_SLOTS: Lines = [
    "def slots(model):",
    f"    others = {literal(tuple(sorted(NO_SLOTS)))}",
    "    held = model.optimizer.variables",
    '    own = [v for v in held if v.name.split("/")[-1].split(":")[0] not in others]',
    '    return {getattr(v, "path", v.name): np.array(v) for v in own}',
]

_NO_SLOT_OF_ANOTHER: Lines = [
    "for name, found in slots(loaded).items():",
    "    if name in expected:",
    "        np.testing.assert_array_equal(found, expected[name], name, strict=True)",
    "    else:",
    "        taken = [other for other, value in expected.items() if np.array_equal(found, value)]",
    '        assert not taken, f"{name}: expected a fresh value, found that of {taken}"',
]


def other_state(program: Program) -> Plot:
    """Return the plot that compares a value in its place before the save and after the load.

    Raises:
        NotReproducible: one of the models has no such value.
    """
    facet, difference = Facet(program.defect.facet), program.defect.difference
    if facet is Facet.SLOTS:
        return Plot(
            functions=(*builders(program), _SLOTS),
            body=[
                *brought_up(program),
                "expected = slots(model)",
                *saved_and_loaded(program),
                *_NO_SLOT_OF_ANOTHER,
            ],
        )
    if difference.change in MISSING:
        raise NotReproducible(
            f"finding {program.defect.key!r}: no script shows what only one model has; use "
            "`saveproof replay`"
        )
    saved = look(program.case, facet, difference.where, difference.change)
    loaded = look(program.code, facet, _moved(program, difference.where), difference.change)
    return Plot(
        functions=(*builders(program),),
        body=[
            *brought_up(program),
            f"expected = {_expression(saved, 'model')}",
            *saved_and_loaded(program),
            f"found = {_expression(loaded, 'loaded')}",
            IN_ITS_DTYPE if program.case.loading is Departure.DTYPE else SAME,
        ],
    )


def _expression(looking: Lines, model: str) -> str:
    """Return the expression that a function of one line gives of a model."""
    return renamed(looking[-1].strip().removeprefix("return "), "model", model)


def _moved(program: Program, where: str) -> str:
    """Return the place of an entry in the code that loads."""
    layers = {saved: loads for loads, saved in counterparts(program.case).items()}
    layer, _, variable = where.rpartition("/")
    return f"{layers[layer]}/{variable}" if layer in layers else where
