"""Plots: what a script does for each kind of finding, and what it compares in the end."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from saveproof.conformance.checks.handling import CHANGES_NOTHING
from saveproof.conformance.checks.other_code import OTHER_CODE
from saveproof.conformance.families.keras.codegen import objects
from saveproof.conformance.families.keras.codegen.exceptions import raising
from saveproof.conformance.families.keras.codegen.other_code import SAME, other_state
from saveproof.conformance.families.keras.codegen.paths import (
    NotReproducible,
    saving,
    scripted,
    training_ready,
)
from saveproof.conformance.families.keras.codegen.program import (
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
    saved_and_loaded,
    train_on,
)
from saveproof.conformance.families.keras.codegen.source import Lines, indented, literal, renamed
from saveproof.conformance.families.keras.codegen.state import MISSING, look, look_alive
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import LIVE
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


PLAIN = 'assert found == expected, f"expected {expected!r}, found {found!r}"'


def plot(case: Case, subject: str, path: str, check: str, defect: Defect) -> Plot:
    """Return what the script does.

    Raises:
        NotReproducible: no script is known for the subject, the path or this kind of finding.
    """
    known = scripted(subject)
    program = Program(known.as_run(case), known, path, check, defect)
    if defect.kind is DefectKind.SPOILED:
        program = _spoilt(program)
        defect = program.defect
    unknown = defect.kind is DefectKind.RAISED and defect.action not in set(Stage)
    if unknown or defect.kind not in PLOTS:
        raise _not_reproducible(defect)
    if program.check == OTHER_CODE and defect.kind is DefectKind.STATE:
        return other_state(program)
    return PLOTS[defect.kind](program)


def _spoilt(program: Program) -> Program:
    """Return the program of the path that suffers, after the saves of those before it.

    Raises:
        NotReproducible: it suffers from a path that saves after it.
    """
    spoiled = program.defect
    if spoiled.origin is None or spoiled.order[-1:] != (spoiled.name,):
        raise _not_reproducible(spoiled)
    return replace(
        program,
        path=spoiled.name,
        check=spoiled.check,
        defect=spoiled.origin,
        before=spoiled.order[:-1],
    )


def _not_reproducible(defect: Defect) -> NotReproducible:
    return NotReproducible(
        f"finding {defect.key!r}: no script shows such a finding ({defect.kind}); use "
        "`saveproof replay`"
    )


def _facet(program: Program) -> Facet:
    of_objects = program.defect.facet == Facet.BEHAVIOUR and not program.case.is_object
    if program.defect.facet not in set(Facet) or of_objects:
        raise _not_reproducible(program.defect)
    return Facet(program.defect.facet)


def _state(program: Program) -> Plot:
    if program.defect.facet == LIVE:
        return _live(program)
    facet, difference = _facet(program), program.defect.difference
    if program.case.is_object:
        observe = objects.look(program.case, facet, difference.where)
        equal = "np.testing.assert_equal(found, expected)" if facet is Facet.BEHAVIOUR else PLAIN
        return _comparison(program, observe, equal, alive=False)
    counted = facet is Facet.SLOTS and difference.change in MISSING
    arrays = facet in ARRAYS and difference.change is not Change.ORDER and not counted
    observe = look(program.case, facet, difference.where, difference.change)
    return _comparison(program, observe, SAME if arrays else PLAIN, alive=False, facet=facet)


def _live(program: Program) -> Plot:
    observe = look_alive(program.defect.difference.where)
    if observe is None:
        raise _not_reproducible(program.defect)
    return _comparison(program, observe, PLAIN, alive=False)


def _outputs(program: Program) -> Plot:
    several = len(program.case.architecture.outputs) > 1
    index = program.defect.name
    chosen = f"outputs[{index}]" if several and index.isdecimal() else "outputs"
    observe = [
        "def look(model):",
        *indented(outputs_lines(program)),
        f"    return {program.dialect.array(chosen)}",
    ]
    return _comparison(program, observe, _near(program), alive=True)


def _logs(program: Program) -> Plot:
    returning = [f"    return np.array(logs.get({literal(program.defect.name)}))"]
    observe = train_on(program, program.defect.step, returning)
    return _comparison(program, observe, _near(program), alive=True)


def _trained_state(program: Program) -> Plot:
    facet = _facet(program)
    change = Change.MISSING if facet in (Facet.SLOTS, Facet.METRICS) else Change.VALUE
    _, *looking = look(program.case, facet, program.defect.difference.where, change)
    observe = train_on(program, program.defect.step, looking)
    return _comparison(program, observe, _near(program), alive=True, facet=facet)


def _fresh(program: Program) -> Plot:
    facet = _facet(program)
    observe = look(program.case, facet, program.defect.difference.where, Change.MISSING)
    body = [
        *new(program),
        "fresh = look(model)",
        *history(program),
        "trained = look(model)",
        *saved_and_loaded(program),
        "found = look(loaded)",
        "as_trained = np.array_equal(found, trained) and not np.array_equal(trained, fresh)",
        'assert not as_trained, f"expected {fresh}, found {found}"',
    ]
    functions = (*builders(program), *generators_function(program, facet), observe)
    return Plot(functions=functions, body=body)


def _initial(program: Program) -> Plot:
    facet = _facet(program)
    observe = look(program.case, facet, program.defect.difference.where, None)
    body = [
        *(*new(program), "expected = look(model)", *history(program)),
        *(*saved_and_loaded(program), "found = look(loaded)", SAME),
    ]
    return Plot(functions=(*builders(program), observe), body=body)


def _comparison(
    program: Program, observe: Lines, equal: str, *, alive: bool, facet: Facet | None = None
) -> Plot:
    """Return the plot that compares what `observe` gives of two models; `alive` ones train on."""
    other_process = program.check == ELSEWHERE
    name = _name(observe)
    functions = [*builders(program), *generators_function(program, facet)]
    seen_of = f"{name}({{}})".format
    if len(observe) == 2 and not other_process:
        expression = observe[1].strip().removeprefix("return ")
        seen_of = partial(renamed, expression, "model")
    else:
        functions.append(observe)
    if other_process:
        functions.append(elsewhere_function(program, [f"return {name}(loaded)"], alive=alive))
    return Plot(
        functions=tuple(functions),
        body=[*brought_up(program), *_observed(program, seen_of, alive=alive), equal],
        alive=alive,
        parallel=other_process,
    )


def _name(functions: Lines) -> str:
    """Return the name of the last function."""
    heads = [line for line in functions if line.startswith("def ")]
    return heads[-1].partition("(")[0].removeprefix("def ")


def _observed(program: Program, seen_of: Callable[[str], str], *, alive: bool) -> Iterator[str]:
    """Yield the save and the load, and the observations `expected` and `found`.

    `seen_of` returns the expression of what is compared, by the name of the model.
    """
    save = [*saving(program.way)]
    both = [*saved_and_loaded(program)]
    if alive:
        both += training_ready(program.way, program.case)
    of_model, of_loaded = seen_of("model"), seen_of("loaded")
    if program.check == CHANGES_NOTHING:
        yield from (f"expected = {of_model}", *save, f"found = {of_model}")
    elif program.check == SECOND:
        yield from (*both, f"expected = {of_loaded}", *again(program))
        yield f"found = {of_loaded}"
    elif program.check == ELSEWHERE:
        yield from (*both, f"expected = {of_loaded}", *pooled("found"))
    elif alive:
        yield from (*both, f"expected = {of_model}", f"found = {of_loaded}")
    else:
        yield from (f"expected = {of_model}", *both, f"found = {of_loaded}")


def _near(program: Program) -> str:
    exactness = program.way.contract.exactness.of(program.case)
    if exactness.rtol == exactness.atol == 0.0:
        return SAME
    tolerance = f"rtol={exactness.rtol}, atol={exactness.atol}"
    return f"np.testing.assert_allclose(found, expected, {tolerance})"


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
    DefectKind.INITIAL: _initial,
}
"""The statements that show a defect, by its kind."""
