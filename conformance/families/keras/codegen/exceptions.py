"""Plots of findings about an exception: that one came, or that none did."""

import re

from saveproof.conformance.families.keras.codegen.paths import training_ready
from saveproof.conformance.families.keras.codegen.program import (
    ELSEWHERE,
    UNBUILT,
    Plot,
    Scene,
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


def raising(scene: Scene) -> Plot:
    """Return the plot of a finding about an exception: that it came, or that none did."""
    kind = _exception(scene.finding.key)
    defect = f"raised == {literal(kind or 'nothing')}"
    functions = [*builders(scene)]
    before, tried = _tried(scene)
    if scene.topic == "resume" or scene.topic == Stage.ANOTHER_PROCESS:
        functions.append(train_on(scene, None, ""))
    elsewhere = scene.topic == Stage.ANOTHER_PROCESS or scene.check == ELSEWHERE
    if elsewhere:
        functions.append(elsewhere_function(scene, "train_on", alive=True))
    body = [
        *before,
        'raised = "nothing"',
        "try:",
        *indented(tried),
        "except Exception as error:",
        '    raised = f"{type(error).__module__}.{type(error).__qualname__}"',
        '    print("message: ", error)',
    ]
    if elsewhere:
        defect = 'raised != "nothing"'
    return Plot(tuple(functions), body, defect, ("raised",), alive=True, parallel=elsewhere)


def _exception(key: str) -> str:
    found = re.search(r"(?:raised|unclear) ([\w.]+)", key)
    return found[1] if found else ""


def _tried(scene: Scene) -> tuple[Lines, Lines]:
    """Return what goes before, and what is tried."""
    save = [*scene.script.saving("model", "saved")]
    load = [*scene.script.loading(scene.case, "model", "loaded", "saved")]
    if scene.check == UNBUILT:
        return new(scene), save
    if scene.topic == "resume" and scene.check != ELSEWHERE:
        ready = training_ready(scene.dialect, scene.path, scene.case, "loaded")
        return [*brought_up(scene), *save, *load, *ready], ["train_on(loaded)"]
    if scene.topic in (Stage.ANOTHER_PROCESS, "resume"):
        return [*brought_up(scene), *save], list(pooled("tried"))
    if scene.topic == Stage.SECOND_GENERATION:
        return [*brought_up(scene), *save, *load], [*again(scene)]
    if any(isinstance(event, Hop) for event in scene.case.history.before):
        return new(scene), [*history(scene), *save, *load]
    return brought_up(scene), [*save, *load]
