"""The encoding of records that are sent to another process, as MessagePack or as JSON.

An array is its dtype, shape and bytes (C order): an extension of MessagePack, and in JSON an object
with the bytes in base64.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

import ml_dtypes
import msgspec
import numpy as np

T = TypeVar("T")

ARRAY, FLOAT = "__array__", "__float__"
"""Keys of what JSON has no form for: an array, and a float that is not finite."""

_EXTENSION = 1
_EXTENDED = {str(np.dtype(ml_dtypes.bfloat16)): np.dtype(ml_dtypes.bfloat16)}
"""Dtypes by name that NumPy does not know."""


class ProtocolError(ValueError):
    """A message is not what the protocol asks for."""


class Encoding(Protocol):
    """How records are written as bytes, and read."""

    def encode(self, record: object) -> bytes:
        """Return the record as bytes.

        Raises:
            TypeError: it holds something else than records, arrays and JSON values.
        """

    def decode(self, message: bytes, kind: type[T]) -> T:
        """Return the record of that class that the message holds.

        Raises:
            ValueError: it holds another.
        """


class MessagePack(Encoding):
    """Between processes of ours."""

    def encode(self, record: object) -> bytes:
        return msgspec.msgpack.encode(record, enc_hook=_extension)

    def decode(self, message: bytes, kind: type[T]) -> T:
        return msgspec.msgpack.decode(message, type=kind, ext_hook=_from_extension, dec_hook=_as_is)


class Json(Encoding):
    """With programs in whatever language."""

    def encode(self, record: object) -> bytes:
        return msgspec.json.encode(_finite(msgspec.to_builtins(record, enc_hook=_object)))

    def decode(self, message: bytes, kind: type[T]) -> T:
        return msgspec.convert(_restored(msgspec.json.decode(message)), kind, dec_hook=_as_is)


MESSAGEPACK, JSON = MessagePack(), Json()

encode, decode = MESSAGEPACK.encode, MESSAGEPACK.decode


def _parts(value: Any) -> tuple[str, tuple[int, ...], bytes]:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"a snapshot holds arrays and JSON values, not {type(value).__name__}")
    return str(value.dtype), value.shape, value.tobytes()


def _extension(value: Any) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(_EXTENSION, msgspec.msgpack.encode(_parts(value)))


def _from_extension(code: int, message: memoryview) -> np.ndarray:
    if code != _EXTENSION:
        raise ValueError(f"unknown extension {code} in a snapshot")
    return _array(*msgspec.msgpack.decode(message, type=tuple[str, tuple[int, ...], bytearray]))


def _object(value: Any) -> Mapping[str, Any]:
    return {ARRAY: dict(zip(("dtype", "shape", "data"), _parts(value), strict=True))}


def _finite(value: Any) -> Any:
    """Return the JSON value with an object for each float that is not finite."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(_finite, value))
    if isinstance(value, float) and not math.isfinite(value):
        return {FLOAT: str(value)}
    return value


def _restored(value: Any) -> Any:
    """Return the JSON value with arrays and floats in place of their objects."""
    if isinstance(value, list):
        return list(map(_restored, value))
    if not isinstance(value, dict):
        return value
    if ARRAY in value:
        return _from_object(value[ARRAY])
    if FLOAT in value:
        return float(value[FLOAT])
    return {key: _restored(inner) for key, inner in value.items()}


def _from_object(value: Any) -> np.ndarray:
    try:
        data = bytearray(base64.b64decode(value["data"], validate=True))
        return _array(value["dtype"], value["shape"], data)
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(
            f"array: expected dtype, shape and as many bytes in base64, found: {error}"
        ) from error


def _array(dtype: str, shape: Sequence[int], data: bytearray) -> np.ndarray:
    """Return the array, on the message's own bytes."""
    return np.frombuffer(data, _EXTENDED.get(dtype) or np.dtype(dtype)).reshape(shape)


def _as_is(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, found {type(value).__name__}")
    return value
