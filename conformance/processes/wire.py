"""Dataclasses with NumPy arrays as bytes, for the pipe between two processes (MessagePack)."""

from typing import Any, TypeVar

import ml_dtypes
import msgspec
import numpy as np

T = TypeVar("T")

_ARRAY = 1
_EXTENDED = {str(np.dtype(ml_dtypes.bfloat16)): np.dtype(ml_dtypes.bfloat16)}


def encode(record: object) -> bytes:
    """Return the record as MessagePack; arrays keep dtype, shape and bytes."""
    return msgspec.msgpack.encode(record, enc_hook=_encode_array)


def decode(message: bytes, kind: type[T]) -> T:
    """Return the record of that class that the message holds."""
    return msgspec.msgpack.decode(message, type=kind, ext_hook=_decode_array, dec_hook=_as_is)


def _encode_array(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a snapshot holds arrays and JSON values, not {type(value).__name__}")
    head = (str(value.dtype), value.shape, value.tobytes())
    return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode(head))


def _decode_array(code: int, message: memoryview) -> np.ndarray:
    if code != _ARRAY:
        raise ValueError(f"unknown extension {code} in a snapshot")
    name, shape, buffer = msgspec.msgpack.decode(message, type=tuple[str, tuple[int, ...], bytes])
    dtype = _EXTENDED.get(name) or np.dtype(name)
    return np.frombuffer(buffer, dtype=dtype).reshape(shape)


def _as_is(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, found {type(value).__name__}")
    return value
