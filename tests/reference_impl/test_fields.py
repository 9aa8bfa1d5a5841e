"""Arguments that a class declares as fields: what constructor and configuration follow."""

import inspect
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import numpy as np
import pytest

from saveproof.reference_impl.fields import Configured, Form, argument, attribute, configurable


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
    table: Any = argument(default=None, array=True, stated=False)
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


def test_arguments_are_converted_and_stated_in_the_order_of_the_classes():
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
