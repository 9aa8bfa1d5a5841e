"""Subjects of plain functions: what they record, and that a fault in one is found."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import saveproof
from benchmarks.own_subjects import code_lines
from examples import linear_subject
from examples.linear_subject import linear
from saveproof.conformance.families.simple import InvalidWords, facet
from saveproof.conformance.model_state.contract import Contract, Facet, Promise
from saveproof.reports.records import SHOWN_NOTHING, Verdict
from saveproof.strategies.case import Fit, ResetMetrics
from saveproof.strategies.data import Rows
from saveproof.strategies.declared import checked

ROOT = Path(__file__).parents[2]


def forgets_momentum(file, _):
    arrays = dict(np.load(file))
    return arrays | {"momentum": np.zeros_like(arrays["momentum"])}


def made(**changes):
    """Return the linear subject with other functions."""
    functions = {
        "build": linear_subject.build,
        "train": linear_subject.train,
        "predict": linear.compute,
        "state": linear.state,
        "paths": {"npz": (linear.offered[0].write, linear.offered[0].read)},
        "capabilities": linear.capabilities,
    }
    return saveproof.simple_subject("made", **(functions | changes))


def judged(run, check):
    """Return the number of cases on which the check was judged, and of all."""
    (result,) = (one for one in run.results if one.check == check)
    shown = Counter(result.tally)
    return sum(n for v, n in shown.items() if v not in SHOWN_NOTHING), sum(shown.values())


def shown_in_the_document():
    """Return the Python blocks of the document on subjects."""
    text = (ROOT / "docs/add-a-subject.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_document_shows_the_linear_example_as_it_is():
    source = (ROOT / "examples/linear_subject.py").read_text(encoding="utf-8")

    assert source.endswith(shown_in_the_document()[0])


def test_the_linear_example_takes_at_most_20_lines_of_code():
    source = (ROOT / "examples/linear_subject.py").read_text(encoding="utf-8")

    assert code_lines(source) <= 20
    assert code_lines('"A docstring."\n\nx = (\n    1,  # one\n)\n# two\n') == 3


def test_the_capabilities_that_the_document_shows_are_valid():
    (block,) = (one for one in shown_in_the_document() if one.startswith("capabilities = "))
    names = {"Capabilities": saveproof.Capabilities}

    exec(block, names)

    assert checked(names["capabilities"]).max_layers == 4


def test_every_case_of_the_linear_example_is_judged():
    run = saveproof.check(linear, checks=["resume_trajectory_is_identical"])

    assert judged(run, "resume_trajectory_is_identical") == (30, 30)
    assert not run.unexpected


def test_a_simple_subject_that_loses_a_slot_is_found():
    lossy = made(paths={"npz": (linear.offered[0].write, forgets_momentum)})

    run = saveproof.check(lossy, checks=["optimizer_slots_survive"], examples=4)

    assert [result.verdict for result in run.unexpected] == [Verdict.FAIL]


def test_words_promise_what_comes_back_and_the_code_supplies_the_rest():
    facets = made().paths()[0].contract.facets

    kept = {one for one, promise in facets.items() if promise is Promise.MUST}
    assert kept == {Facet.WEIGHTS, Facet.SLOTS, Facet.ITERATION}
    assert facets[Facet.OPTIMIZER] is Promise.CODE
    assert Facet.RNG not in facets


def test_a_contract_in_full_takes_the_place_of_words():
    contract = Contract("https://example.org", {Facet.WEIGHTS: Promise.SHOULD})

    subject = made(paths={"npz": (*linear.offered[0][2:4], contract)})

    assert subject.paths()[0].contract is contract


def test_a_word_that_names_no_facet_is_refused():
    with pytest.raises(InvalidWords, match="found 'weightz'"):
        facet("weightz")


def test_a_fit_logs_the_mean_loss_of_each_epoch():
    subject = made(train=lambda model, x, _: model["losses"].append(len(x)) or float(x[0, 0]))
    rows = Rows((np.array([[1.0], [2.0], [3.0], [6.0]]),), (np.zeros((4, 1)),))

    model = {"losses": []}
    logs = subject.perform(model, Fit(epochs=2, samples=4, batch_size=2), rows)

    assert logs == [{"loss": 2.0}, {"loss": 2.0}]
    assert model["losses"] == [2, 2, 2, 2]


def test_an_event_that_a_simple_subject_has_not_is_unsupported():
    with pytest.raises(saveproof.Unsupported, match="no event ResetMetrics"):
        made().perform({}, ResetMetrics(), None)


def test_a_snapshot_is_a_copy():
    model = {"kernel": np.ones(2), "momentum": np.ones(2), "steps": np.array(0)}

    seen = made().snapshot(model)
    model["kernel"] += 1

    assert seen[Facet.WEIGHTS]["weights"].tolist() == [1.0, 1.0]


def test_the_numpy_example_is_judged_on_every_case():
    run = saveproof.check(
        "examples.mlp_subject:mlp", checks=["resume_trajectory_is_identical"], examples=10
    )

    assert judged(run, "resume_trajectory_is_identical") == (10, 10)
    assert not run.unexpected


@pytest.mark.frameworks
def test_the_torch_example_is_judged_on_every_case():
    run = saveproof.check(
        "examples.torch_subject:torch_nn", checks=["resume_trajectory_is_identical"], examples=10
    )

    assert judged(run, "resume_trajectory_is_identical") == (10, 10)
    assert not run.unexpected
