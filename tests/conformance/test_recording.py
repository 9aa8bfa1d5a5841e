"""Recordings of subjects that excuse themselves, break what they save or tell unusual things."""

import numpy as np
import pytest

from examples.linear_class import Linear, Npz
from saveproof.conformance.checks import judge
from saveproof.conformance.execution.runner import Question, record
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Unsupported
from saveproof.conformance.model_state.trace import OtherProcess, Probe, Trajectory
from saveproof.reports.records import Verdict
from tests.conformance.conftest import EVERY_CHECK
from tests.conformance.test_checks import CASE


def judged(subject, folder, *probes, reload=None):
    """Return the judgements of the subject's one path by check."""
    (path,) = subject.paths()
    asked = Question(path.name, EVERY_CHECK, frozenset(probes))
    (trace,) = record(subject, CASE, [asked], folder, reload=reload)
    return {judgement.check: judgement for judgement in judge(trace)}


class Changed(Npz):
    """A path whose `save` or `load` goes on with what the true one returns."""

    def __init__(self, *, save=lambda _, source: source, load=lambda model: model):
        self._changes = (save, load)

    def save(self, model, target):
        return self._changes[0](model, super().save(model, target))

    def load(self, source, case):
        return self._changes[1](super().load(source, case))


def through(**changes):
    """Return a linear subject whose path does something else."""
    subject = Linear()
    subject.path = Changed(**changes)
    return subject


def excused(*_):
    raise Unsupported("I would rather not")


@pytest.mark.parametrize("stage", ["save", "load"])
def test_what_was_trained_is_not_excused_from_a_save_or_load(stage, tmp_path):
    found = judged(through(**{stage: excused}), tmp_path)["round_trip_completes"]

    assert found.verdict is Verdict.FAIL
    assert (
        f"{stage} raised saveproof.conformance.model_state.subject.Unsupported"
        in found.defects[0].message
    )


class Spoiled(Linear):
    """Its model can't train once it was saved."""

    def __init__(self):
        self.path = Changed(save=self._spoil)
        self._spoiled = []

    def _spoil(self, model, source):
        self._spoiled.append(model)
        return source

    def perform(self, model, event, rows):
        if any(model is one for one in self._spoiled):
            raise RuntimeError("its optimizer was released")
        return super().perform(model, event, rows)


def test_a_save_after_which_the_model_can_not_train_is_told(tmp_path):
    found = judged(Spoiled(), tmp_path)["saving_changes_nothing"]

    assert found.verdict is Verdict.FAIL
    assert [defect.key for defect in found.defects] == [
        (
            "saved: raised builtins.RuntimeError: its optimizer was released in "
            "test_recording.Spoiled.perform"
        )
    ]


def test_a_model_that_can_not_train_on_anyway_is_not_spoiled(tmp_path):
    class Weary(Linear):
        def perform(self, model, event, rows):
            if model.steps:
                raise RuntimeError("one step is enough")
            return super().perform(model, event, rows)

    found = judged(Weary(), tmp_path)

    assert found["saving_changes_nothing"].verdict is Verdict.PASS
    assert found["resume_trajectory_is_identical"].verdict is Verdict.NOT_APPLICABLE


def test_outputs_that_the_original_does_not_give_are_no_pass(tmp_path):
    class NothingJudged(Linear):
        def predict(self, *_):
            raise RuntimeError("there is none")

    found = judged(NothingJudged(), tmp_path)["outputs_survive"]

    assert found.verdict is Verdict.NOT_APPLICABLE


def test_a_loaded_model_that_logs_nothing_is_told(tmp_path):
    loaded = []

    class Quiet(Linear):
        path = Changed(load=lambda model: loaded.append(model) or model)

        def perform(self, model, event, rows):
            logs = super().perform(model, event, rows)
            return [] if any(model is one for one in loaded) else logs

    found = judged(Quiet(), tmp_path)

    assert found["first_batch_loss_is_identical"].verdict is Verdict.FAIL
    assert found["resume_trajectory_is_identical"].verdict is Verdict.NOT_APPLICABLE


class Unnumbered(Linear):
    """Its losses, and a setting that it shows, are no numbers."""

    def perform(self, model, event, rows):
        super().perform(model, event, rows)
        return [{"loss": float("nan")}]

    def snapshot(self, model):
        facets = super().snapshot(model).facets
        return Snapshot({**facets, Facet.ITERATION: {"steps": [int(model.steps), float("nan")]}})


def test_a_nan_that_stays_a_nan_is_no_difference(tmp_path):
    found = judged(Unnumbered(), tmp_path, Probe.SECOND_GENERATION)

    assert {judgement.verdict for judgement in found.values()} <= {
        Verdict.PASS,
        Verdict.VACUOUS,
        Verdict.NOT_APPLICABLE,
    }


def test_a_subject_whose_losses_are_nan_repeats_itself(tmp_path):
    subject = Unnumbered()
    subject.path = Changed(load=_without_momentum)

    found = judged(subject, tmp_path, Probe.TWIN)

    assert found["resume_trajectory_is_identical"].verdict is Verdict.FAIL


def _without_momentum(model):
    model.momentum = np.zeros_like(model.momentum)
    return model


def test_a_source_told_as_text_is_loaded_elsewhere_too(tmp_path):
    asked = []

    def reload(_, source):
        asked.append(source)
        return OtherProcess(Snapshot({}), Trajectory((), ()))

    subject = through(save=lambda _, source: str(source))
    (path,) = subject.paths()
    record(
        subject,
        CASE,
        [Question(path.name, EVERY_CHECK, frozenset({Probe.ANOTHER_PROCESS}))],
        tmp_path,
        reload=reload,
    )

    assert [source.exists() for source in asked] == [True]


def test_a_source_that_is_no_file_fails_a_path_that_has_one(tmp_path):
    found = judged(through(save=lambda *_: {"kernel": 1}), tmp_path)["round_trip_completes"]

    assert found.verdict is Verdict.FAIL
