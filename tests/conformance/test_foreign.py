"""Foreign subjects: the protocol suffices, and what goes wrong in the other process is told."""

import sys
import time
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

import saveproof
from saveproof.conformance.doctor import doctor, tried
from saveproof.conformance.families.description import Described, description_of
from saveproof.conformance.families.server import Server
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.model_state.contract import Contract, Exactness, Facet, Promise
from saveproof.conformance.model_state.snapshot import Snapshot, differences
from saveproof.conformance.model_state.subject import Unsupported, UnusableSubject
from saveproof.conformance.processes.foreign import client
from saveproof.conformance.processes.foreign.client import ForeignCrash, foreign_subject
from saveproof.conformance.processes.foreign.environments import launch
from saveproof.conformance.processes.foreign.protocol import (
    DescribedPath,
    Pairs,
    pairs,
    snapshot_of,
)
from saveproof.conformance.processes.framing import LINES
from saveproof.conformance.processes.isolation import Launch
from saveproof.conformance.processes.serving import serve
from saveproof.conformance.processes.wire import JSON, ProtocolError
from saveproof.reports.records import SHOWN_NOTHING, Verdict
from saveproof.strategies import data
from saveproof.strategies.case import from_json
from tests.conformance.conftest import Run

ROOT = Path(__file__).parents[2]
LINEAR = f"exec:{sys.executable} {ROOT / 'examples/linear_server.py'}"


def spoken(words: str) -> str:
    """Return the subject of a server that reads a line and then does what the words say."""
    return f'exec:{sys.executable} -c "import sys; sys.stdin.readline(); {words}"'


def answers(*lines: bytes) -> list[bytes]:
    """Return what a server of the reference answers to the lines."""
    written = BytesIO()
    served = Server(resolve("reference"), JSON).answer
    serve(served, LINES, BytesIO(b"".join(line + b"\n" for line in lines)), written)
    return written.getvalue().splitlines()


@pytest.fixture
def case():
    return from_json((ROOT / "tests/strategies/minimal_case.json").read_bytes())


def test_an_unknown_facet_is_refused_with_those_that_there_are():
    with pytest.raises(ProtocolError, match=r"optimizer slots.*'slots'"):
        snapshot_of({"slots": []})


def test_a_snapshot_keeps_the_order_of_its_names():
    told = Snapshot({Facet.WEIGHTS: {"b": np.ones(2), "a": np.zeros(2)}})

    back = snapshot_of(JSON.decode(JSON.encode(pairs(told)), Pairs))

    assert list(differences(told[Facet.WEIGHTS], back[Facet.WEIGHTS])) == []


def test_a_contract_comes_back_as_it_was():
    path = next(path for path in resolve("tf_keras").paths() if path.name == "savedmodel")

    told = JSON.decode(JSON.encode(DescribedPath.of(path)), DescribedPath)

    assert told.contract == path.contract
    assert told.writes == "savedmodel"


def test_a_contract_needs_its_document_and_facets_only():
    told = b'{"name": "p", "in_memory": false, "contract": {"document": "d", "facets": %s}}'

    path = JSON.decode(told % b'{"weights": "must"}', DescribedPath)

    assert path.contract == Contract("d", {Facet.WEIGHTS: Promise.MUST}, exactness=Exactness())


def test_a_server_in_plain_python_passes_the_suite(run: Run):
    """Crossing processes, and being saved and loaded in another, are part of it."""
    results = run(LINEAR, path="json")

    judged = {check for check, r in results.items() if r.verdict not in SHOWN_NOTHING}
    assert {results[check].verdict for check in judged} == {Verdict.PASS}
    assert results["weights_survive"].tally[Verdict.PASS] > 0
    assert results["another_process_loads_the_same"].tally[Verdict.PASS] > 0


@pytest.mark.parametrize("there", ["", f"reference@{sys.prefix}"], ids=["lines", "frames"])
def test_the_reference_served_sees_what_the_reference_sees(there, case, monkeypatch):
    """The server of a built-in subject: what crosses the protocol is not changed by it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = f"exec:{sys.executable} -m saveproof.conformance.families.server reference"
    lives = []
    for subject in (resolve("reference"), resolve(there or command)):
        subject.seed(3)
        model = subject.build(case)
        logs = subject.perform(model, case.history.before[0], data.rows(case, 0))
        lives.append((logs, subject.predict(model, data.probe(case)), subject.snapshot(model)))

    (logs, outputs, seen), (logs_there, outputs_there, seen_there) = lives
    assert [dict(log) for log in logs] == logs_there
    assert outputs[0].tobytes() == outputs_there[0].tobytes()
    for facet in Facet:
        assert list(differences(seen[facet], seen_there[facet])) == [], facet


def test_what_the_subject_can_not_do_is_unsupported_here_too(case):
    broader = case.architecture.layers[0]
    twice = case.architecture.__class__(
        case.architecture.kind,
        "two",
        case.architecture.inputs,
        (broader, broader),
        case.architecture.calls,
        case.architecture.outputs,
    )

    with pytest.raises(Unsupported, match="one Dense layer"):
        resolve(LINEAR).build(case.__class__(twice, case.settings, case.history, 1))


def test_what_the_subject_raises_keeps_its_name_and_words():
    answer = '{\\"error\\": {\\"kind\\": \\"keras.errors.Broken\\", \\"message\\": \\"as it is\\"}}'
    subject = foreign_subject("raising", launch(spoken(f"print('{answer}', flush=True)")))

    with pytest.raises(Exception, match="as it is") as raised:
        subject.seed(1)

    assert f"{raised.type.__module__}.{raised.type.__qualname__}" == "keras.errors.Broken"


def test_a_server_that_dies_takes_its_driver_with_it():
    subject = foreign_subject(
        "dying", launch(spoken("sys.stderr.write('last words'); sys.exit(7)"))
    )

    with pytest.raises(ForeignCrash, match=r"(?s)exit code 7.*last words"):
        subject.seed(1)


@pytest.mark.parametrize(
    ("words", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137), ("sys.exit(0)", 1)]
)
def test_the_driver_ends_as_its_server_did(words, code, capfd):
    """A signal is told as a shell does: whoever sent it may not have meant the case."""
    subject = foreign_subject(words, launch(spoken(f"import os; {words}")))

    with pytest.raises(ForeignCrash) as crash:
        subject.seed(1)

    assert crash.value.code == code
    assert "the server ended with" in capfd.readouterr().err


def test_a_server_without_memory_ends():
    class Hungry:
        name = "hungry"

        def paths(self):
            return []

        def seed(self, seed):
            raise MemoryError(seed)

    with pytest.raises(MemoryError):
        Server(Hungry(), JSON).answer(b'{"call": "seed", "seed": 1}')


@pytest.mark.parametrize(("words", "how"), [("", "exit code 7"), ("; time.sleep(9)", "SIGKILL")])
def test_a_server_that_ends_or_hangs_is_told_in_time_where_it_has_forked(words, how, monkeypatch):
    """What it has forked holds the pipes still."""
    monkeypatch.setattr(client, "CALL_SECONDS", 2.5)
    forked = f"import os, time; os.fork() or (time.sleep(9), os._exit(0)){words}; os._exit(7)"
    subject = foreign_subject(f"forking{words}", launch(spoken(forked)))
    started = time.monotonic()

    with pytest.raises(ForeignCrash, match=how):
        subject.seed(1)
    assert time.monotonic() - started < 8


def test_noise_on_standard_output_is_told_from_an_answer():
    subject = foreign_subject("noisy", launch(spoken("print('Epoch 1', flush=True)")))

    with pytest.raises(ProtocolError, match="standard output is the protocol's"):
        subject.seed(1)


def test_another_version_of_the_protocol_is_refused():
    answer = '{\\"result\\": {\\"protocol\\": 2}}'
    subject = foreign_subject("newer", launch(spoken(f"print('{answer}', flush=True)")))

    with pytest.raises(UnusableSubject, match="expected protocol 1, found 2"):
        subject.paths()


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(UnusableSubject, match="no-such-program"):
        foreign_subject("none", Launch(("no-such-program",))).paths()


def test_a_folder_that_is_no_environment_is_named(tmp_path):
    with pytest.raises(
        UnusableSubject, match=r"expected a virtual environment in .*python -m venv"
    ):
        resolve(f"keras@{tmp_path}")


def test_an_environment_that_lacks_something_is_told_what(tmp_path):
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho msgspec, numpy >&2\nexit 1\n")
    python.chmod(0o755)

    with pytest.raises(UnusableSubject, match="lacks msgspec, numpy; install it there"):
        resolve(f"keras@{tmp_path}")


def test_a_release_of_what_is_not_built_in_is_refused():
    with pytest.raises(UnusableSubject, match="expected a release of one of keras"):
        resolve("theano==1.0")


def test_this_environment_serves_as_another():
    """The packages are lent, the framework is the environment's own."""
    subject = resolve(f"reference@{sys.prefix}")

    assert [path.name for path in subject.paths()] == [p.name for p in resolve("reference").paths()]
    seen = doctor(Described(subject.name, description_of(subject)), partial(tried, subject))
    assert all(finding.ok for finding in seen[:5])


def test_a_model_that_nobody_holds_is_forgotten(case):
    subject = resolve(LINEAR)
    first = subject.build(case)
    number = first.number
    del first

    assert subject.build(case).number == number + 1
    assert answers(b'{"call": "release", "models": [7]}') == [b'{"result":null}']


def test_every_model_that_nobody_holds_is_released(monkeypatch):
    """Those too that were held when others were released."""
    asked = []
    connection = client.Connection(Launch(("nothing",)))
    monkeypatch.setattr(
        connection, "_result", lambda name, given: asked.append((name, given)) or b"null"
    )
    held = {number: connection.held(number) for number in (1, 2)}
    for number in (1, 2):
        del held[number]
        connection.call("seed", object, seed=number)

    assert [given["models"] for name, given in asked if name == "release"] == [(1,), (2,)]


def test_an_unknown_call_is_an_error_and_not_the_end():
    refused, told = answers(b'{"call": "dance"}', b'{"call": "describe"}')

    assert b"Invalid value 'dance'" in refused
    assert b'"result"' in told


def test_a_server_that_has_ended_is_not_replaced_by_one_without_the_models():
    subject = foreign_subject("ended", launch(spoken("sys.exit(7)")))

    for _ in range(2):
        with pytest.raises(ForeignCrash, match="exit code 7"):
            subject.seed(1)


def test_a_server_says_what_the_subject_has():
    had = resolve(LINEAR).capabilities

    assert had is not None
    assert (had.layers, had.max_layers, had.losses) == (("Dense",), 1, ("mse",))
    assert resolve(f"reference@{sys.prefix}").capabilities == resolve("reference").capabilities


def test_every_case_of_the_linear_server_is_judged():
    run = saveproof.check(LINEAR, checks=["resume_trajectory_is_identical"], examples=10)

    (result,) = run.results
    assert result.tally == {Verdict.PASS: 10}
