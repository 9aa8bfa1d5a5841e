"""Framings: an answer is taken when it is all there, and what is none is refused."""

from io import BytesIO

import pytest

from saveproof.conformance.processes.endings import Fault, NoAnswer
from saveproof.conformance.processes.framing import FRAMES, LINES
from saveproof.conformance.processes.wire import ProtocolError

FRAMINGS = pytest.mark.parametrize("framing", [FRAMES, LINES])


@FRAMINGS
def test_an_answer_is_taken_when_its_last_byte_is_there(framing):
    answer, received = framing.result(1, b'{"a":1}'), bytearray()

    for byte in answer[:-1]:
        received.append(byte)
        assert framing.answer(received, 1) is None
    received += answer[-1:]

    assert framing.answer(received, 1) == b'{"a":1}'
    assert not received


@FRAMINGS
def test_a_fault_comes_back_with_all_that_it_tells(framing):
    fault = Fault("torch.Broken", "words", "trace\nback", unsupported=True)

    with pytest.raises(NoAnswer, match="trace") as failed:
        framing.answer(bytearray(framing.fault(1, fault)), 1)

    assert failed.value.fault == fault


@FRAMINGS
def test_a_request_comes_out_as_it_went_in(framing):
    source = BytesIO(framing.request(1, b"1") + framing.request(2, b"22"))

    assert [message.strip() for _, message in framing.requests(source)] == [b"1", b"22"]


def test_frames_drop_the_answers_to_earlier_requests_and_refuse_those_to_later_ones():
    received = bytearray(FRAMES.result(1, b"1") + FRAMES.result(2, b"2") + FRAMES.result(4, b"4"))

    assert FRAMES.answer(received, 2) == b"2"
    with pytest.raises(NoAnswer, match="answered request 4 where 3 was asked"):
        FRAMES.answer(received, 3)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"Epoch 1\n", "standard output is the protocol's"),
        (b'Epoch 1\n{"result": 1}\n', "standard output is the protocol's"),
        (b'{"result": 1}\n{"result": 2}\n', "standard output is the protocol's"),
        (b'{"answer": 1}\n', "expected `result` or `error`"),
    ],
)
def test_a_line_that_is_no_answer_is_refused(line, words):
    with pytest.raises(ProtocolError, match=words):
        LINES.answer(bytearray(line), 1)
