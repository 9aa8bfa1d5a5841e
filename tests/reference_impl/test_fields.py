"""Arguments that a class declares as fields: what constructor and configuration follow."""

import inspect
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import numpy as np
import pytest

from saveproof.reference_impl.fields import Configured, Form, argument, attribute, configurable
from saveproof.reference_impl.layers import Layer
from tests.reference_impl.test_plain import CLASSES


def doubled(owner: Any, name: str, value: float) -> float:
    if value < 0:
        raise ValueError(f"{type(owner).__name__}: {name}: expected >= 0, found {value!r}")
    return value * 2


DOUBLED = Form(doubled, lambda owner, name: getattr(owner, name) / 2, takes=object)


@configurable
class Shape(Configured):
    sides: int
    size: Any = argument(DOUBLED, default=1.0)
    _: KW_ONLY
    name: str = "shape"
    note: str | None = argument(Form(optional=True), default=None)
    count: ClassVar[int] = 7


@configurable
class Square(Shape):
    sides: int = attribute()
    size: Any = argument(DOUBLED, default=3.0)
    _: KW_ONLY
    table: Any = argument(default=None, array=True, in_config=False)
    first_in_config = ("name",)

    def __post_init__(self) -> None:
        self.sides = 4


class Own(Square):
    """A user's class: an ordinary one."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(size=2.0 * factor, **kwargs)
        self.factor = factor


def test_the_signature_shows_what_a_class_declares_and_what_may_be_given_by_position():
    assert str(inspect.signature(Shape)) == (
        "(sides: int, size: object = 1.0, *, name: str = 'shape', note: str | None = None) -> None"
    )
    assert str(inspect.signature(Square)) == (
        "(size: object = 3.0, *, table: Any = None, **kwargs: Any) -> None"
    )


def test_a_configuration_lists_arguments_in_the_order_of_the_classes():
    assert Shape(3, 2.0, note="n").get_config() == {
        "sides": 3,
        "size": 2.0,
        "name": "shape",
        "note": "n",
    }
    assert vars(Shape(3)) == {"sides": 3, "size": 2.0, "name": "shape", "note": None}
    assert list(Shape(3).get_config()) == ["sides", "size", "name"]


def test_a_class_may_drop_an_argument_and_order_its_configuration():
    made = Square(name="s")

    assert (made.sides, made.size, Square.count) == (4, 6.0, 7)
    assert list(made.get_config().items()) == [("name", "s"), ("size", 3.0)]
    assert Square.from_config({"size": 1, "name": "t"}).size == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Shape(), r"Shape.__init__\(\) missing 1 required positional argument: 'sides'"),
        (lambda: Shape(1, 2, "x"), r"takes from 2 to 3 positional arguments but 4 were given"),
        (lambda: Shape(1, colour=1), r"unexpected keyword argument 'colour'"),
        (lambda: Square(sides=3), r"Keyword argument not understood: \['sides'\]"),
    ],
)
def test_what_a_class_does_not_take_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_value_without_meaning_is_refused_by_class_and_argument():
    with pytest.raises(ValueError, match=r"Square: size: expected >= 0, found -1"):
        Square(-1)


def test_numbers_of_numpy_are_taken_plain_but_an_array_stays_one_where_it_may_be_one():
    table = np.ones(2)

    assert type(Shape(np.int64(3)).sides) is int
    assert Shape(3, name=np.array([1, 2])).name == [1, 2]
    assert Square(table=table).table is table


def test_a_users_class_inherits_the_fields_and_has_a_constructor_of_its_own():
    made = Own(2.0, name="own", table=np.float32(1))

    assert made.get_config() == {"name": "own", "size": 4.0}
    assert type(made.table) is float


EVERY_LAYER = {"weights", "input_shape", "input_dim", "batch_size"}
"""Arguments of each layer that its configuration does not have: they are of its start."""

OF_THE_KERNEL = frozenset({"kernel_initializer", "kernel_regularizer", "kernel_constraint"})

NOT_IN_CONFIG = {
    "LeakyReLU": frozenset({"negative_slope"}),
    "ZeroPadding1D": frozenset({"data_format"}),
    "DepthwiseConv1D": OF_THE_KERNEL,
    "DepthwiseConv2D": OF_THE_KERNEL,
}
"""What tf_keras's configurations don't have either, or what is another name of an argument."""


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_a_configuration_has_every_argument_but_these(kind):
    arguments = {one.alias for one in kind.__arguments__.values()}
    in_config = {name for name, *_ in kind.__config_entries__}
    of_layer = EVERY_LAYER if issubclass(kind, Layer) else set()

    assert arguments - in_config - of_layer == NOT_IN_CONFIG.get(kind.__name__, set())


NOT_OFFERED = {
    ("Adam", "adaptive_epsilon"),
    ("BatchNormalization", "synchronized"),
    ("Embedding", "sparse"),
}
"""Arguments of tf_keras that ask for nothing that there is here."""

BY_HAND = {
    *("Bidirectional", "InputLayer", "LossFunctionWrapper", "MeanMetricWrapper"),
    "TimeDistributed",
}
"""Classes whose constructor is written out: their arguments become other things."""


def same_default(name: str, ours: Any, theirs: Any) -> bool:
    """Return whether two defaults mean the same: None is the class's own, and one size all."""
    one = theirs[0] if isinstance(theirs, tuple) else theirs
    return (
        ours in (one, theirs)
        or name == "jit_compile"
        or (name in ("name", "data_format") and ours is None)
    )


@pytest.mark.frameworks
def test_arguments_and_defaults_are_those_of_tf_keras():
    keras = pytest.importorskip("tf_keras")
    modules = {
        "constraint": keras.constraints,
        "initializer": keras.initializers,
        "layer": keras.layers,
        "loss": keras.losses,
        "metric": keras.metrics,
        "optimizer": keras.optimizers,
        "regularizer": keras.regularizers,
        "schedule": keras.optimizers.schedules,
    }
    compared = 0
    for title, kind in CLASSES.items():
        *_, what, name = title.split()
        if name in BY_HAND or not hasattr(modules[what], name):
            continue
        ours = {one.alias: one.default for one in kind.__arguments__.values()}
        for taken, theirs in inspect.signature(getattr(modules[what], name)).parameters.items():
            if theirs.kind in (theirs.VAR_KEYWORD, theirs.VAR_POSITIONAL):
                continue
            assert taken in ours or (name, taken) in NOT_OFFERED, f"{title}: {taken}"
            if taken in ours:
                assert same_default(taken, ours[taken], theirs.default), f"{title}: {taken}"
                compared += 1
    assert compared > 400
