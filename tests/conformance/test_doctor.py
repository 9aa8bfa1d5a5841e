"""The doctor: what a working adapter can do, and what is wrong with a broken one."""

from functools import partial

import numpy as np
import pytest
from typer.testing import CliRunner

from examples.linear_class import Linear
from saveproof.conformance.cli import app
from saveproof.conformance.doctor import Outcome, doctor, tried
from saveproof.conformance.families.description import Described, description_of
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Unsupported
from saveproof.strategies.capabilities import EVERYTHING
from saveproof.strategies.declared import EVENTS, LOSSES
from saveproof.strategies.optimizers import OPTIMIZERS


def examined(subject):
    """Return what the doctor finds on a subject of this process."""
    return doctor(Described(subject.name, description_of(subject)), partial(tried, subject))


def outcomes(subject):
    """Return the outcome by what was tried."""
    return {attempt.what: attempt.outcome for attempt in examined(subject)}


def test_everything_that_the_doctor_tries_works_on_the_reference():
    findings = examined(resolve("reference"))

    assert [finding for finding in findings if finding.outcome is not Outcome.WORKS] == []


def test_each_kind_layer_optimizer_loss_and_event_is_tried():
    found = outcomes(resolve("reference"))

    assert {f"loss {name}" for name in LOSSES} <= set(found)
    assert {f"optimizer {name}" for name in OPTIMIZERS} <= set(found)
    assert {f"event {name}" for name in EVENTS if name != "hop"} <= set(found)


def test_a_subject_is_judged_by_what_it_declares_and_promises():
    """The example has one layer and no names, config or optimizer in its snapshots."""
    done = CliRunner().invoke(app, ["doctor", "examples.linear_class:Linear"])

    assert done.exit_code == 0
    assert "ok  layer Dense" in done.output
    assert "NO" not in done.output
    assert "GRU" not in done.output


class Undeclared(Linear):
    """It does not say what it has."""

    capabilities = None

    def build(self, case, *, built=True):
        if len(case.architecture.layers) > 1:
            raise Unsupported("expected a model of one layer")
        return super().build(case, built=built)


def test_what_an_undeclaring_subject_does_not_support_is_not_broken():
    found = examined(Undeclared())

    assert all(attempt.ok for attempt in found)
    tried_ones = {attempt.what: attempt for attempt in found}
    assert tried_ones["layer GRU"].outcome is Outcome.MISSING
    assert tried_ones["layer GRU"].detail == "not supported: expected a model of one layer"


class Boasting(Undeclared):
    """It declares more than it does."""

    capabilities = EVERYTHING


def test_what_is_declared_and_unsupported_is_broken():
    assert outcomes(Boasting())["layer GRU"] is Outcome.BROKEN


class Blank(Linear):
    """Its snapshots lack the weights, which its path promises, and the slots."""

    def snapshot(self, model):
        return Snapshot({Facet.ITERATION: {"steps": np.array(model.steps)}})


def test_a_promised_facet_that_every_model_has_must_be_in_snapshots():
    found = {attempt.what: attempt for attempt in examined(Blank())}

    assert found["layer Dense"].outcome is Outcome.BROKEN
    assert "found none in weights" in found["layer Dense"].detail
    assert found["facet optimizer slots"].detail == "npz promises it, no snapshot shows it"


def test_doctor_tells_what_a_broken_adapter_raises():
    findings = [one for one in examined(KerasSubject("broken", "json")) if " " in one.what]

    assert all(
        "AttributeError" in finding.detail
        for finding in findings
        if finding.what.partition(" ")[0] in ("kind", "layer", "optimizer", "loss", "event")
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ((1, 2), "lists instead of tuples, found other values in names"),
        (np.int64(1), "a snapshot holds arrays and JSON values, not int64"),
    ],
)
def test_what_another_process_would_tell_otherwise_is_told(value, said, monkeypatch):
    subject = resolve("reference")
    true = type(subject).snapshot

    def snapshot(self, model):
        return Snapshot({**true(self, model).facets, Facet.NAMES: {"layer": value}})

    monkeypatch.setattr(type(subject), "snapshot", snapshot)

    assert all(
        said in finding.detail
        for finding in examined(subject)
        if finding.what.partition(" ")[0] == "layer"
    )
