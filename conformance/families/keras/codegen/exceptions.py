"""Plots of findings about an exception: that one came, or that none did."""

import re

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
    kind = _exception(program.finding.key)
    defect = f"raised == {literal(kind or 'nothing')}"
    functions = [*builders(program)]
    before, tried = _tried(program)
    if program.topic == "resume" or program.topic == Stage.ANOTHER_PROCESS:
        functions.append(train_on(program, None, ""))
    other_process = program.topic == Stage.ANOTHER_PROCESS or program.check == ELSEWHERE
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


def _exception(key: str) -> str:
    found = re.search(r"(?:raised|unclear) ([\w.]+)", key)
    return found[1] if found else ""


def _tried(program: Program) -> tuple[Lines, Lines]:
    """Return what goes before, and what is tried."""
    save = [*program.script.saving("model", "saved")]
    load = [*program.script.loading(program.case, "model", "loaded", "saved")]
    if program.check == UNBUILT:
        return new(program), save
    if program.topic == "resume" and program.check != ELSEWHERE:
        ready = training_ready(program.dialect, program.path, program.case, "loaded")
        return [*brought_up(program), *save, *load, *ready], ["train_on(loaded)"]
    if program.topic in (Stage.ANOTHER_PROCESS, "resume"):
        return [*brought_up(program), *save], list(pooled("tried"))
    if program.topic == Stage.SECOND_GENERATION:
        return [*brought_up(program), *save, *load], [*again(program)]
    if any(isinstance(event, Hop) for event in program.case.history.before):
        return new(program), [*history(program), *save, *load]
    return brought_up(program), [*save, *load]
