"""Exchanges between linear subjects: what comes through, what is lost, and how near it is."""

import numpy as np
import pytest
from typer.testing import CliRunner

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.cli import app
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.interchange.exchange import EXCHANGE
from saveproof.conformance.interchange.judging import CHECKS
from saveproof.conformance.interchange.pairs import (
    ACROSS,
    Exchange,
    Pair,
    UnknownFormat,
    exchange_of,
    exchanges,
)
from saveproof.conformance.interchange.perturbed import SIZE, PerturbedSubject
from saveproof.conformance.interchange.selection import interchange_job
from saveproof.conformance.interchange.words import comparable, in_common
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs import runner
from saveproof.conformance.runs.options import InterchangeOptions, validated
from saveproof.conformance.runs.progress import Reporter
from saveproof.reports import store
from saveproof.reports.records import Result, Verdict
from saveproof.strategies import data
from saveproof.strategies.case import from_json
from tests.conformance.conftest import LINEAR_CASES
from tests.conformance.test_foreign import ROOT
from tests.conformance.travelling import HERE

EXACT = f"{HERE}:exact"


@pytest.fixture(scope="module")
def child():
    with Child(EXCHANGE) as child:
        yield child


@pytest.fixture
def exchanged(child):
    """Return the results, by check, of some cases written by one subject and read by another."""

    def exchanged(reader: str, *, writer: str = "exact", examples: int = 8) -> dict[str, Result]:
        at = exchange_of(Pair(f"{HERE}:{writer}", f"{HERE}:{reader}"), "npz")
        plan = Plan(
            *(at.pair.name, "npz", "sequential", LINEAR_CASES),
            checks=tuple(c for c in CHECKS if at.contract.speaks_of(c.facets)),
            examples=examples,
            shrink_seconds=3.0,
        )
        return {r.check: r for r in Campaign(plan, child, lambda _: None).run()}

    return exchanged


def between(writer: str, reader: str) -> dict[str, Exchange]:
    """Return what two built-in subjects exchange, by format."""
    return {one.format: one for one in exchanges(Pair(writer, reader))}


def test_one_implementation_in_two_processes_is_exact(exchanged):
    results = exchanged("exact")

    assert results["resume_trajectory_is_identical"].verdict is Verdict.PASS
    assert results["resume_trajectory_is_identical"].distance == 0.0
    assert results["weights_survive"].tally[Verdict.PASS] > 0


def test_two_implementations_may_part_in_their_last_bits(exchanged):
    results = exchanged("rounds")

    distance = results["resume_trajectory_is_identical"].distance
    assert results["resume_trajectory_is_identical"].verdict is Verdict.PASS
    assert distance is not None
    assert 0.0 < distance < 1e-5


def test_a_reader_that_loses_momentum_is_found_by_name(exchanged):
    results = exchanged("forgets")

    slots = results["optimizer_slots_survive"]
    assert slots.verdict is Verdict.FAIL
    assert [finding.defect.where for finding in slots.findings] == ["momentum/0"]
    assert results["resume_trajectory_is_identical"].verdict is Verdict.FAIL
    assert results["weights_survive"].verdict is Verdict.PASS


def test_a_load_that_raises_is_a_failure_where_the_reader_claims_the_format(exchanged):
    failed = exchanged("refuses")["round_trip_completes"]
    missed = exchanged("hopes")["round_trip_completes"]

    assert failed.verdict is Verdict.FAIL
    assert "reads no file of that version" in failed.findings[0].defect.difference.found
    assert missed.verdict is Verdict.GAP


def test_a_reader_that_dies_is_told_from_a_harness_error(exchanged):
    result = exchanged("dies")["round_trip_completes"]

    assert result.verdict is Verdict.FAIL
    assert "exit code 7" in result.findings[0].defect.difference.found


def test_a_format_is_exchanged_where_one_writes_and_the_other_reads_it():
    assert list(between("tf_keras", "tf_keras")) == [
        *("h5-keras2", "savedmodel", "archive-keras2", "json-keras2"),
        *("weights-h5", "json-weights-h5", "checkpoint", "weights-v3-keras2"),
    ]
    assert not any(name.endswith("keras3") for name in between("tf_keras", "keras"))
    assert "archive-keras2" in between("tf_keras", "keras")
    assert "archive-keras3" not in between("keras", "tf_keras")


def test_a_format_that_nobody_exchanges_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownFormat, match=r"archive-keras2.*'zarr'"):
        exchange_of(Pair("tf_keras", "keras"), "zarr")


def test_a_path_that_nobody_else_reads_is_no_exchange():
    assert not list(exchanges(Pair(f"{HERE}:keeps_to_itself", EXACT)))


def test_the_contract_is_the_weaker_of_both_sides():
    foreign = between("tf_keras", "keras")["h5-keras2"].contract
    own = between("tf_keras", "tf_keras")["h5-keras2"].contract

    assert foreign.file_promise(Facet.WEIGHTS) is Promise.SHOULD
    assert own.file_promise(Facet.WEIGHTS) is Promise.MUST
    assert own.file_promise(Facet.RNG) is Promise.SHOULD
    assert foreign.file_promise(Facet.RNG) is None
    assert foreign.exactness is ACROSS
    assert own.exactness.atol == 0.0


def test_an_older_release_need_not_read_what_a_newer_one_wrote(monkeypatch):
    newer, older = {"keras": "3.15.1"}, {"keras": "3.4.1"}
    claims = []
    for writer, reader in ((newer, older), (older, newer)):
        told = {"keras:jax": writer, "keras:torch": reader}
        monkeypatch.setattr(KerasSubject, "environment", lambda self, told=told: told[self.name])
        claims.append(between("keras:jax", "keras:torch")["archive-keras3"].claim)

    assert claims == [Promise.SHOULD, Promise.MUST]


def test_slots_of_two_dialects_are_compared_by_what_they_are():
    kernel, bias = np.ones((2, 2)), np.ones(2)
    keras_2 = Snapshot({Facet.SLOTS: {"0 m": kernel, "1 v": kernel, "2 m": bias, "3 v": bias}})
    keras_3 = Snapshot(
        {
            Facet.SLOTS: {
                "0 momentum": kernel,
                "1 velocity": kernel,
                "2 momentum": bias,
                "3 velocity": bias,
            }
        }
    )

    assert list(comparable(keras_2)[Facet.SLOTS]) == list(comparable(keras_3)[Facet.SLOTS])


def test_slots_that_nothing_reads_are_not_compared():
    told = Snapshot(
        {Facet.SLOTS: {"0 m": np.zeros(2)}, Facet.OPTIMIZER: {"class_name": "SGD", "momentum": 0.0}}
    )

    assert comparable(told)[Facet.SLOTS] == {}


def test_a_product_of_momenta_alone_is_no_slot():
    """Nadam keeps it before the first step, when a reader may have made the other slots already."""
    told = {Facet.OPTIMIZER: {"class_name": "Nadam"}, Facet.SLOTS: {"_u_product": np.ones(())}}
    stepped = told | {Facet.SLOTS: {**told[Facet.SLOTS], "1 m": np.ones(2), "2 v": np.ones(2)}}

    assert comparable(Snapshot(told))[Facet.SLOTS] == {}
    assert list(comparable(Snapshot(stepped))[Facet.SLOTS]) == [
        *("_u_product/0", "momentum/0", "velocity/0")
    ]


def test_arguments_are_told_in_any_order():
    one = {"loss/0": "Huber", "loss/0/delta": 0.4, "metrics/0": "mae"}
    other = dict(sorted(one.items(), reverse=True))

    told = [comparable(Snapshot({Facet.COMPILE: settings})) for settings in (one, other)]

    assert list(told[0][Facet.COMPILE]) == list(told[1][Facet.COMPILE])


def test_what_a_model_is_told_twice_is_told_alike():
    told = Snapshot({Facet.NAMES: {"layers": ["a"]}, Facet.LEARNING_RATE: {"learning_rate": 0.1}})

    assert comparable(comparable(told)) == comparable(told)
    assert comparable(told)[Facet.LEARNING_RATE]["learning_rate"] == float(np.float32(0.1))


def test_an_argument_of_one_dialect_is_not_missed_by_the_other():
    one = Snapshot({Facet.OPTIMIZER: {"class_name": "Adam", "jit_compile": False, "beta_1": 0.5}})
    other = Snapshot({Facet.OPTIMIZER: {"class_name": "Adam", "loss_scale": None, "beta_1": 0.5}})

    a, b = in_common(one, other)

    assert a[Facet.OPTIMIZER] == b[Facet.OPTIMIZER] == {"class_name": "Adam", "beta_1": 0.5}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ([1, 2], -1, False),
        ([1, 2], [-2, -1], True),
        (-1, 2, True),
        (-1, [-1], True),
        (-1, -2, False),
        (1, [2], False),
        (None, 1, False),
    ],
)
def test_axes_are_compared_from_whichever_end_they_are_counted(one, other, alike):
    """Keras 3 uses the last axis alone of several in HDF5: without them no issue matches that."""
    before, loaded = (Snapshot({Facet.ARGUMENTS: {"soft/axis": axis}}) for axis in (one, other))

    a, b = in_common(comparable(before), comparable(loaded))

    assert (a == b) is alike


def test_an_optimizer_that_is_gone_is_missed():
    one = Snapshot({Facet.OPTIMIZER: {"class_name": "Adam", "beta_1": 0.5}})
    none = Snapshot({Facet.OPTIMIZER: {}})

    assert in_common(one, none)[0] == one


def test_perturbed_data_differ_in_their_last_bits_and_always_alike():
    case = from_json((ROOT / "tests/strategies/minimal_case.json").read_bytes())
    subject, turned = (PerturbedSubject(resolve(EXACT), seed=1, turn=turn) for turn in (1, 2))
    plain = resolve(EXACT)
    model = plain.build(case)
    inputs = data.probe(case)

    first, again = (subject.predict(model, inputs)[0] for _ in range(2))

    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != turned.predict(model, inputs)[0].tobytes()
    assert first.tobytes() != plain.predict(model, inputs)[0].tobytes()
    assert np.allclose(first, plain.predict(model, inputs)[0], rtol=0, atol=20 * SIZE)


@pytest.fixture
def run(tmp_path):
    """Run exchanges between subjects; return the exit code and the run."""

    def run(*subjects: str, workers: str = "0", **given) -> tuple[int, store.Run]:
        asked = {"kind": ["sequential"], "out": tmp_path, "shrink": 2.0, "subject": subjects}
        options = validated(InterchangeOptions, asked | given)
        code = runner.run(interchange_job(options, "saveproof interchange"), workers)
        return code, store.read(tmp_path)

    return run


def test_a_run_has_every_pair_and_ends_with_its_findings(run, tmp_path):
    code, done = run(EXACT, f"{HERE}:forgets", examples=6)

    assert len(done.header.subjects) == len({result.subject for result in done.results}) == 4
    assert code == 1
    assert "optimizer slots" in (tmp_path / "report.html").read_text()


def test_a_run_across_leaves_out_what_a_subject_reads_of_its_own(run):
    names = (EXACT, f"{HERE}:forgets")

    _, done = run(*names, across=True, examples=1)

    pairs = {(subject.writer, subject.reader) for subject in done.header.subjects}
    assert pairs == {names, names[::-1]}


def test_an_interrupted_run_keeps_what_it_has_found(run, monkeypatch):
    def interrupt(_: Reporter, *, last: bool = False) -> None:
        if not last:
            raise KeyboardInterrupt

    monkeypatch.setattr(Reporter, "examined", interrupt)

    code, done = run(EXACT, examples=3)

    assert not done.complete
    assert code == 2
    assert done.results


def test_several_workers_come_to_an_end(run):
    _, done = run(EXACT, examples=2, workers="2")

    assert done.complete
    assert {result.path for result in done.results} == {"npz"}


def test_the_command_refuses_a_format_that_there_is_not(tmp_path):
    arguments = ["interchange", EXACT, "--format", "zarr", "--out", str(tmp_path)]

    done = CliRunner().invoke(app, arguments)

    assert done.exit_code == 2
    assert "expected formats that these subjects share, ['npz'], found ['zarr']" in done.output


def test_the_command_prints_the_grid(tmp_path):
    arguments = ["interchange", EXACT, "--kind", "sequential", "--examples", "3"]

    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])

    assert done.exit_code == 0, done.output
    assert "written by" in done.output
    assert "exact" in done.output
