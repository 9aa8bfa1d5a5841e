"""The doctor: what a working adapter can do, and what is wrong with a broken one."""

from functools import partial

import numpy as np
import pytest

from saveproof.conformance.doctor import doctor, tried
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot


def test_everything_that_the_doctor_tries_works_on_the_reference():
    subject = resolve("reference")

    findings = doctor(subject, partial(tried, subject))

    assert [finding for finding in findings if not finding.ok] == []


def test_doctor_tells_what_a_broken_adapter_raises():
    subject = KerasSubject("broken", "json")

    findings = doctor(subject, partial(tried, subject))

    assert all("AttributeError" in finding.detail for finding in findings[2:])


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

    assert all(said in finding.detail for finding in doctor(subject, partial(tried, subject))[2:])
