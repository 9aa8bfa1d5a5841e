"""Framings: the bytes of requests and answers on a pipe, for both of its ends.

An answer is a result, or the fault that the called function raised.
"""

import struct
from collections.abc import Iterator
from typing import IO, Protocol

import msgspec

from saveproof.conformance.processes.endings import Ending, Fault, NoAnswer, raised
from saveproof.conformance.processes.wire import JSON, MESSAGEPACK, Encoding, ProtocolError

_REQUEST = struct.Struct("<QQ")
_REPLY = struct.Struct("<cQQ")
_ANSWER, _ERROR = b"A", b"E"


class Framing(Protocol):
    """The form of messages on a pipe; `encoding` is that of their content."""

    encoding: Encoding

    def request(self, number: int, message: bytes) -> bytes:
        """Return the bytes of a request."""

    def answer(self, received: bytearray, number: int) -> bytes | None:
        """Take the result of that request from the received bytes; None while it is incomplete.

        Raises:
            NoAnswer: the function raised, or the answer is to another request.
            ProtocolError: the bytes are no answer.
        """

    def requests(self, source: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield the number and message of each request, until the other side closes."""

    def result(self, number: int, message: bytes) -> bytes:
        """Return the bytes of an answer."""

    def fault(self, number: int, fault: Fault) -> bytes:
        """Return the bytes of an answer for an exception of the function."""


class Frames(Framing):
    """Between processes of ours: MessagePack, lengths before the bytes.

    A request is its number, a length and so many bytes; an answer is a kind, the number of its
    request, a length and so many bytes. By its number, a late answer, or one of a process that the
    function has forked, differs from the expected one.
    """

    encoding: Encoding = MESSAGEPACK

    def request(self, number: int, message: bytes) -> bytes:
        return _REQUEST.pack(number, len(message)) + message

    def answer(self, received: bytearray, number: int) -> bytes | None:
        while len(received) >= _REPLY.size:
            kind, found, length = _REPLY.unpack_from(received)
            if found > number or kind not in (_ANSWER, _ERROR):
                raise NoAnswer(
                    Ending.CRASHED,
                    f"the process answered request {found} where {number} was asked: "
                    "the subject writes to the pipe of the answers; the process was ended",
                )
            end = _REPLY.size + length
            if len(received) < end:
                return None
            message = bytes(memoryview(received)[_REPLY.size : end])
            del received[:end]
            if found == number and kind == _ERROR:
                raise raised(self.encoding.decode(message, Fault))
            if found == number:
                return message
        return None

    def requests(self, source: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        while head := source.read(_REQUEST.size):
            number, length = _REQUEST.unpack(head)
            yield number, source.read(length)

    def result(self, number: int, message: bytes) -> bytes:
        return _REPLY.pack(_ANSWER, number, len(message)) + message

    def fault(self, number: int, fault: Fault) -> bytes:
        message = self.encoding.encode(fault)
        return _REPLY.pack(_ERROR, number, len(message)) + message


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that answers: one of its two fields."""

    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: Fault | msgspec.UnsetType = msgspec.UNSET


class Lines(Framing):
    """With programs in whatever language: JSON, a line each; see docs/foreign-subjects.md."""

    encoding: Encoding = JSON

    def request(self, number: int, message: bytes) -> bytes:  # noqa: ARG002 - one after the other
        return message + b"\n"

    def answer(self, received: bytearray, number: int) -> bytes | None:  # noqa: ARG002
        if not received.endswith(b"\n"):
            return None
        line = bytes(received)
        received.clear()
        answer = _answer(line)
        if isinstance(answer.error, Fault):
            raise raised(answer.error)
        if isinstance(answer.result, msgspec.UnsetType):
            raise ProtocolError(f"expected `result` or `error`, found {line[:80]!r}")
        return bytes(answer.result)

    def requests(self, source: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        yield from enumerate(source)

    def result(self, number: int, message: bytes) -> bytes:  # noqa: ARG002
        return msgspec.json.encode(Answer(result=msgspec.Raw(message))) + b"\n"

    def fault(self, number: int, fault: Fault) -> bytes:  # noqa: ARG002
        return msgspec.json.encode(Answer(error=fault)) + b"\n"


def _answer(line: bytes) -> Answer:
    try:
        return msgspec.json.decode(line, type=Answer)
    except msgspec.DecodeError as error:
        raise ProtocolError(
            f"expected a line of JSON, found {line[:80]!r}: standard output is the "
            f"protocol's, what else there is to say belongs on standard error ({error})"
        ) from error


FRAMES, LINES = Frames(), Lines()
