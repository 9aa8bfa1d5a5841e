"""The event `set_weights`: numbers that training seldom gives, written into a weight."""

import numpy as np
import pytest

from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.contract import Facet
from saveproof.strategies.case import SetWeights
from tests.conformance.keras_cases import CASE, STEPS
from tests.conformance.test_subjects_keras_api import performed


@pytest.fixture
def subject():
    subject = resolve("reference")
    subject.seed(1)
    return subject


@pytest.fixture
def model(subject):
    return subject.build(CASE)


def test_numbers_that_are_none_can_be_written_into_a_weight(subject, model):
    names = ("nan", "inf", "-inf", 1e-40, -0.0)
    performed(subject, model, STEPS, SetWeights("embedding", 0, names))

    first = subject.snapshot(model)[Facet.WEIGHTS]["embedding/0 embeddings"].ravel()[:5]
    assert first.tobytes() == np.array(list(map(float, names)), np.float32).tobytes()


def test_a_small_weight_takes_the_first_of_the_numbers(subject, model):
    performed(subject, model, STEPS, SetWeights("nested/deep", 1, (0.5,) * 99))

    bias = subject.snapshot(model)[Facet.WEIGHTS]["nested/deep/1 bias"]
    assert set(bias.ravel().tolist()) == {0.5}
