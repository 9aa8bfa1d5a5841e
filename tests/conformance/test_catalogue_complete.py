"""Every argument of every class that a framework exports has values, or a reason to be left out."""

import os
import subprocess
import sys

import pytest

from saveproof.conformance.families.description import exports
from saveproof.conformance.families.keras.exports import constructor
from saveproof.strategies.catalogue import objects

SUBJECTS = ("keras:torch", "keras:tensorflow", "tf_keras")
MOST_LEFT_OUT = 0.03
"""The share of (class, argument) pairs that may be left out, base classes aside."""


def missing(subject: str) -> list[str]:
    return [
        f"{one.qualified}/{argument.name}"
        for one in exports(subject)
        for argument in one.arguments
        if objects.reason_left_out(one, argument.name) == objects.NO_VALUES
    ]


def test_the_reference_has_values_or_reasons_for_every_argument():
    assert missing("reference") == []
    assert len(exports("reference").classes) > 80


@pytest.mark.frameworks
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_framework_has_values_or_reasons_for_every_argument(subject):
    assert missing(subject) == []


@pytest.mark.frameworks
@pytest.mark.parametrize("subject", SUBJECTS)
def test_few_arguments_are_left_out(subject):
    classes = [one for one in exports(subject) if not objects.entry_of(one).why]
    reasons = [objects.reason_left_out(one, a.name) for one in classes for a in one.arguments]

    assert sum(map(bool, reasons)) <= MOST_LEFT_OUT * len(reasons)


class Base:
    def __init__(self, rank, size, *, name=None, **kwargs):
        allowed_kwargs = {"autocast", "weights"}
        assert set(kwargs) <= allowed_kwargs
        self.rank, self.size, self.name = rank, size, name


class Derived(Base):
    def __init__(self, size=2, **kwargs):
        super().__init__(rank=1, size=size, **kwargs)


class ByPosition(Base):
    def __init__(self, size=2, **kwargs):
        super().__init__(1, size, **kwargs)


@pytest.mark.parametrize("one", [Derived, ByPosition])
def test_what_a_class_sets_in_its_base_is_no_argument(one):
    assert list(constructor(one)) == ["size", "name", "autocast"]
    assert constructor(one)["size"].definer is one
    assert constructor(one)["name"].definer is Base


def test_exports_are_told_without_importing_a_framework_here():
    program = (
        "import sys; from saveproof.conformance.families.description import exports;"
        "exports('reference'); print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=True
    )

    assert done.stdout.split() == ["False", "False"]
