"""Names and seeds of the layers of a case, each used once."""

import re
from collections import Counter
from functools import cache

from saveproof.strategies.byte_draws import ByteDraws

PLAIN = ("{kind}",) * 64
ODD = (
    "{kind}_{down}",
    "{kind}_{down}",
    "{upper}.{number}",
    "Block-{number}",
    "{number}{kind}",
    "a__{kind}",
    "z>{kind}",
    "kernel",
    "layers",
    "vars",
    "model_weights",
    "optimizer_weights",
    "top_level",
    "name",
    ".{kind}",
    "{kind}" + "_of_a_rather_long_name" * 4,
)
NON_ASCII = (
    "größe_{kind}",
    "слой_{number}",
    "層",
    "e\u0301{number}",
    "\U0001f600",
    "ﬁ lter {kind}",
)

FILLERS = ("_", "x", "é")
"""What stands for a character that a subject has in no name: the first that it has."""

ASCII_NAMES = PLAIN + ODD
ALL_NAMES = PLAIN + ODD + NON_ASCII


class Register:
    """The names and seeds given so far in one case."""

    def __init__(self, *, unfit: str = "") -> None:
        """Start without names and seeds; no name has a character of `unfit`."""
        self._filler = next(one for one in FILLERS if one not in unfit)
        self._fitted = dict.fromkeys(map(ord, unfit), self._filler)
        self._counts: Counter[str] = Counter()
        self._seeds = 0

    def seed(self) -> int:
        """Return a seed that no other weight or dropout of the case has; the first one is 0."""
        self._seeds += 1
        return self._seeds - 1

    def name(
        self, class_name: str, draws: ByteDraws, *, taken: set[str], non_ascii: bool = False
    ) -> str:
        r"""Return a name that is not in `taken`, and add it; shrinks towards `dense`, `dense_1`.

        Without `non_ascii` it is what TensorFlow takes as a scope name,
        `[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*`; a slash is never in it, since Keras 3 refuses that.
        """
        number = self._counts[class_name]
        self._counts[class_name] += 1
        kind = snake_case(class_name)
        pattern = draws.one_of(ALL_NAMES if non_ascii else ASCII_NAMES)
        if pattern == "{kind}":
            name = f"{kind}_{number}" if number else kind
        else:
            name = pattern.format(
                kind=kind, upper=class_name.upper(), number=number, down=12 - number
            )
        return _free(name.translate(self._fitted), taken, self._filler)


@cache
def snake_case(class_name: str) -> str:
    """Return a class name as Keras writes it in names.

    >>> snake_case("LayerNormalization"), snake_case("Conv2D"), snake_case("GRU")
    ('layer_normalization', 'conv2d', 'gru')
    """
    separated = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", separated).lower()


def _free(name: str, taken: set[str], filler: str) -> str:
    free, again = name, 1
    while free in taken:
        again += 1
        free = f"{name}{filler}{again}"
    taken.add(free)
    return free
