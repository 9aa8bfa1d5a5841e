"""Plots: what a script does for each kind of finding, and what it compares in the end."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from conformance.contract import Facet
from conformance.reproduction.looks import look
from conformance.reproduction.models import build_function
from conformance.reproduction.paths import (
    Dialect,
    NotReproducible,
    PathScript,
    dialect_of,
    rebuild,
    training_ready,
)
from conformance.reproduction.source import Lines, indented, literal
from conformance.reproduction.training import event_lines, predicting, seeding, steps_lines
from conformance.trace import Stage
from reports.records import Finding
from strategies.case import Case, Hop

ARRAYS = frozenset(
    {
        *(Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.SLOTS, Facet.ITERATION),
        *(Facet.RNG, Facet.METRICS, Facet.RECURRENT),
    }
)
"""Facets whose entries are arrays."""

_CHANGES_NOTHING = "saving_changes_nothing"
_SECOND = "second_generation_equals_first"
_ELSEWHERE = "another_process_loads_the_same"
_UNBUILT = "unbuilt_model_is_refused"


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


@dataclass(frozen=True)
class Plot:
    """A script in parts: functions, statements, and the expression that tells the defect.

    `values` are the variables that are printed before the verdict. `alive` models do something,
    so that the framework is asked to repeat itself; `parallel` scripts start another process.
    """

    functions: tuple[Lines, ...]
    body: Lines
    defect: str
    values: tuple[str, ...]
    alive: bool = False
    parallel: bool = False


@dataclass(frozen=True)
class Scene:
    """Where the finding was made: case, save path and check."""

    case: Case
    dialect: Dialect
    path: str
    check: str
    finding: Finding

    @property
    def script(self) -> PathScript:
        """The lines of the save path."""
        return self.dialect.script(self.path)

    @property
    def topic(self) -> str:
        """What the finding's key speaks of: a facet, a stage, or a word of its own."""
        return self.finding.key.split(":")[0]

    @property
    def what(self) -> str:
        """How the values part: the last word of the key."""
        return self.finding.key.rsplit(" ", 1)[-1]


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
        return _raising(scene)
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
        *indented(_outputs_lines(scene)),
        f"    return {scene.dialect.array(chosen)}",
    ]
    return _comparison(scene, observe, _near(scene), alive=True)


def _outputs_lines(scene: Scene) -> Iterator[str]:
    yield seeding(scene.case, 3)
    yield from predicting(scene.case, "model")


def _resume(scene: Scene) -> Plot:
    found = re.match(r"step (\d+)(?: \(\w+\))?: (.*)", scene.finding.where)
    if found is None:
        return _raising(scene)
    count, rest = int(found[1]), found[2]
    facet = next((f for f in Facet if rest.startswith(f"{f}: ")), None)
    if facet is None:
        observe = _train_on(scene, count, f'np.array(logs.get("{rest}"))')
        return _comparison(scene, observe, _near(scene), alive=True)
    where = rest.removeprefix(f"{facet}: ")
    looking = look(scene.case, facet, where, "missing")
    observe = [*looking, "", "", *_train_on(scene, count, "look(model)")]
    return _comparison(scene, observe, _near(scene), alive=True, facet=facet)


def _train_on(scene: Scene, count: int | None, returned: str) -> Lines:
    """Return the function that trains on for so many steps; for all without a count."""
    case = scene.case
    name = "steps" if count is None else f"{count} step{'s' if count > 1 else ''}"
    stateful = case.is_stateful or count is None
    opening = _outputs_lines(scene) if stateful else iter([seeding(case, 3)])
    return [
        "def train_on(model):",
        f'    """Train on, and return what comes of {name}."""',
        *indented(opening),
        *indented(steps_lines(case, count)),
        *([f"    return {returned}"] if returned else []),
    ]


def _fresh(scene: Scene) -> Plot:
    facet = Facet(scene.finding.key.removeprefix("fresh: "))
    observe = look(scene.case, facet, scene.finding.where, "missing")
    body = [
        *_new(scene),
        "fresh = look(model)",
        *_history(scene),
        "trained = look(model)",
        *scene.script.saving("model", "saved"),
        *scene.script.loading(scene.case, "model", "loaded", "saved"),
        "found = look(loaded)",
    ]
    return Plot(
        functions=(*_builders(scene), SAME.function, *_generators(scene, facet), observe),
        body=body,
        defect="same(found, trained) and not same(trained, fresh)",
        values=("fresh", "trained", "found"),
    )


def _raising(scene: Scene) -> Plot:
    """Return the plot of a finding about an exception: that it came, or that none did."""
    kind = _exception(scene.finding.key)
    defect = f"raised == {literal(kind or 'nothing')}"
    functions = [*_builders(scene)]
    before, tried = _tried(scene)
    if scene.topic == "resume" or scene.topic == Stage.ANOTHER_PROCESS:
        functions.append(_train_on(scene, None, ""))
    elsewhere = scene.topic == Stage.ANOTHER_PROCESS or scene.check == _ELSEWHERE
    if elsewhere:
        functions.append(_elsewhere(scene, "train_on", alive=True))
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
    if scene.check == _UNBUILT:
        return _new(scene), save
    if scene.topic == "resume" and scene.check != _ELSEWHERE:
        ready = training_ready(scene.dialect, scene.path, scene.case, "loaded")
        return [*_brought_up(scene), *save, *load, *ready], ["train_on(loaded)"]
    if scene.topic in (Stage.ANOTHER_PROCESS, "resume"):
        return [*_brought_up(scene), *save], list(_pooled("tried"))
    if scene.topic == Stage.SECOND_GENERATION:
        return [*_brought_up(scene), *save, *load], [*_again(scene)]
    if any(isinstance(event, Hop) for event in scene.case.history.before):
        return _new(scene), [*_history(scene), *save, *load]
    return _brought_up(scene), [*save, *load]


def _comparison(
    scene: Scene, observe: Lines, equal: Equality, *, alive: bool, facet: Facet | None = None
) -> Plot:
    """Return the plot that compares what `observe` gives of two models; `alive` ones train on."""
    name = "train_on" if any(line.startswith("def train_on") for line in observe) else "look"
    elsewhere = scene.check == _ELSEWHERE
    functions = [*_builders(scene)]
    if equal.function:
        functions.append(equal.function)
    functions += [*_generators(scene, facet), observe]
    if elsewhere:
        functions.append(_elsewhere(scene, name, alive=alive))
    return Plot(
        functions=tuple(functions),
        body=[*_brought_up(scene), *_observed(scene, name, alive=alive)],
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
    if scene.check == _CHANGES_NOTHING:
        yield from (f"expected = {name}(model)", *save, f"found = {name}(model)")
    elif scene.check == _SECOND:
        yield from (*save, *load, f"expected = {name}(loaded)", *_again(scene))
        yield f"found = {name}(again)"
    elif scene.check == _ELSEWHERE:
        yield from (*save, *load, f"expected = {name}(loaded)", *_pooled("found"))
    elif alive:
        yield from (*save, *load, f"expected = {name}(model)", f"found = {name}(loaded)")
    else:
        yield from (f"expected = {name}(model)", *save, *load, f"found = {name}(loaded)")


def _again(scene: Scene) -> Iterator[str]:
    yield from scene.script.saving("loaded", "saved_again")
    yield from scene.script.loading(scene.case, "loaded", "again", "saved_again")


def _elsewhere(scene: Scene, name: str, *, alive: bool) -> Lines:
    load = [*scene.script.loading(scene.case, "model", "loaded", "saved")]
    if alive:
        load += training_ready(scene.dialect, scene.path, scene.case, "loaded")
    return [
        "def elsewhere(folder):",
        '    """Load in another process."""',
        *indented(load),
        f"    return {name}(loaded)",
    ]


def _pooled(variable: str) -> Iterator[str]:
    yield 'with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:'
    yield f"    {variable} = pool.submit(elsewhere, folder).result()"


def _builders(scene: Scene) -> Iterable[Lines]:
    built = scene.check != _UNBUILT
    yield list(build_function("build", scene.case, built=built))
    if _uses_code(scene) and rebuild(scene.case) == "rebuild":
        yield list(build_function("rebuild", scene.case.in_force))


def _uses_code(scene: Scene) -> bool:
    hops = [event.path for event in scene.case.history.before if isinstance(event, Hop)]
    return built_by_code(scene.dialect, [scene.path, *hops])


def built_by_code(dialect: Dialect, paths: Iterable[str]) -> bool:
    """Say whether a load through one of the paths builds the model anew."""
    return any(dialect.script(path).code for path in paths)


def _generators(scene: Scene, facet: Facet | None) -> Iterable[Lines]:
    return [list(scene.dialect.generators)] if facet is Facet.RNG else []


def _brought_up(scene: Scene) -> Lines:
    return [*_new(scene), *_history(scene)]


def _new(scene: Scene) -> Lines:
    return [seeding(scene.case, 0), "model = build()"]


def _history(scene: Scene) -> Iterator[str]:
    if scene.case.is_stochastic:
        yield seeding(scene.case, 1)
    for index, event in enumerate(scene.case.history.before):
        if isinstance(event, Hop):
            script, stem = scene.dialect.script(event.path), f"hop_{index}"
            yield from script.saving("model", stem)
            yield from script.loading(scene.case, "model", "model", stem)
            if scene.case.settings.run_eagerly:
                yield "model.run_eagerly = True"
        else:
            yield from event_lines(scene.case, index)


def _near(scene: Scene) -> Equality:
    exactness = scene.dialect.contract(scene.path).exactness
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
