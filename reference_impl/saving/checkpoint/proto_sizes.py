"""A limit on the number of protobuf messages in encoded bytes, each of which needs 100 bytes."""

from typing import Any

from saveproof.reference_impl.saving.errors import WrongPart

MOST = 1 << 17
"""The number of messages that any file may contain."""

SHORTEST = 8
"""The smallest average size of a message beyond that number; in Keras's graphs it is 16 bytes."""

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def check_messages(descriptor: Any, data: bytes, *, where: str) -> None:
    """Check that an encoded message does not contain far more messages than graphs do.

    Args:
        descriptor: of the message.
        data: the encoded message.
        where: its origin, for messages.

    Raises:
        WrongPart: if it contains more.
    """
    most = max(MOST, len(data) // SHORTEST)
    # A nested message has at least two bytes.
    if len(data) // 2 > most and _count(descriptor, data, most) > most:
        raise WrongPart(f"{where}: expected up to {most} messages in {len(data)} bytes, found more")


def _count(descriptor: Any, data: bytes, most: int) -> int:
    """Count messages, stopping above `most`; the parser reports malformed data."""
    within = [(descriptor, 0, len(data))]
    kinds: dict[str, dict[int, Any]] = {}
    count = 0
    while within:
        outer, at, end = within.pop()
        count += 1
        if outer.full_name not in kinds:
            kinds[outer.full_name] = {each.number: each.message_type for each in outer.fields}
        fields = kinds[outer.full_name]
        while at < end and count + len(within) <= most:
            tag, at = _varint(data, at)
            kind = tag & 7
            if kind == _BYTES:
                size, at = _varint(data, at)
                if fields.get(tag >> 3) is not None and at + size <= end:
                    within.append((fields[tag >> 3], at, at + size))
                at += size
            elif kind == _VARINT:
                _, at = _varint(data, at)
            elif kind in (_FIXED_64, _FIXED_32):
                at += 8 if kind == _FIXED_64 else 4
            else:
                return count
        if count + len(within) > most:
            return most + 1
    return count


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data):
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            break
        shift += 7
    return number, at
