"""TensorFlow's random kernels by seed, in a process of their own."""

import json
import subprocess
import sys

import pytest

from saveproof.strategies.case import to_json
from tests.conformance.keras_cases import CASE

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(300)]

DRAWS = """
import json, sys, tempfile
from pathlib import Path
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.families.subjects import resolve
from saveproof.strategies import data
from saveproof.strategies.case import TrainOnBatch, from_json

subject, case = resolve("tf_keras"), from_json(sys.argv[1])
rows = data.rows(case, 0)

def loss(seed):
    subject.seed(0)
    model = subject.build(case)
    subject.seed(seed)
    (log,) = subject.perform(model, TrainOnBatch(steps=1, batch_size=2), next(rows.batches(2)))
    return log["loss"]

(path,) = (path for path in subject.paths() if path.name == "checkpoint")
with tempfile.TemporaryDirectory() as folder:
    model = subject.build(case)
    subject.perform(model, case.history.before[0], data.rows(case, 0))
    source = path.save(model, Path(folder) / "weights")

    def totals(seed):
        subject.seed(seed)
        metrics = subject.snapshot(path.load(source, case))[Facet.METRICS]
        return {name: value.tolist() for name, value in metrics.items()}

    loaded = [totals(seed) for seed in (1, 2, 1)]
print(json.dumps({"losses": [loss(seed) for seed in (1, 2, 1, 1, 2)], "totals": loaded}))
"""


@pytest.fixture(scope="module")
def draws():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DRAWS, to_json(CASE).decode()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_dropout_draws_the_same_whenever_a_seed_comes_again(draws):
    first, second, *again = draws["losses"]

    assert again == [first, first, second]


def test_dropout_draws_otherwise_with_another_seed(draws):
    assert draws["losses"][0] != draws["losses"][1]


def test_a_loader_that_trains_draws_the_same_whenever_a_seed_comes_again(draws):
    first, other, again = draws["totals"]

    assert first == again
    assert first != other
