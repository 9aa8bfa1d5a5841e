"""Plots of findings about an exception: that one came, or that none did."""

from saveproof.conformance.families.keras.codegen.paths import training_ready
from saveproof.conformance.families.keras.codegen.program import (
    ELSEWHERE,
    UNBUILT,
    Plot,
    Program,
    again,
    brought_up,
    builders,
    elsewhere_function,
    history,
    new,
    pooled,
    train_on,
)
from saveproof.conformance.families.keras.codegen.source import Lines, indented, literal
from saveproof.conformance.model_state.trace import Stage
from saveproof.strategies.case import Hop


def raising(program: Program) -> Plot:
    """Return the plot of a finding about an exception: that it came, or that none did."""
    action = program.defect.action
    defect = f"raised == {literal(program.defect.exception or 'nothing')}"
    functions = [*builders(program)]
    before, tried = _tried(program)
    if action in (Stage.RESUME, Stage.ANOTHER_PROCESS):
        functions.append(train_on(program, None, ""))
    other_process = action == Stage.ANOTHER_PROCESS or program.check == ELSEWHERE
    if other_process:
        functions.append(elsewhere_function(program, "train_on", alive=True))
    body = [
        *before,
        'raised = "nothing"',
        "try:",
        *indented(tried),
        "except Exception as error:",
        '    raised = f"{type(error).__module__}.{type(error).__qualname__}"',
        '    print("message: ", error)',
    ]
    if other_process:
        defect = 'raised != "nothing"'
    return Plot(tuple(functions), body, defect, ("raised",), alive=True, parallel=other_process)


def _tried(program: Program) -> tuple[Lines, Lines]:
    """Return what goes before, and what is tried."""
    save = [*program.script.saving("model", "saved")]
    load = [*program.script.loading(program.case, "model", "loaded", "saved")]
    if program.check == UNBUILT:
        return new(program), save
    action = program.defect.action
    if action == Stage.RESUME and program.check != ELSEWHERE:
        ready = training_ready(program.dialect, program.path, program.case, "loaded")
        return [*brought_up(program), *save, *load, *ready], ["train_on(loaded)"]
    if action in (Stage.ANOTHER_PROCESS, Stage.RESUME):
        return [*brought_up(program), *save], list(pooled("tried"))
    if action == Stage.SECOND_GENERATION:
        return [*brought_up(program), *save, *load], [*again(program)]
    if any(isinstance(event, Hop) for event in program.case.history.before):
        return new(program), [*history(program), *save, *load]
    return brought_up(program), [*save, *load]
