"""Fields: the arguments of a class, declared once; its constructor and configuration follow.

As in a dataclass, an annotated name in the body of a `configurable` class is an argument, and one
with a value has that as its default; those after `_: KW_ONLY` are given by name alone:

    @configurable
    class Scale(Layer):
        factor: float = 1.0
        _: KW_ONLY
        kernel_regularizer: Any = argument(REGULARIZER, default=None)

A user's own class is an ordinary one, with a constructor and a `get_config` of its own.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Literal, Self, TypeVar, cast, dataclass_transform, get_origin

from saveproof.reference_impl.config_types import made_from
from saveproof.reference_impl.plain import is_ours, plain, plain_but_arrays, with_plain_arguments

Class = TypeVar("Class", bound=type)
Config = dict[str, Any]

REQUIRED: Any = inspect.Parameter.empty

Statement = tuple[str, str, Callable[[Any, str], Any], bool]
"""An argument in a configuration: its name, its attribute, and its form's `state`, `optional`."""


@dataclass(frozen=True, slots=True)
class Form:
    """How arguments of one kind are checked, kept and written to a configuration.

    Attributes:
        convert: returns the value that the object keeps, from the object, the argument's name and
            the value given; raises if that is not allowed.
        state: returns the value for the configuration, from the object and the attribute's name.
        takes: the type of what is given, if it is not that of the attribute.
        optional: whether a configuration leaves it out while it is None.
    """

    convert: Callable[[Any, str, Any], Any] | None = None
    state: Callable[[Any, str], Any] = getattr
    takes: Any = REQUIRED
    optional: bool = False


AS_GIVEN = Form()


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """An argument of a class.

    Attributes:
        form: how it is taken and stated.
        default: given if nothing is; without one it is required.
        init: False for what is no argument, but an attribute whose default the class has.
        kw_only: whether it is given by name alone.
        kept: False if `__pre_init__` takes it, and no attribute is set.
        stated: whether the configuration has it.
        array: whether an array, or a list of them, stays one.
        alias: its name in the constructor and the configuration, if not the attribute's.
        attribute: its name in the class.
        annotation: the type of the attribute.
    """

    form: Form = AS_GIVEN
    default: Any = REQUIRED
    init: bool = True
    kw_only: bool = False
    kept: bool = True
    stated: bool = True
    array: bool = False
    alias: str = ""
    attribute: str = ""
    annotation: Any = Any

    @property
    def has_default(self) -> bool:
        """Whether it may be left out."""
        return self.default is not REQUIRED

    @property
    def takes(self) -> Any:
        """The type of what is given."""
        return self.annotation if self.form.takes is REQUIRED else self.form.takes

    def plainly(self, value: Any) -> Any:
        """Return a given value as Python has it; arrays stay such where they may be given."""
        return plain_but_arrays(value) if self.array else plain(value)


def argument(
    form: Form = AS_GIVEN,
    *,
    default: Any = REQUIRED,
    kw_only: bool = False,
    kept: bool = True,
    stated: bool = True,
    array: bool = False,
    alias: str = "",
) -> Any:
    """Return an argument, as a dataclass's `field`: `Argument` says what is given here."""
    return Argument(
        form=form,
        default=default,
        kw_only=kw_only,
        kept=kept,
        stated=stated,
        array=array,
        alias=alias,
    )


def attribute(*, default: Any = REQUIRED, init: Literal[False] = False) -> Any:
    """Return what is no argument: an attribute with a value that the class has.

    One of the same name in a class above is no argument of this class.
    """
    return Argument(default=default, init=init)


class Configured:
    """What every kind of object shares that has a configuration.

    The constructors of the project's own classes take their arguments plain; a user's class takes
    what it is given.
    """

    __arguments__: ClassVar[Mapping[str, Argument]] = {}
    """The arguments by the names of their attributes, those of the classes above first."""
    __stated__: ClassVar[Sequence[Statement]] = ()
    """Those that a configuration has, in its order."""
    first_in_config: ClassVar[tuple[str, ...]] = ()
    """The arguments that a configuration begins with, where Keras has another order than here."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a constructor that a class of the project writes out take its arguments plain."""
        super().__init_subclass__(**options)
        if is_ours(cls) and "__init__" in cls.__dict__:
            arrays = {one.alias for one in cls.__arguments__.values() if one.array}
            made: Any = with_plain_arguments(arrays=arrays)(cls.__dict__["__init__"])
            type.__setattr__(cls, "__init__", made)

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        """Take the arguments that become no attributes; called before the others are set."""

    def __post_init__(self) -> None:
        """Check the arguments against each other and create what follows from them."""

    def get_config(self) -> Config:
        """Return the arguments that the constructor needs to make this object again."""
        return stated_arguments(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the object that `get_config` described, in its initial state."""
        return made_from(cls, config)


def stated_arguments(item: Configured) -> Config:
    """Return what an object's configuration has of the arguments that its class declares."""
    return {
        name: value
        for name, attribute, state, optional in type(item).__stated__
        if (value := state(item, attribute)) is not None or not optional
    }


@dataclass_transform(eq_default=False, field_specifiers=(argument, attribute))
def configurable(cls: Class) -> Class:
    """Return the class with the constructor that its fields and those of its bases declare."""
    kind: Any = cls
    above, own = kind.__arguments__, _own_arguments(kind)
    every = {name: one for name, one in {**above, **own}.items() if one.init}
    new = [one for name, one in own.items() if one.init and not _is_repeated(one, above.get(name))]
    for name, value in (
        ("__arguments__", every),
        ("__stated__", _stated(every, kind.first_in_config)),
        ("__init__", _constructor(kind, list(every.values()), new)),
    ):
        type.__setattr__(kind, name, value)
    return cls


def _is_repeated(one: Argument, other: Argument | None) -> bool:
    """Return whether a class takes an argument as the class above does, and states it otherwise."""
    return other is not None and one.default is other.default and one.takes == other.takes


def _own_arguments(kind: type) -> dict[str, Argument]:
    """Return the arguments that a class's own body declares, which become no class attributes."""
    found: dict[str, Argument] = {}
    by_name = False
    for name, annotation in inspect.get_annotations(kind).items():
        origin: Any = get_origin(annotation)
        if annotation == KW_ONLY:
            by_name = True
        elif origin is not ClassVar:
            given = vars(kind).get(name, REQUIRED)
            one = given if isinstance(given, Argument) else Argument(default=given)
            kw_only, alias = one.kw_only or by_name, one.alias or name
            found[name] = replace(
                one, kw_only=kw_only, alias=alias, attribute=name, annotation=annotation
            )
            if isinstance(given, Argument):
                type.__delattr__(kind, name)
            if not one.init and one.has_default:
                type.__setattr__(kind, name, one.default)
    return found


def _stated(every: Mapping[str, Argument], first: Sequence[str]) -> tuple[Statement, ...]:
    """Return what a configuration has, in its order, as tuples: they are read again and again."""
    found = {
        one.alias: (one.alias, one.attribute, one.form.state, one.form.optional)
        for one in every.values()
        if one.stated
    }
    return tuple(({name: found[name] for name in first if name in found} | found).values())


def _constructor(
    kind: type, every: Sequence[Argument], new: Sequence[Argument]
) -> Callable[..., None]:
    """Return a constructor whose signature shows what may be given by position, and what is new.

    The other arguments of the classes above are among its `**kwargs`. As in a dataclass it is
    compiled from its text, so that Python itself binds the arguments.
    """
    by_position = [one for one in every if not one.kw_only]
    by_name = [one for one in new if one.kw_only]
    by_name += [one for one in every if not (one.has_default or one in by_position + by_name)]
    shown = by_position + by_name
    rest = "**kwargs" if len(shown) < len(every) else ""
    parameters = [f"{one.alias}{'=_' + one.alias if one.has_default else ''}" for one in shown]
    if by_name:
        parameters.insert(len(by_position), "*")
    values = "".join(f"{one.alias}, " for one in shown)
    text = (
        f"def __init__({', '.join(['self', *parameters, *filter(None, [rest])])}):\n"
        f"    _fill(self, ({values}), {'kwargs' if rest else '{}'})"
    )
    namespace: dict[str, Any] = {f"_{one.alias}": one.default for one in shown}
    exec(text, namespace | {"_fill": _filler(every, shown)}, namespace)
    made = namespace["__init__"]
    made.__module__, made.__qualname__ = kind.__module__, f"{kind.__qualname__}.__init__"
    made.__annotations__ = {one.alias: one.takes for one in shown}
    made.__annotations__ |= {"kwargs": Any, "return": None} if rest else {"return": None}
    return cast("Callable[..., None]", made)


def _filler(every: Sequence[Argument], shown: Sequence[Argument]) -> Callable[..., None]:
    """Return what sets an object's attributes from what its constructor was given."""
    hidden = [one for one in every if one not in shown]
    kept = [(one.attribute, one.alias, one.form.convert) for one in every if one.kept]

    def fill(item: Configured, values: tuple[Any, ...], others: dict[str, Any]) -> None:
        given = {
            one.alias: value if value is one.default else one.plainly(value)
            for one, value in zip(shown, values, strict=True)
        }
        for one in hidden:
            given[one.alias] = (
                one.plainly(others.pop(one.alias)) if one.alias in others else one.default
            )
        if others:
            raise TypeError(f"Keyword argument not understood: {sorted(others)}")
        item.__pre_init__(given)
        for attribute, name, convert in kept:
            value = given[name]
            setattr(item, attribute, value if convert is None else convert(item, name, value))
        item.__post_init__()

    return fill
