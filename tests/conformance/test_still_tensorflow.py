"""TensorFlow's random kernels by seed, in a process of their own."""

import json
import subprocess
import sys

import pytest

from strategies.case import to_json
from tests.conformance.keras_cases import CASE

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(300)]

LOSSES = """
import json, sys
from conformance.subjects import resolve
from strategies import data
from strategies.case import TrainOnBatch, from_json

subject, case = resolve("tf_keras"), from_json(sys.argv[1])
rows = data.rows(case, 0)

def loss(seed):
    subject.seed(0)
    model = subject.build(case)
    subject.seed(seed)
    (log,) = subject.perform(model, TrainOnBatch(steps=1, batch_size=2), next(rows.batches(2)))
    return log["loss"]

print(json.dumps([loss(seed) for seed in (1, 2, 1, 1, 2)]))
"""


@pytest.fixture(scope="module")
def losses():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOSSES, to_json(CASE).decode()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_dropout_draws_the_same_whenever_a_seed_comes_again(losses):
    first, second, *again = losses

    assert again == [first, first, second]


def test_dropout_draws_otherwise_with_another_seed(losses):
    assert losses[0] != losses[1]
