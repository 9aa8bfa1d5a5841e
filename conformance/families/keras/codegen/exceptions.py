"""Plots of findings about an exception: that one came, or that none did."""

from collections.abc import Iterator

from saveproof.conformance.families.keras.codegen.paths import saving, training_ready
from saveproof.conformance.families.keras.codegen.program import (
    ELSEWHERE,
    UNBUILT,
    Plot,
    Program,
    again,
    brought_up,
    builders,
    elsewhere_function,
    new,
    pooled,
    saved_and_loaded,
    training_on,
)
from saveproof.conformance.model_state.trace import Stage


def raising(program: Program) -> Plot:
    """Return the plot of a finding about an exception: that it came, or that none did."""
    kind = program.defect.exception
    functions = [*builders(program)]
    action = program.defect.action
    other_process = action == Stage.ANOTHER_PROCESS or program.check == ELSEWHERE
    if other_process:
        functions.append(elsewhere_function(program, _trained_on(program), alive=True))
    body = [*_tried(program)]
    if not kind:
        body.append('raise AssertionError("expected a refusal, found none")')
    return Plot(
        functions=tuple(functions),
        body=body,
        raises=kind or Plot.raises,
        alive=True,
        parallel=other_process,
    )


def _tried(program: Program) -> Iterator[str]:
    """Yield what is done until it raises."""
    if program.check == UNBUILT:
        yield from new(program)
        yield from saving(program.way)
        return
    yield from brought_up(program)
    action = program.defect.action
    resumes = action == Stage.RESUME
    if action == Stage.ANOTHER_PROCESS or (resumes and program.check == ELSEWHERE):
        yield from saving(program.way)
        yield from pooled("tried")
        return
    yield from saved_and_loaded(program)
    if resumes:
        yield from training_ready(program.way, program.case)
        yield from _trained_on(program)
    elif action == Stage.SECOND_GENERATION:
        yield from again(program)


def _trained_on(program: Program) -> Iterator[str]:
    yield "model = loaded"
    yield from training_on(program, None)
