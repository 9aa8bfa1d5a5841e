"""Loads into other code on the reference: what runs, what a script prints, what a campaign asks."""

import numpy as np
import pytest
from msgspec.structs import replace

from saveproof.conformance import repro
from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.in_process import InThisProcess
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.checks import EVERY_CHECK, checks_for, judge
from saveproof.conformance.checks.other_code import OTHER_CODE
from saveproof.conformance.execution.runner import Question, path_of, record
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.contract import Demand, Facet
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Change, Defect, DefectKind, Difference
from saveproof.reports.records import Verdict
from saveproof.strategies import data
from saveproof.strategies.case import Departure, Kind, SetTrainable, TrainOnBatch
from saveproof.strategies.cases import cases
from saveproof.strategies.departures import other_code, with_departure
from tests.conformance.test_programs import noting  # noqa: F401 - a fixture
from tests.conformance.test_repro import case_of, chain

REFERENCE = resolve("reference")
CODE_PATHS = [path.name for path in REFERENCE.paths() if path.contract.other_code]
PAIRS = [
    (path.name, departure) for path in REFERENCE.paths() for departure in path.contract.other_code
]
STEP = TrainOnBatch(1, 2)
EVENTS = (STEP, SetTrainable("first", value=False))


def case_with(departure: Departure):
    """Return a case that can depart so: a frozen layer can be thawed, and another one frozen."""
    before = (STEP,) if departure is Departure.FROZEN else EVENTS
    case = with_departure(case_of(chain(Kind.SUBCLASSED), *before), departure)
    assert case.loading is departure
    return case


def test_the_paths_that_need_code_are_those_with_demands():
    assert CODE_PATHS == ["weights_in_memory", "weights_h5", "weights_v3_h5", "checkpoint"]


@pytest.mark.parametrize(("path", "departure"), PAIRS)
def test_the_reference_loads_right_or_refuses(path, departure, tmp_path):
    case = case_with(departure)
    asked = Question(path, EVERY_CHECK, frozenset({Probe.OTHER_CODE}))

    (trace,) = record(REFERENCE, case, [asked], tmp_path)

    judged = {judgement.check: judgement for judgement in judge(trace)}
    demand = path_of(REFERENCE, path).contract.other_code[departure]
    allowed = {Demand.RIGHT: {"pass"}, Demand.REFUSED: {"refused"}}
    assert judged[OTHER_CODE].verdict in allowed.get(demand, {"pass", "refused"})
    assert judged["weights_survive"].verdict is Verdict.PASS


@pytest.mark.parametrize(("path", "departure"), PAIRS)
def test_what_loads_is_what_is_printed(noting, path, departure, tmp_path):  # noqa: F811
    """The script has every statement of the load, with the departing code in it."""
    case = case_with(departure)
    model = noting.build(case)
    for index, event in enumerate(case.history.before):
        noting.perform(model, event, data.rows(case, index))
    way = path_of(noting, path)
    source = way.save(model, tmp_path / "model")
    noting.noted_source.clear()
    try:
        way.load(source, other_code(case))
    except ValueError:
        assert way.contract.other_code[departure] is not Demand.RIGHT
    defect = Defect(DefectKind.NOT_REFUSED, Difference("refusal", "an error", "none"))

    script = repro.script(case, "reference", path, OTHER_CODE, defect)

    printed = {line.strip() for line in script.splitlines()}
    (ran,) = noting.noted_source
    unprinted = {line.strip() for line in ran.splitlines() if line.strip() not in printed}
    elsewhere = {line for line in unprinted if line.replace("loaded", "model") not in printed}
    assert {line.replace("Written", "Rewritten") for line in elsewhere} <= printed


def test_the_code_that_loads_stands_apart_from_that_which_saved():
    case = case_with(Departure.HEAD)
    defect = Defect(DefectKind.NOT_REFUSED, Difference("refusal", "an error", "none"))

    script = repro.script(case, "reference", "weights_h5", OTHER_CODE, defect)

    saved, loads = script.split("class Rewritten(keras.Model):")
    assert f"units={case.architecture.layers[-1].config['units']}" in saved
    assert f"units={2 * case.architecture.layers[-1].config['units']}" in loads
    assert "loaded = Rewritten(" in loads


def state(facet, where):
    return Defect(
        DefectKind.STATE, Difference(where, "1", "2", Change.VALUE), facet=facet, loading="x"
    )


@pytest.mark.parametrize(
    ("departure", "facet", "where"),
    [
        (Departure.NUMBERED, Facet.WEIGHTS, "last/0 kernel"),
        (Departure.DTYPE, Facet.WEIGHTS, "last/0 kernel"),
        (Departure.FIRST_STEP, Facet.SLOTS, "0 m"),
    ],
)
def test_a_script_on_a_right_load_ends_without_an_error(departure, facet, where):
    """So that its error on a wrong one tells of the load."""
    case = case_with(departure)
    name = case.architecture.layers[-1].name
    defect = state(facet, where.replace("last", name))

    script = repro.script(case, "reference", "weights_v3_h5", OTHER_CODE, defect)

    with pytest.raises(repro.NotConfirmed, match="found 0 from"):
        repro.confirm(script, subject="reference")


def test_a_campaign_asks_in_turn_and_keeps_plain_findings_plain():
    contract = path_of(REFERENCE, "weights_h5").contract
    plan = Plan(
        *("reference", "weights_h5", "subclassed", cases(kinds=(Kind.SUBCLASSED,))),
        checks=tuple(one for one in checks_for(contract) if one.name == OTHER_CODE),
        examples=3,
        departures=tuple(contract.other_code),
    )
    asked = []

    class Noted(InThisProcess):
        def call(self, request, *, seconds):
            asked.append(request)
            return super().call(request, seconds=seconds)

    (result,) = Campaign(plan, Noted(REFERENCE), lambda _: None).run()

    assert len(asked) == 3
    assert all(b"loading" in request for request in asked)
    assert sum(result.tally.values()) == 3
    assert not result.findings


def test_arrays_in_memory_are_not_taken_for_a_batch(tmp_path):
    """Code that trains before it sets weights has both at once."""
    case = case_with(Departure.FIRST_STEP)
    asked = Question("weights_in_memory", frozenset({OTHER_CODE}), frozenset({Probe.OTHER_CODE}))

    (trace,) = record(REFERENCE, case, [asked], tmp_path)

    before, loaded = trace.before[Facet.WEIGHTS], trace.other_code.loaded[Facet.WEIGHTS]
    assert all(np.array_equal(before[name], loaded[name]) for name in before)
    assert trace.other_code.loaded[Facet.ITERATION]["iterations"] == 1


def test_without_a_departure_there_is_no_second_load(tmp_path):
    case = replace(case_with(Departure.HEAD), loading=None)
    asked = Question("weights_h5", EVERY_CHECK, frozenset(Probe) - {Probe.ANOTHER_PROCESS})

    (trace,) = record(REFERENCE, case, [asked], tmp_path)

    assert trace.other_code is None
