"""Plots: what a script does for each kind of finding, and what it compares in the end."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from saveproof.conformance.families.keras.codegen.exceptions import raising
from saveproof.conformance.families.keras.codegen.paths import (
    NotReproducible,
    dialect_of,
    training_ready,
)
from saveproof.conformance.families.keras.codegen.program import (
    CHANGES_NOTHING,
    ELSEWHERE,
    SECOND,
    Plot,
    Program,
    again,
    brought_up,
    builders,
    elsewhere_function,
    generators_function,
    history,
    new,
    outputs_lines,
    pooled,
    train_on,
)
from saveproof.conformance.families.keras.codegen.source import Lines, indented, literal
from saveproof.conformance.families.keras.codegen.state import look
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.trace import Stage
from saveproof.reports.findings import Change, Defect, DefectKind
from saveproof.strategies.case import Case

ARRAYS = frozenset(
    {
        *(Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.SLOTS, Facet.ITERATION),
        *(Facet.RNG, Facet.METRICS, Facet.RECURRENT),
    }
)
"""Facets whose entries are arrays."""


@dataclass(frozen=True)
class Equality:
    """How `expected` and `found` are compared: a function if need be, and what tells a defect."""

    function: Lines
    defect: str


PLAIN = Equality([], "expected != found")
SAME = Equality(
    [
        "def same(one, other):",
        '    """Say whether dtype, shape and bytes are equal."""',
        "    one, other = np.asarray(one), np.asarray(other)",
        "    alike = (one.dtype, one.shape) == (other.dtype, other.shape)",
        "    return alike and one.tobytes() == other.tobytes()",
    ],
    "not same(expected, found)",
)


def plot(case: Case, subject: str, path: str, check: str, defect: Defect) -> Plot:
    """Return what the script does.

    Raises:
        NotReproducible: no script is known for the subject, the path or this kind of finding.
    """
    program = Program(case, dialect_of(subject), path, check, defect)
    unknown = defect.kind is DefectKind.RAISED and defect.action not in set(Stage)
    if unknown or defect.kind not in PLOTS:
        raise _not_reproducible(defect)
    return PLOTS[defect.kind](program)


def _not_reproducible(defect: Defect) -> NotReproducible:
    return NotReproducible(
        f"finding {defect.key!r}: no script shows such a finding ({defect.kind}); use "
        "`saveproof replay`"
    )


def _facet(program: Program) -> Facet:
    if program.defect.facet not in set(Facet):
        raise _not_reproducible(program.defect)
    return Facet(program.defect.facet)


def _state(program: Program) -> Plot:
    facet, difference = _facet(program), program.defect.difference
    arrays = facet in ARRAYS and difference.change is not Change.ORDER
    observe = look(program.case, facet, difference.where, difference.change)
    return _comparison(program, observe, SAME if arrays else PLAIN, alive=False, facet=facet)


def _outputs(program: Program) -> Plot:
    several = len(program.case.architecture.outputs) > 1
    index = program.defect.name
    chosen = f"outputs[{index}]" if several and index.isdecimal() else "outputs"
    observe = [
        "def look(model):",
        '    """Return the model\'s outputs."""',
        *indented(outputs_lines(program)),
        f"    return {program.dialect.array(chosen)}",
    ]
    return _comparison(program, observe, _near(program), alive=True)


def _logs(program: Program) -> Plot:
    returned = f"np.array(logs.get({literal(program.defect.name)}))"
    observe = train_on(program, program.defect.step, returned)
    return _comparison(program, observe, _near(program), alive=True)


def _trained_state(program: Program) -> Plot:
    facet = _facet(program)
    looking = look(program.case, facet, program.defect.difference.where, Change.MISSING)
    observe = [*looking, "", "", *train_on(program, program.defect.step, "look(model)")]
    return _comparison(program, observe, _near(program), alive=True, facet=facet)


def _fresh(program: Program) -> Plot:
    facet = _facet(program)
    observe = look(program.case, facet, program.defect.difference.where, Change.MISSING)
    body = [
        *new(program),
        "fresh = look(model)",
        *history(program),
        "trained = look(model)",
        *program.script.saving("model", "saved"),
        *program.script.loading(program.case, "model", "loaded", "saved"),
        "found = look(loaded)",
    ]
    return Plot(
        functions=(
            *builders(program),
            SAME.function,
            *generators_function(program, facet),
            observe,
        ),
        body=body,
        defect="same(found, trained) and not same(trained, fresh)",
        values=("fresh", "trained", "found"),
    )


def _comparison(
    program: Program, observe: Lines, equal: Equality, *, alive: bool, facet: Facet | None = None
) -> Plot:
    """Return the plot that compares what `observe` gives of two models; `alive` ones train on."""
    name = "train_on" if any(line.startswith("def train_on") for line in observe) else "look"
    other_process = program.check == ELSEWHERE
    functions = [*builders(program)]
    if equal.function:
        functions.append(equal.function)
    functions += [*generators_function(program, facet), observe]
    if other_process:
        functions.append(elsewhere_function(program, name, alive=alive))
    return Plot(
        functions=tuple(functions),
        body=[*brought_up(program), *_observed(program, name, alive=alive)],
        defect=equal.defect,
        values=("expected", "found"),
        alive=alive,
        parallel=other_process,
    )


def _observed(program: Program, name: str, *, alive: bool) -> Iterator[str]:
    """Yield the save and the load, and the observations `expected` and `found`."""
    save = [*program.script.saving("model", "saved")]
    load = [*program.script.loading(program.case, "model", "loaded", "saved")]
    if alive:
        load += training_ready(program.dialect, program.path, program.case, "loaded")
    if program.check == CHANGES_NOTHING:
        yield from (f"expected = {name}(model)", *save, f"found = {name}(model)")
    elif program.check == SECOND:
        yield from (*save, *load, f"expected = {name}(loaded)", *again(program))
        yield f"found = {name}(again)"
    elif program.check == ELSEWHERE:
        yield from (*save, *load, f"expected = {name}(loaded)", *pooled("found"))
    elif alive:
        yield from (*save, *load, f"expected = {name}(model)", f"found = {name}(loaded)")
    else:
        yield from (f"expected = {name}(model)", *save, *load, f"found = {name}(loaded)")


def _near(program: Program) -> Equality:
    exactness = program.dialect.contract(program.path).exactness.of(program.case)
    if exactness.rtol == exactness.atol == 0.0:
        return SAME
    tolerance = f"rtol={exactness.rtol}, atol={exactness.atol}, equal_nan=True"
    near = [
        "def near(one, other):",
        '    """Say whether dtype and shape are equal, and the values to the tolerance."""',
        "    one, other = np.asarray(one), np.asarray(other)",
        "    alike = (one.dtype, one.shape) == (other.dtype, other.shape)",
        f"    return alike and np.allclose(other, one, {tolerance})",
    ]
    return Equality(near, "not near(expected, found)")


PLOTS: Mapping[DefectKind, Callable[[Program], Plot]] = {
    DefectKind.STATE: _state,
    DefectKind.OUTPUT: _outputs,
    DefectKind.OUTPUT_COUNT: _outputs,
    DefectKind.LOG: _logs,
    DefectKind.LOG_NAMES: _logs,
    DefectKind.TRAINED_STATE: _trained_state,
    DefectKind.RAISED: raising,
    DefectKind.NO_TRAINING: raising,
    DefectKind.NOT_REFUSED: raising,
    DefectKind.UNCLEAR_REFUSAL: raising,
    DefectKind.NOT_FRESH: _fresh,
}
"""What shows a defect, by its kind."""
