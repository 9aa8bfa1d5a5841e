"""Plots: what a script does for each kind of finding, and what it compares in the end."""

import re
from collections.abc import Iterator
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
from saveproof.reports.records import Finding
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


def plot(case: Case, subject: str, path: str, check: str, finding: Finding) -> Plot:
    """Return what the script does.

    Raises:
        NotReproducible: no script is known for the subject, the path or this kind of finding.
    """
    program = Program(case, dialect_of(subject), path, check, finding)
    if program.topic in set(Facet):
        return _state(program)
    if program.topic == "outputs":
        return _outputs(program)
    if program.topic == "resume":
        return _resume(program)
    if program.topic == "fresh":
        return _fresh(program)
    if program.topic == "refusal" or program.topic in set(Stage):
        return raising(program)
    raise NotReproducible(
        f"finding {finding.key!r}: a script shows differences and exceptions, not the end of a "
        "process; use `saveproof replay`"
    )


def _state(program: Program) -> Plot:
    facet = Facet(program.topic)
    arrays = facet in ARRAYS and program.what != "order"
    observe = look(program.case, facet, program.finding.where, program.what)
    return _comparison(program, observe, SAME if arrays else PLAIN, alive=False, facet=facet)


def _outputs(program: Program) -> Plot:
    several = len(program.case.architecture.outputs) > 1
    index = program.finding.where.rpartition(" ")[2]
    chosen = f"outputs[{index}]" if several and index.isdigit() else "outputs"
    observe = [
        "def look(model):",
        '    """Return the model\'s outputs."""',
        *indented(outputs_lines(program)),
        f"    return {program.dialect.array(chosen)}",
    ]
    return _comparison(program, observe, _near(program), alive=True)


def _resume(program: Program) -> Plot:
    found = re.match(r"step (\d+)(?: \(\w+\))?: (.*)", program.finding.where)
    if found is None:
        return raising(program)
    count, rest = int(found[1]), found[2]
    facet = next((f for f in Facet if rest.startswith(f"{f}: ")), None)
    if facet is None:
        observe = train_on(program, count, f"np.array(logs.get({literal(rest)}))")
        return _comparison(program, observe, _near(program), alive=True)
    where = rest.removeprefix(f"{facet}: ")
    looking = look(program.case, facet, where, "missing")
    observe = [*looking, "", "", *train_on(program, count, "look(model)")]
    return _comparison(program, observe, _near(program), alive=True, facet=facet)


def _fresh(program: Program) -> Plot:
    facet = Facet(program.finding.key.removeprefix("fresh: "))
    observe = look(program.case, facet, program.finding.where, "missing")
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
