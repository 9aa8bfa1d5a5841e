"""Ends of child processes: by the memory limit, from outside, and what is said of each."""

import os
import resource
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import find

from examples.linear_class import Linear, Model, Npz
from saveproof import reference_impl
from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.worker import EXAMINE, Report, Request
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.model_state.trace import Probe
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import (
    Ending,
    Fault,
    NoAnswer,
    asked_again,
    crash,
    fault_of,
    raised,
)
from saveproof.conformance.processes.isolation import Child
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Case
from tests.conformance.conftest import LINEAR_CASES

HERE = "tests.conformance.test_endings"
GIB = 1 << 30


def eat(message: bytes) -> bytes:
    """Take so many bytes."""
    return b"%d" % len(bytearray(int(message)))


def eat_further_in(message: bytes) -> bytes:
    """Have a child of this process take so many bytes."""
    with Child(f"{HERE}:eat") as child:
        try:
            return child.call(message, seconds=30)
        except NoAnswer as error:
            return str(error).encode()


def tell_limits(_: bytes) -> bytes:
    """Return the limits of this process."""
    return repr(resource.getrlimit(resource.RLIMIT_DATA)).encode()


def be_killed_once(message: bytes) -> bytes:
    """Be ended by a signal unless the file is there; leave it there."""
    name, _, number = message.decode().rpartition(" ")
    if not Path(name).exists():
        Path(name).touch()
        os.kill(os.getpid(), int(number))
    return b"done"


class _Eats(Npz):
    def load(self, source: Path, case: Case) -> Model:
        bytearray(2 * GIB)
        return super().load(source, case)


class EatsOnLoad(Linear):
    """It takes 2 GiB to load."""

    path = _Eats()


class _EatsElsewhere(Npz):
    def save(self, model: Model, target: Path) -> Path:
        os.environ["WRITER"] = str(os.getpid())
        return super().save(model, target)

    def load(self, source: Path, case: Case) -> Model:
        if os.environ["WRITER"] != str(os.getpid()):
            bytearray(2 * GIB)
        return super().load(source, case)


class EatsElsewhere(Linear):
    """It takes 2 GiB to load where it has not saved."""

    path = _EatsElsewhere()


class Killing:
    """An examiner whose first processes end so; then one answers."""

    def __init__(self, *errors: NoAnswer) -> None:
        self.errors = list(errors)
        self.asked = 0

    def call(self, request: bytes, *, seconds: float) -> bytes:  # noqa: ARG002 - as a child has it
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        questions = wire.decode(request, Request).questions
        return wire.encode(tuple(Report(()) for _ in questions))


def request_for(subject: str, *paths: str) -> Request:
    """Return a request for the smallest case, with every check."""
    checks = frozenset(check.name for check in ALL_CHECKS)
    questions = tuple(Question(p, checks, frozenset({Probe.ANOTHER_PROCESS})) for p in paths)
    return Request(subject, find(LINEAR_CASES, lambda _: True), questions, 20.0)


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux holds to the limit")


@needs_linux
def test_a_process_that_reaches_its_memory_limit_is_told_so_and_the_next_starts_anew():
    with Child(f"{HERE}:eat", memory=1.0) as child:
        with pytest.raises(NoAnswer, match=r"^the process reached its memory limit of 1 GiB"):
            child.call(b"%d" % (2 * GIB), seconds=30)

        assert child.call(b"1000", seconds=30) == b"1000"


@needs_linux
def test_what_a_process_starts_has_its_memory_limit():
    with Child(f"{HERE}:eat_further_in", memory=1.0) as child:
        told = child.call(b"%d" % (2 * GIB), seconds=30)

    assert told.startswith(b"the process reached its memory limit of 1 GiB (--memory)")


@needs_linux
@pytest.mark.parametrize("memory", [0.0, 1.5])
def test_the_limit_is_as_it_was_told_and_none_where_none_was(memory):
    ours = resource.getrlimit(resource.RLIMIT_DATA)

    with Child(f"{HERE}:tell_limits", memory=memory) as child:
        told = child.call(b"", seconds=30)

    wanted = int(memory * GIB)
    assert told.decode() == repr((wanted, wanted) if memory else ours)


@needs_linux
@pytest.mark.parametrize(
    ("subject", "where"), [("EatsOnLoad", ""), ("EatsElsewhere", "another process: ")]
)
def test_the_memory_limit_is_a_verdict_of_its_own(subject, where):
    with Child(EXAMINE, memory=1.0) as child:
        (report,) = reports(child, request_for(f"{HERE}:{subject}", "npz"))

    (told,) = (one for one in report.judgements if one.verdict is Verdict.MEMORY)
    assert told.defects[0].key == (
        f"memory limit: {where}the process reached its memory limit of 1 GiB (--memory)"
    )


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (-signal.SIGKILL, "", Ending.KILLED),
        (-signal.SIGTERM, "", Ending.KILLED),
        (128 + signal.SIGKILL, "the server ended with SIGKILL", Ending.KILLED),
        (-signal.SIGSEGV, "", Ending.CRASHED),
        (7, "", Ending.CRASHED),
        (1, "numpy._core._exceptions._ArrayMemoryError: Unable to allocate", Ending.OUT_OF_MEMORY),
        (-signal.SIGABRT, "what():  std::bad_alloc", Ending.OUT_OF_MEMORY),
    ],
)
def test_an_end_is_told_by_what_ended_the_process(code, words, kind):
    assert crash(code, words, memory=0.0).ending is kind


def test_a_process_that_was_ended_from_outside_is_asked_again(tmp_path):
    with Child(f"{HERE}:be_killed_once") as child:
        for number in (signal.SIGKILL, signal.SIGTERM):
            message = f"{tmp_path / str(number)} {number}".encode()

            assert asked_again(lambda m=message: child.call(m, seconds=30)) == b"done"


@pytest.mark.parametrize(
    ("errors", "asked", "verdicts"),
    [
        ([NoAnswer(Ending.KILLED, "SIGKILL")], 2, []),
        (
            [NoAnswer(Ending.KILLED, "SIGKILL"), NoAnswer(Ending.KILLED, "SIGKILL")],
            2,
            [Verdict.CRASH],
        ),
        (
            [NoAnswer(Ending.KILLED, "SIGKILL"), NoAnswer(Ending.CRASHED, "exit code 7")],
            2,
            [Verdict.CRASH],
        ),
        ([NoAnswer(Ending.CRASHED, "exit code 7")], 1, [Verdict.CRASH]),
        ([NoAnswer(Ending.OUT_OF_MEMORY, "no more")], 1, [Verdict.MEMORY]),
        ([raised(Fault(message="ValueError: x"))], 1, [Verdict.HARNESS_ERROR]),
    ],
)
def test_one_end_from_outside_is_no_crash(errors, asked, verdicts):
    examiner = Killing(*errors)

    (report,) = reports(examiner, request_for("s", "npz"))

    assert examiner.asked == asked
    assert [judgement.verdict for judgement in report.judgements] == verdicts


CALLING = """
def function_of(call, *given):
    try:
        call(*given)
    except Exception as error:
        return fault_of(error).function
"""


def test_an_exception_is_known_by_the_function_of_the_package_that_was_called():
    """What that package calls raises the same error for many causes: JSON here, h5py for Keras."""

    ours = {"__name__": "saveproof.conformance.families.keras.keras_api", "fault_of": fault_of}
    exec(CALLING, ours)

    of_json = ours["function_of"](reference_impl.models.model_from_json, "{")
    of_name = ours["function_of"](reference_impl.initializers.get, "no such name")

    assert (of_json, of_name) == ("json_text.json_value", "catalogue.Catalogue._made")
