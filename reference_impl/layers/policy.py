"""Dtype policies: in which dtype a layer computes and in which it keeps its weights."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

FLOATX = "float32"
_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_PLAIN = ("float16", "bfloat16", "float32", "float64")
_INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64", "string")


def policy_name(identifier: object) -> str:
    """Return the policy's name from a name, a dtype, or the configuration that Keras writes.

    Raises:
        ValueError: if it names no policy.
    """
    if identifier is None:
        return FLOATX
    if isinstance(identifier, Mapping):
        config: Any = identifier.get("config", {})
        return policy_name(config.get("name"))
    name = str(getattr(identifier, "name", identifier))
    if name not in (*_PLAIN, *_MIXED, *_INTEGERS):
        raise ValueError(
            f"dtype: expected one of {sorted((*_PLAIN, *_MIXED, *_INTEGERS))}, found {name!r}"
        )
    return name


def compute_dtype(policy: str) -> str:
    """Return the dtype in which a layer under this policy computes."""
    return _MIXED.get(policy, policy)


def variable_dtype(policy: str) -> str:
    """Return the dtype in which a layer under this policy keeps its weights."""
    return FLOATX if policy in _MIXED else policy


@lru_cache
def is_floating(dtype: object) -> bool:
    """Say whether this dtype holds real numbers; bfloat16 is not a float to NumPy itself."""
    return str(dtype) in _PLAIN


def serialize_policy(policy: str) -> str | dict[str, object]:
    """Return what tf_keras writes for a policy: a bare dtype, or a Policy's configuration."""
    if policy not in _MIXED:
        return policy
    return {
        "module": "keras.mixed_precision",
        "class_name": "Policy",
        "config": {"name": policy},
        "registered_name": None,
    }
