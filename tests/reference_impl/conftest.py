"""The frameworks that the reference is held to, and the seeds of everything that has none."""

import sys

import numpy as np
import pytest

from saveproof.reference_impl.random import set_random_seed


@pytest.fixture(autouse=True)
def seeds():
    """Have each test draw the same weights in each run: some compare to a few roundings."""
    set_random_seed(20)
    np.random.seed(20)  # noqa: NPY002 (tests that draw from it do so by name)
    if tf_keras := sys.modules.get("tf_keras"):
        tf_keras.utils.set_random_seed(20)


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("tf_keras")
