"""Fields: the arguments of a class, declared once; its constructor and configuration follow.

As in a dataclass, an annotated name in the body of a `configurable` class is an argument, and one
with a value has that as its default; those after `_: KW_ONLY` are given by name alone:

    @configurable
    class Scale(Layer):
        factor: float = 1.0
        _: KW_ONLY
        kernel_regularizer: Any = argument(REGULARIZER, default=None)

User-defined subclasses are ordinary classes that define a constructor and `get_config`.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Literal, Self, TypeVar, cast, dataclass_transform, get_origin

from saveproof.reference_impl.config_types import construct
from saveproof.reference_impl.plain import is_ours, plain, plain_but_arrays, with_plain_arguments

Class = TypeVar("Class", bound=type)
Config = dict[str, Any]

REQUIRED: Any = inspect.Parameter.empty

ConfigEntry = tuple[str, str, Callable[[Any, str], Any], bool]
"""An argument in a configuration: name, attribute, and its form's `to_config` and `optional`."""


@dataclass(frozen=True, slots=True)
class Form:
    """How arguments of one kind are checked, stored and written to a configuration.

    Attributes:
        convert: returns the value to store, from the object, the argument's name and the given
            value; raises an error for an invalid value.
        to_config: returns the value for the configuration, from the object and the attribute's
            name.
        takes: the type of the given value, if it differs from that of the stored value; the
            annotation is then `Any`, since a type checker uses it for both.
        optional: whether a configuration leaves it out while it is None.
    """

    convert: Callable[[Any, str, Any], Any] | None = None
    to_config: Callable[[Any, str], Any] = getattr
    takes: Any = REQUIRED
    optional: bool = False


AS_GIVEN = Form()


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """An argument of a class.

    Attributes:
        form: how it is checked, stored and written to a configuration.
        default: its default value; without one it is required.
        init: False for an attribute that is not an argument; the class holds its default.
        kw_only: whether it is keyword-only.
        kept: whether the attribute is set; if not, `__pre_init__` uses the value.
        in_config: whether the configuration contains it.
        array: whether arrays, or lists of them, are not converted to lists.
        alias: its name in the constructor and the configuration, if not the attribute's.
        attribute: its name in the class.
        annotation: the type of the attribute.
    """

    form: Form = AS_GIVEN
    default: Any = REQUIRED
    init: bool = True
    kw_only: bool = False
    kept: bool = True
    in_config: bool = True
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
        """The type of the given value."""
        return self.annotation if self.form.takes is REQUIRED else self.form.takes

    def as_plain(self, value: Any) -> Any:
        """Return a value with NumPy's numbers as Python's; arrays stay if they are allowed."""
        return plain_but_arrays(value) if self.array else plain(value)


def argument(
    form: Form = AS_GIVEN,
    *,
    default: Any = REQUIRED,
    kw_only: bool = False,
    kept: bool = True,
    in_config: bool = True,
    array: bool = False,
    alias: str = "",
) -> Any:
    """Return an argument of a class, like a dataclass's `field`; `Argument` lists the options."""
    return Argument(
        form=form,
        default=default,
        kw_only=kw_only,
        kept=kept,
        in_config=in_config,
        array=array,
        alias=alias,
    )


def attribute(*, default: Any = REQUIRED, init: Literal[False] = False) -> Any:
    """Return an attribute that is not an argument, with its default.

    It also removes the argument with this name from a base class.
    """
    return Argument(default=default, init=init)


class Configured:
    """Base class of everything that has a configuration.

    Constructors of built-in classes convert NumPy's numbers to Python's; a constructor of a user's
    class receives its arguments unchanged.
    """

    __arguments__: ClassVar[Mapping[str, Argument]] = {}
    """The arguments by the names of their attributes, those of base classes first."""
    __config_entries__: ClassVar[Sequence[ConfigEntry]] = ()
    """The arguments in the configuration, in its order."""
    first_in_config: ClassVar[tuple[str, ...]] = ()
    """The first arguments in the configuration, if Keras's order differs from that of the class."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Convert NumPy's numbers for a built-in class that writes its constructor by hand."""
        super().__init_subclass__(**options)
        if is_ours(cls) and "__init__" in cls.__dict__:
            arrays = {one.alias for one in cls.__arguments__.values() if one.array}
            made: Any = with_plain_arguments(arrays=arrays)(cls.__dict__["__init__"])
            type.__setattr__(cls, "__init__", made)

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        """Use arguments that are not stored; runs before attributes are set."""

    def __post_init__(self) -> None:
        """Check arguments that depend on each other; runs after attributes are set."""

    def get_config(self) -> Config:
        """Return the constructor's arguments for an equal object."""
        return config_of_fields(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return an object from its configuration, in its initial state."""
        return construct(cls, config)


def config_of_fields(item: Configured) -> Config:
    """Return the declared arguments of an object, as its configuration has them."""
    return {
        name: value
        for name, attribute, to_config, optional in type(item).__config_entries__
        if (value := to_config(item, attribute)) is not None or not optional
    }


@dataclass_transform(eq_default=False, field_specifiers=(argument, attribute))
def configurable(cls: Class) -> Class:
    """Give a class the constructor and configuration that follow from its fields."""
    kind: Any = cls
    above, own = kind.__arguments__, _own_arguments(kind)
    every = {name: one for name, one in {**above, **own}.items() if one.init}
    new = [one for name, one in own.items() if one.init and not _is_repeated(one, above.get(name))]
    for name, value in (
        ("__arguments__", every),
        ("__config_entries__", _config_entries(every, kind.first_in_config)),
        ("__init__", _constructor(kind, list(every.values()), new)),
    ):
        type.__setattr__(kind, name, value)
    return cls


def _is_repeated(one: Argument, other: Argument | None) -> bool:
    """Return whether a class redeclares an argument with the default and type of its base."""
    return other is not None and one.default is other.default and one.takes == other.takes


def _own_arguments(kind: type) -> dict[str, Argument]:
    """Return the arguments in a class's own body, and remove their markers from the class."""
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


def _config_entries(every: Mapping[str, Argument], first: Sequence[str]) -> tuple[ConfigEntry, ...]:
    """Return the arguments in the configuration, in its order."""
    found = {
        one.alias: (one.alias, one.attribute, one.form.to_config, one.form.optional)
        for one in every.values()
        if one.in_config
    }
    return tuple(({name: found[name] for name in first if name in found} | found).values())


def _constructor(
    kind: type, every: Sequence[Argument], new: Sequence[Argument]
) -> Callable[..., None]:
    """Return the constructor of a class.

    Its signature contains positional arguments and those that the class adds; others of its base
    classes are in `**kwargs`. As in a dataclass it is compiled from source, so Python binds the
    arguments.
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
    """Return the function that sets an object's attributes from the arguments given."""
    hidden = [one for one in every if one not in shown]
    kept = [(one.attribute, one.alias, one.form.convert) for one in every if one.kept]

    def fill(item: Configured, values: tuple[Any, ...], others: dict[str, Any]) -> None:
        given = {
            one.alias: value if value is one.default else one.as_plain(value)
            for one, value in zip(shown, values, strict=True)
        }
        for one in hidden:
            given[one.alias] = (
                one.as_plain(others.pop(one.alias)) if one.alias in others else one.default
            )
        if others:
            raise TypeError(f"Keyword argument not understood: {sorted(others)}")
        item.__pre_init__(given)
        for attribute, name, convert in kept:
            value = given[name]
            setattr(item, attribute, value if convert is None else convert(item, name, value))
        item.__post_init__()

    return fill
