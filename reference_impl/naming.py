"""Default names of layers and models, as in Keras: `dense`, `dense_1`, `input_1`."""

import re
from collections import Counter

_USED: Counter[str] = Counter()


def snake_case(class_name: str) -> str:
    """Return the lower-case name with underscores that Keras derives from a class name.

    >>> snake_case("LayerNormalization"), snake_case("Conv2D"), snake_case("GRU")
    ('layer_normalization', 'conv2d', 'gru')
    """
    separated = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", class_name)
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", separated).lower()
    return f"private{name}" if name.startswith("_") else name


def unique_name(prefix: str, *, zero_based: bool = True) -> str:
    """Return `prefix` at its first use and `prefix_1`, `prefix_2`… afterwards.

    As in Keras, the counter is global; `clear_session` resets it.
    With `zero_based=False` the first name also has a number (`input_1`).
    """
    count = _USED[prefix] + (0 if zero_based else 1)
    _USED[prefix] += 1
    return prefix if zero_based and count == 0 else f"{prefix}_{count}"


def clear_session() -> None:
    """Reset the counters of default names, as `keras.backend.clear_session` does."""
    _USED.clear()
