"""Where a finding was made, and the parts that the scripts of all findings share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from saveproof.conformance.families.keras.codegen.models import build_function
from saveproof.conformance.families.keras.codegen.paths import (
    Dialect,
    PathScript,
    rebuild,
    training_ready,
)
from saveproof.conformance.families.keras.codegen.source import Lines, indented
from saveproof.conformance.families.keras.codegen.training import (
    event_lines,
    predicting,
    seeding,
    steps_lines,
)
from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import Defect
from saveproof.strategies.case import Case, Hop

CHANGES_NOTHING = "saving_changes_nothing"
SECOND = "second_generation_equals_first"
ELSEWHERE = "another_process_loads_the_same"
UNBUILT = "unbuilt_model_is_refused"


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
class Program:
    """Where the finding was made: case, save path and check."""

    case: Case
    dialect: Dialect
    path: str
    check: str
    defect: Defect

    @property
    def script(self) -> PathScript:
        """The lines of the save path."""
        return self.dialect.script(self.path)

    @property
    def resets(self) -> bool:
        """Whether metrics must be told to forget before each batch, as in Keras 3."""
        return bool(self.dialect.backend)


def train_on(program: Program, count: int | None, returned: str) -> Lines:
    """Return the function that trains on for so many steps; for all without a count."""
    case = program.case
    name = "steps" if count is None else f"{count} step{'s' if count > 1 else ''}"
    stateful = case.is_stateful or count is None
    opening = outputs_lines(program) if stateful else iter([seeding(case, 3)])
    return [
        "def train_on(model):",
        f'    """Train on, and return what comes of {name}."""',
        *indented(opening),
        *indented(steps_lines(case, count, resets=program.resets)),
        *([f"    return {returned}"] if returned else []),
    ]


def outputs_lines(program: Program) -> Iterator[str]:
    """Yield what leaves the model's outputs in `outputs`."""
    yield seeding(program.case, 3)
    yield from predicting(program.case, "model")


def again(program: Program) -> Iterator[str]:
    """Yield the save of the loaded model, and the load of that as `again`."""
    yield from program.script.saving("loaded", "saved_again")
    yield from program.script.loading(program.case, "loaded", "again", "saved_again")


def elsewhere_function(program: Program, name: str, *, alive: bool) -> Lines:
    """Return the function that loads in another process and gives what `name` returns."""
    load = [*program.script.loading(program.case, "model", "loaded", "saved")]
    if alive:
        load += training_ready(program.dialect, program.path, program.case, "loaded")
    return [
        "def elsewhere(folder):",
        '    """Load in another process."""',
        *indented(load),
        f"    return {name}(loaded)",
    ]


def pooled(variable: str) -> Iterator[str]:
    """Yield the call of `elsewhere` in another process."""
    yield 'with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:'
    yield f"    {variable} = pool.submit(elsewhere, folder).result()"


def builders(program: Program) -> Iterable[Lines]:
    """Yield the functions that stand for the model's code."""
    built = program.check != UNBUILT
    yield list(build_function("build", program.case, built=built))
    if _uses_code(program) and rebuild(program.case) == "rebuild":
        yield list(build_function("rebuild", program.case.in_force))


def _uses_code(program: Program) -> bool:
    hops = [event.path for event in program.case.history.before if isinstance(event, Hop)]
    return any(program.dialect.script(path).code for path in (program.path, *hops))


def generators_function(program: Program, facet: Facet | None) -> Iterable[Lines]:
    """Yield what tells the state of random generators, where it is asked for."""
    return [list(program.dialect.generators)] if facet is Facet.RNG else []


def brought_up(program: Program) -> Lines:
    """Return the making of `model`, trained as the case says."""
    return [*new(program), *history(program)]


def new(program: Program) -> Lines:
    """Return the making of `model`."""
    return [seeding(program.case, 0), "model = build()"]


def history(program: Program) -> Iterator[str]:
    """Yield the events before the save."""
    if program.case.is_stochastic:
        yield seeding(program.case, 1)
    for index, event in enumerate(program.case.history.before):
        if isinstance(event, Hop):
            script, stem = program.dialect.script(event.path), f"hop_{index}"
            yield from script.saving("model", stem)
            yield from script.loading(program.case, "model", "model", stem)
            if program.case.settings.run_eagerly:
                yield "model.run_eagerly = True"
        else:
            yield from event_lines(program.case, index, resets=program.resets)
