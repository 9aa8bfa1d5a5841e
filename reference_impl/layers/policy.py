"""Dtype policies: the dtypes of a layer's computations and of its weights."""

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
        ValueError: if there is no such policy.
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
    """Return the dtype of computations under this policy."""
    return _MIXED.get(policy, policy)


def variable_dtype(policy: str) -> str:
    """Return the dtype of weights under this policy."""
    return FLOATX if policy in _MIXED else policy


@lru_cache
def is_floating(dtype: object) -> bool:
    """Return whether this is a floating-point dtype, including bfloat16, which NumPy lacks."""
    return str(dtype) in _PLAIN


def serialize_policy(policy: str) -> str | dict[str, object]:
    """Return a policy as tf_keras writes it: a dtype name, or the configuration of a Policy."""
    if policy not in _MIXED:
        return policy
    return {
        "module": "keras.mixed_precision",
        "class_name": "Policy",
        "config": {"name": policy},
        "registered_name": None,
    }
