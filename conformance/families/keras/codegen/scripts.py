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
    Scene,
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
    scene = Scene(case, dialect_of(subject), path, check, finding)
    if scene.topic in set(Facet):
        return _state(scene)
    if scene.topic == "outputs":
        return _outputs(scene)
    if scene.topic == "resume":
        return _resume(scene)
    if scene.topic == "fresh":
        return _fresh(scene)
    if scene.topic == "refusal" or scene.topic in set(Stage):
        return raising(scene)
    raise NotReproducible(
        f"finding {finding.key!r}: a script shows differences and exceptions, not the end of a "
        "process; use `saveproof replay`"
    )


def _state(scene: Scene) -> Plot:
    facet = Facet(scene.topic)
    arrays = facet in ARRAYS and scene.what != "order"
    observe = look(scene.case, facet, scene.finding.where, scene.what)
    return _comparison(scene, observe, SAME if arrays else PLAIN, alive=False, facet=facet)


def _outputs(scene: Scene) -> Plot:
    several = len(scene.case.architecture.outputs) > 1
    index = scene.finding.where.rpartition(" ")[2]
    chosen = f"outputs[{index}]" if several and index.isdigit() else "outputs"
    observe = [
        "def look(model):",
        '    """Return the model\'s outputs."""',
        *indented(outputs_lines(scene)),
        f"    return {scene.dialect.array(chosen)}",
    ]
    return _comparison(scene, observe, _near(scene), alive=True)


def _resume(scene: Scene) -> Plot:
    found = re.match(r"step (\d+)(?: \(\w+\))?: (.*)", scene.finding.where)
    if found is None:
        return raising(scene)
    count, rest = int(found[1]), found[2]
    facet = next((f for f in Facet if rest.startswith(f"{f}: ")), None)
    if facet is None:
        observe = train_on(scene, count, f"np.array(logs.get({literal(rest)}))")
        return _comparison(scene, observe, _near(scene), alive=True)
    where = rest.removeprefix(f"{facet}: ")
    looking = look(scene.case, facet, where, "missing")
    observe = [*looking, "", "", *train_on(scene, count, "look(model)")]
    return _comparison(scene, observe, _near(scene), alive=True, facet=facet)


def _fresh(scene: Scene) -> Plot:
    facet = Facet(scene.finding.key.removeprefix("fresh: "))
    observe = look(scene.case, facet, scene.finding.where, "missing")
    body = [
        *new(scene),
        "fresh = look(model)",
        *history(scene),
        "trained = look(model)",
        *scene.script.saving("model", "saved"),
        *scene.script.loading(scene.case, "model", "loaded", "saved"),
        "found = look(loaded)",
    ]
    return Plot(
        functions=(*builders(scene), SAME.function, *generators_function(scene, facet), observe),
        body=body,
        defect="same(found, trained) and not same(trained, fresh)",
        values=("fresh", "trained", "found"),
    )


def _comparison(
    scene: Scene, observe: Lines, equal: Equality, *, alive: bool, facet: Facet | None = None
) -> Plot:
    """Return the plot that compares what `observe` gives of two models; `alive` ones train on."""
    name = "train_on" if any(line.startswith("def train_on") for line in observe) else "look"
    elsewhere = scene.check == ELSEWHERE
    functions = [*builders(scene)]
    if equal.function:
        functions.append(equal.function)
    functions += [*generators_function(scene, facet), observe]
    if elsewhere:
        functions.append(elsewhere_function(scene, name, alive=alive))
    return Plot(
        functions=tuple(functions),
        body=[*brought_up(scene), *_observed(scene, name, alive=alive)],
        defect=equal.defect,
        values=("expected", "found"),
        alive=alive,
        parallel=elsewhere,
    )


def _observed(scene: Scene, name: str, *, alive: bool) -> Iterator[str]:
    """Yield the save and the load, and the observations `expected` and `found`."""
    save = [*scene.script.saving("model", "saved")]
    load = [*scene.script.loading(scene.case, "model", "loaded", "saved")]
    if alive:
        load += training_ready(scene.dialect, scene.path, scene.case, "loaded")
    if scene.check == CHANGES_NOTHING:
        yield from (f"expected = {name}(model)", *save, f"found = {name}(model)")
    elif scene.check == SECOND:
        yield from (*save, *load, f"expected = {name}(loaded)", *again(scene))
        yield f"found = {name}(again)"
    elif scene.check == ELSEWHERE:
        yield from (*save, *load, f"expected = {name}(loaded)", *pooled("found"))
    elif alive:
        yield from (*save, *load, f"expected = {name}(model)", f"found = {name}(loaded)")
    else:
        yield from (f"expected = {name}(model)", *save, *load, f"found = {name}(loaded)")


def _near(scene: Scene) -> Equality:
    exactness = scene.dialect.contract(scene.path).exactness.of(scene.case)
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
