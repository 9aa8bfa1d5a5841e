"""Programs: where a finding was made, and the parts that the scripts of all findings share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from saveproof.conformance.checks.handling import CHANGES_NOTHING
from saveproof.conformance.checks.other_code import OTHER_CODE
from saveproof.conformance.families.keras.codegen.models import building_call, written_class
from saveproof.conformance.families.keras.codegen.paths import (
    loading,
    saving,
    saving_aside,
    training_ready,
    way_of,
)
from saveproof.conformance.families.keras.codegen.source import Lines, indented
from saveproof.conformance.families.keras.codegen.training import (
    event_lines,
    predicting,
    probe_lines,
    seeding,
    steps_lines,
)
from saveproof.conformance.families.keras.dialect import Dialect
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.keras.keras_path import SavePathSpec, done_before_the_load
from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import Defect
from saveproof.strategies.case import Case, Hop, Kind
from saveproof.strategies.departures import other_code

SECOND = "second_generation_equals_first"
ELSEWHERE = "another_process_loads_the_same"
UNBUILT = "unbuilt_model_is_refused"

_LOADS = {CHANGES_NOTHING: 0, SECOND: 2, ELSEWHERE: 2, UNBUILT: 0}
"""How often a script loads through the save path, where that is not once."""


@dataclass(frozen=True)
class Plot:
    """A script in parts: classes and functions, statements, and the exception that it ends with.

    `alive` models do something, so that the framework is asked to repeat itself; `parallel` scripts
    start another process.
    """

    functions: tuple[Lines, ...]
    body: Lines
    raises: str = "builtins.AssertionError"
    alive: bool = False
    parallel: bool = False


@dataclass(frozen=True)
class Program:
    """Where the finding was made: case, subject, save path and check.

    `before` are the save paths that save the model first.
    """

    case: Case
    subject: KerasSubject
    path: str
    check: str
    defect: Defect
    before: tuple[str, ...] = ()

    @property
    def way(self) -> SavePathSpec:
        """The save path."""
        return way_of(self.subject, self.path)

    @property
    def dialect(self) -> Dialect:
        """The subject's dialect."""
        return self.subject.dialect

    @property
    def loads(self) -> Case:
        """The case that a save path is given for the code that loads."""
        departs = self.check == OTHER_CODE and self.case.loading is not None
        return other_code(self.case) if departs else self.case.loaded_by(None)

    @property
    def code(self) -> Case:
        """The case as the code that loads has it."""
        return self.loads.as_compiled

    @property
    def code_uses(self) -> int:
        """How often something loads into what the model's code makes."""
        loads = [event.path for event in self.case.history.before if isinstance(event, Hop)]
        loads += [self.path] * _LOADS.get(self.check, 1)
        return sum(way_of(self.subject, path).code for path in loads)

    @property
    def builder(self) -> str:
        """The function that makes the model, where several lines call for it."""
        same = self.code == self.case.loaded_by(None) and all(
            done_before_the_load(self.loads).values()
        )
        return "build" if self.code_uses and same else ""

    @property
    def rebuilder(self) -> str:
        """The function that makes what is loaded into, where several lines call for it."""
        return "rebuild" if self.code_uses > 1 and not self.builder else self.builder


def train_on(program: Program, count: int, returning: Lines) -> Lines:
    """Return the function that trains on for so many steps."""
    return ["def train_on(model):", *indented(training_on(program, count)), *returning]


def training_on(program: Program, count: int | None) -> Iterator[str]:
    """Yield what trains `model` on for so many steps; for all without a count."""
    case = program.case
    if case.is_stateful or count is None:
        yield from outputs_lines(program)
    elif case.is_stochastic:
        yield seeding(case, 3)
    yield from steps_lines(case, count, resets=program.dialect.resets)


def outputs_lines(program: Program) -> Iterator[str]:
    """Yield what leaves the model's outputs in `outputs`."""
    yield seeding(program.case, 3)
    yield from probe_lines(program.case)
    yield predicting(program.case)


def saved_and_loaded(program: Program) -> Iterator[str]:
    """Yield the save of `model` and the load of `loaded`, after the saves of other paths."""
    for path in program.before:
        yield from saving_aside(way_of(program.subject, path))
    yield from saving(program.way)
    yield from loaded(program, program.path)


def loaded(program: Program, path: str) -> Iterator[str]:
    """Yield the load of `loaded`."""
    name, code, written = program.rebuilder, program.code, _written(program)[1]
    loads = program.loads if path == program.path else program.case.loaded_by(None)
    done = done_before_the_load(loads)
    made = building_call(code, "loaded", written=written, **done)
    return loading(way_of(program.subject, path), loads, [f"loaded = {name}()"] if name else made)


def again(program: Program) -> Iterator[str]:
    """Yield the save of what was loaded, and the load of that."""
    yield "model = loaded"
    yield from saved_and_loaded(replace(program, before=()))


def elsewhere_function(program: Program, then: Iterable[str], *, alive: bool) -> Lines:
    """Return the function that loads in another process, and what it does then."""
    ready = training_ready(program.way, program.case) if alive else ()
    return [
        "def elsewhere(file):",
        *indented(loaded(program, program.path)),
        *indented(ready),
        *indented(then),
    ]


def pooled(variable: str) -> Iterator[str]:
    """Yield the call of `elsewhere` in another process."""
    yield 'with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:'
    yield f"    {variable} = pool.submit(elsewhere, file).result()"


def builders(program: Program) -> Iterator[Lines]:
    """Yield the classes and functions of the model's code."""
    first, second = _written(program)
    if program.case.architecture.kind is Kind.SUBCLASSED:
        yield list(written_class(program.case.architecture, first))
        if second != first:
            yield list(written_class(program.code.architecture, second))
    if program.builder:
        yield _function(program.builder, new_model(program))
    if program.rebuilder != program.builder:
        made = building_call(program.code, written=second)
        yield _function(program.rebuilder, made)


def _written(program: Program) -> tuple[str, str]:
    """Return what the classes of a subclassed model are called, the second to load into."""
    other = program.code_uses and program.code.architecture != program.case.architecture
    return "Written", "Rewritten" if other else "Written"


def _function(name: str, made: Iterator[str]) -> Lines:
    return [f"def {name}():", *indented(made), "    return model"]


def generators_function(program: Program, facet: Facet | None) -> list[Lines]:
    """Return the function for states of random generators, if the program needs it."""
    return [list(program.dialect.generators)] if facet is Facet.RNG else []


def new_model(program: Program) -> Iterator[str]:
    """Yield what makes `model`."""
    return building_call(program.case, built=program.check != UNBUILT)


def new(program: Program) -> Iterator[str]:
    """Yield the making of `model`, by a function where there is one."""
    yield seeding(program.case, 0)
    yield from [f"model = {program.builder}()"] if program.builder else new_model(program)


def brought_up(program: Program) -> Iterator[str]:
    """Yield the making of `model`, trained as the case says."""
    yield from new(program)
    yield from history(program)


def history(program: Program) -> Iterator[str]:
    """Yield the events before the save."""
    if program.case.is_stochastic:
        yield seeding(program.case, 1)
    for index, event in enumerate(program.case.history.before):
        if isinstance(event, Hop):
            yield from saving(way_of(program.subject, event.path))
            yield from loaded(program, event.path)
            yield "model = loaded"
            if program.case.settings.run_eagerly:
                yield "model.run_eagerly = True"
        else:
            yield from event_lines(program.case, index, resets=program.dialect.resets)
