"""The Keras family's save paths, on the reference."""

import pytest
from msgspec.structs import replace

from saveproof.conformance.families.keras.save_paths import KERAS_2_API, KERAS_3, TF_KERAS
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.snapshot import differences
from saveproof.strategies import data
from saveproof.strategies.case import MODELS, Kind
from tests.conformance.keras_cases import ARCHITECTURE, CASE, STEPS

SUBCLASSED = replace(CASE, architecture=replace(ARCHITECTURE, kind=Kind.SUBCLASSED))
BY_NAME = {way.name: way for way in KERAS_2_API}


@pytest.fixture
def subject():
    subject = resolve("reference")
    subject.seed(1)
    return subject


def trained(subject, case):
    model = subject.build(case)
    subject.perform(model, STEPS, data.rows(case, 0))
    return model


@pytest.mark.parametrize("name", BY_NAME)
def test_what_the_contract_promises_comes_back(subject, name, tmp_path):
    path = BY_NAME[name].of(subject)
    model = trained(subject, CASE)
    before = subject.snapshot(model)
    after = subject.snapshot(path.load(path.save(model, tmp_path / "model"), CASE))

    assert [
        (facet, parted.where)
        for facet, promise in path.contract.facets.items()
        if promise is Promise.MUST
        for parted in differences(before[facet], after[facet])
    ] == []


@pytest.mark.parametrize("name", BY_NAME)
def test_what_must_be_fresh_is_not_what_was_trained(subject, name, tmp_path):
    path = BY_NAME[name].of(subject)
    model = trained(subject, CASE)
    before = subject.snapshot(model)
    after = subject.snapshot(path.load(path.save(model, tmp_path / "model"), CASE))

    for facet in (Facet.WEIGHTS, Facet.SLOTS):
        if path.contract.facets.get(facet) is Promise.FRESH:
            assert list(differences(before[facet], after[facet])), facet


@pytest.mark.parametrize("name", BY_NAME)
def test_files_are_left_by_every_path_that_is_not_in_memory(subject, name, tmp_path):
    path = BY_NAME[name].of(subject)
    path.save(trained(subject, CASE), tmp_path / "model")

    assert bool(list(tmp_path.iterdir())) is not path.in_memory


@pytest.mark.parametrize(
    "name", [name for name, way in BY_NAME.items() if Kind.SUBCLASSED in way.contract.refuses]
)
def test_a_subclassed_model_is_refused_where_the_contract_says_so(subject, name, tmp_path):
    path = BY_NAME[name].of(subject)
    model = trained(subject, SUBCLASSED)

    with pytest.raises((NotImplementedError, TypeError, ValueError)):
        path.load(path.save(model, tmp_path / "model"), SUBCLASSED)


@pytest.mark.parametrize("ways", [KERAS_2_API, TF_KERAS, KERAS_3])
def test_a_subject_s_paths_have_names_of_their_own(ways):
    assert len({way.name for way in ways}) == len(ways)


DOCUMENTS = ("https://keras.io/", "https://www.tensorflow.org/", "https://docs.python.org/3/")


@pytest.mark.parametrize("way", {id(way): way for way in (*TF_KERAS, *KERAS_3)}.values())
def test_every_contract_links_its_document_and_speaks_of_weights(way):
    assert way.contract.document.startswith(DOCUMENTS)
    if way.contract.kinds != MODELS:
        return
    assert {Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.ARCHITECTURE} <= set(way.contract.facets)
