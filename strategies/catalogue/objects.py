"""Objects by themselves: the cases of each class, systematically, one argument at a time."""

from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from saveproof.strategies.case import (
    Architecture,
    Case,
    CompileSettings,
    Config,
    Kind,
    Layer,
    Object,
    TrainingHistory,
)
from saveproof.strategies.catalogue.entries import (
    BY_RANK,
    ENTRIES,
    LEFT_OUT,
    SEQUENCE,
    Entry,
    Tensor,
)
from saveproof.strategies.catalogue.exports import ExportedClass, Exports
from saveproof.strategies.catalogue.marked import classes_in
from saveproof.strategies.catalogue.values import Values, rank_of, values_of

FOLLOWS = Entry()
"""The entry of a class that follows the conventions."""

NO_SETTINGS = CompileSettings(Object("SGD"), ())
NO_HISTORY = TrainingHistory((), ())
SEED = 3
NO_VALUES = "no value is known for an argument of this name: add one to values.py, or a reason"


def entry_of(one: ExportedClass) -> Entry:
    """Return the entry of a class."""
    return ENTRIES.get(one.qualified, FOLLOWS)


def inputs_of(qualified: str) -> tuple[Tensor, ...]:
    """Return the inputs of a layer, by its entry or by the rank that its name tells."""
    own = ENTRIES.get(qualified, FOLLOWS).inputs
    return own or (BY_RANK.get(rank_of(qualified), SEQUENCE),)


def reason_left_out(one: ExportedClass, argument: str) -> str:
    """Return why no example gives the argument; empty if one does."""
    entry, known = entry_of(one), one.argument(argument)
    chosen = known.left_out if known else ""
    reason = class_left_out(one) or entry.left_out.get(argument) or LEFT_OUT.get(argument, "")
    return reason or chosen or ("" if values(one, argument) else NO_VALUES)


def class_left_out(one: ExportedClass) -> str:
    """Return why no example has the class; empty if one does."""
    return entry_of(one).why or one.left_out


def values(one: ExportedClass, argument: str) -> Values:
    """Return the values that examples give the argument, beside the plain one."""
    entry = entry_of(one)
    own = entry.values.get(argument)
    named = values_of(argument, one.name) if own is None else own
    plainly = plain(one).get(argument, _default(one, argument))
    return tuple(value for value in named or () if not _same(value, plainly))


def _default(one: ExportedClass, argument: str) -> Any:
    known = one.argument(argument)
    return None if known is None else known.default


def _same(value: Any, plainly: Any) -> bool:
    return type(value) is type(plainly) and bool(value == plainly)


def plain(one: ExportedClass) -> Config:
    """Return the arguments of the plainest object: what the class needs, and a seed."""
    given = dict(entry_of(one).given)
    for argument in one.required:
        if argument not in given:
            given[argument] = next(iter(values_of(argument, one.name) or (None,)))
    if one.takes("seed"):
        given.setdefault("seed", 1)
    return {name: value for name, value in given.items() if not one.bars(name)}


def cases(exports: Exports) -> Iterator[Case]:
    """Yield each class at its plainest, then each argument's values one at a time.

    Classes that a subject lacks are in no value.
    """
    for one in exports:
        if class_left_out(one):
            continue
        yield case(one.qualified, plain(one))
        for tested, arguments in variations(one):
            if _has_all(exports, arguments):
                yield case(one.qualified, arguments, tested)


def _has_all(exports: Exports, arguments: Config) -> bool:
    """Return whether the subject has all classes of the objects in the arguments."""
    return all((one := exports.get(name)) and not one.barred for name in classes_in(arguments))


def variations(one: ExportedClass) -> Iterator[tuple[tuple[str, ...], Config]]:
    """Yield the arguments under test, and all arguments of an object with them."""
    beside: Mapping[str, Config] = entry_of(one).beside
    for argument in one.arguments:
        if reason_left_out(one, argument.name):
            continue
        more = {name: v for name, v in beside.get(argument.name, {}).items() if one.takes(name)}
        for value in values(one, argument.name):
            yield (argument.name, *more), {**plain(one), **more, argument.name: value}


@st.composite
def drawn(draw: st.DrawFn, exports: Exports) -> Case:
    """Generate an object with several arguments at once; shrinks towards a plain one."""
    classes = [one for one in exports if not class_left_out(one)]
    one = draw(st.sampled_from(classes))
    options = [option for option in variations(one) if _has_all(exports, option[1])]
    chosen = (
        draw(st.lists(st.sampled_from(options), max_size=MOST, unique_by=_tested))
        if options
        else []
    )
    arguments = plain(one)
    for tested, more in chosen:
        arguments |= {name: more[name] for name in tested}
    names = dict.fromkeys(name for tested, _ in chosen for name in tested)
    return case(one.qualified, arguments, tuple(names))


def _tested(option: tuple[tuple[str, ...], Config]) -> str:
    return option[0][0]


MOST = 4
"""Arguments of one generated object that are not at their defaults."""


def case(qualified: str, arguments: Mapping[str, Any], tested: tuple[str, ...] = ()) -> Case:
    """Return the case of one object."""
    layer = Layer(qualified, dict(arguments))
    architecture = Architecture(Kind.OBJECT, qualified, (), (layer,), (), ())
    return Case(architecture, NO_SETTINGS, NO_HISTORY, SEED, tested)
