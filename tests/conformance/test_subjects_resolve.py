"""Subjects by name, and what is wrong with what is no subject."""

import sys

import pytest

from saveproof.conformance.families.keras import keras3
from saveproof.conformance.families.keras.codegen import paths
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.subjects import SUBJECTS, resolve
from saveproof.conformance.model_state.subject import UnusableSubject


def test_every_built_in_subject_is_there_without_its_framework():
    frameworks = {"jax", "keras", "tensorflow", "tf_keras", "torch"} & set(sys.modules)

    found = {name: resolve(name) for name in SUBJECTS}

    assert [subject.name for subject in found.values()] == list(SUBJECTS)
    assert {"jax", "keras", "tensorflow", "tf_keras", "torch"} & set(sys.modules) == frameworks


@pytest.mark.parametrize(
    ("installed", "backend"),
    [
        ({"jax", "tensorflow", "torch"}, "tensorflow"),
        ({"jax", "torch"}, "jax"),
        ({"torch"}, "torch"),
        (set(), "tensorflow"),
    ],
)
def test_keras_without_a_backend_takes_the_first_that_is_installed(installed, backend, monkeypatch):
    """The script of a finding is written for the same backend."""
    monkeypatch.setattr(keras3, "find_spec", lambda name: name if name in installed else None)

    assert list(resolve("keras").environment()) == ["keras", backend]
    assert paths.scripted("keras").dialect.backend == backend


def test_a_class_is_a_subject():
    assert resolve("examples.linear_class:Linear").name == "linear"


def test_a_module_that_speaks_the_keras_api_is_a_subject(tmp_path, monkeypatch):
    (tmp_path / "of_mine.py").write_text("from saveproof import reference_impl as keras\n")
    monkeypatch.syspath_prepend(tmp_path)

    subject = resolve("of_mine:keras")

    assert isinstance(subject, KerasSubject)
    assert subject.module == "saveproof.reference_impl"


@pytest.mark.parametrize(
    "spec", ["tf_kears", "saveproof.conformance.families.subjects", ":reference", "a.b:"]
)
def test_an_unknown_name_is_refused_with_those_that_there_are(spec):
    with pytest.raises(UnusableSubject, match="tf_keras"):
        resolve(spec)


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(UnusableSubject, match="no_such_package"):
        resolve("no_such_package:subject")


def test_an_attribute_that_is_not_there_is_named():
    with pytest.raises(UnusableSubject, match="no_such_thing"):
        resolve("saveproof.conformance.families.subjects:no_such_thing")


def test_what_lacks_methods_is_refused_with_their_names():
    with pytest.raises(UnusableSubject, match=r"without build, compile"):
        resolve("saveproof.conformance.model_state.contract:STATE")


def test_a_framework_that_is_not_installed_is_named_when_it_is_needed():
    subject = KerasSubject("mine", "no_such_framework", packages=("no_such_framework",))

    assert subject.environment() == {"no_such_framework": "not installed"}
    with pytest.raises(UnusableSubject, match=r"subject 'mine' needs no_such_framework"):
        subject.seed(1)
