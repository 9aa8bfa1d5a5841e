"""Options of a run, each stated once: its type, bounds, default and help."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Meta

from saveproof.conformance.processes.memory import MEMORY

R = TypeVar("R", bound=msgspec.Struct)

Names = tuple[str, ...]
AtLeastOne = Annotated[int, Meta(ge=1, title="a number above 0")]
AboveZero = Annotated[float, Meta(gt=0, le=sys.float_info.max, title="a number above 0")]
NotNegative = Annotated[float, Meta(ge=0, le=sys.float_info.max, title="a number of 0 or above")]
Workers = Annotated[
    str,
    Meta(
        pattern=r"^(auto|logical|\d+)$",
        title="a number, or auto",
        description="Worker processes: a number, or auto; 0 for this process alone.",
    ),
]
Out = Annotated[Path, Meta(description="Where the run and its report go.")]


class InvalidOption(ValueError):
    """An option has a value that no run can be made with."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one case may take."""

    timeout: Annotated[
        AboveZero,
        Meta(
            description="Seconds that one case may take on a save path, and as many again in "
            "another process."
        ),
    ] = 120.0
    memory: Annotated[
        NotNegative,
        Meta(description="GiB of memory that a process of a subject may use; 0 for no limit."),
    ] = MEMORY


class RunOptions(Limits, frozen=True, kw_only=True):
    """What every run takes: which cases, how many, in how many processes, and where it goes."""

    subject: Annotated[Names, Meta(description="Subject under test.")]
    kind: Annotated[Names, Meta(description="Only this kind of model.")] = ()
    examples: Annotated[
        AtLeastOne, Meta(description="Cases a save path (or format of a pair) and kind.")
    ] = 30
    seed: Annotated[int, Meta(description="Seed of the cases.")] = 0
    workers: Workers = "auto"
    out: Out = Path("saveproof-report")


class SuiteOptions(RunOptions, frozen=True, kw_only=True):
    """What a run of subjects takes."""

    path: Annotated[Names, Meta(description="Only this save path.")] = ()
    check: Annotated[Names, Meta(description="Only this check.")] = ()
    seconds: Annotated[
        AboveZero | None, Meta(description="Run each save path and kind this long instead.")
    ] = None


DEFAULTS = SuiteOptions(subject=())


class InterchangeOptions(RunOptions, frozen=True, kw_only=True):
    """What a run of exchanges between subjects takes."""

    subject: Annotated[Names, Meta(description="All installed ones, if none.")] = ()
    format: Annotated[Names, Meta(description="Only this format.")] = ()
    across: Annotated[bool, Meta(description="Only what another subject has written.")] = False
    shrink: Annotated[NotNegative, Meta(description="Seconds to reduce what a pair loses.")] = 60.0
    workers: Workers = "0"
    out: Out = Path("saveproof-interchange")


class Option(NamedTuple):
    """An option as a command line has it: one that is `many` may be given several times."""

    name: str
    type: type
    many: bool
    required: bool
    default: Any
    help: str


def options(record: type[msgspec.Struct]) -> Iterator[Option]:
    """Yield the options of a record, those of its base first."""
    for field in msgspec.structs.fields(record):
        default = () if field.required else field.default
        help_ = next((meta.description for meta in _metas(field.type) if meta.description), "")
        many = isinstance(default, tuple)
        yield Option(field.name, _plain(field.type), many, field.required, default, help_)


def validated(record: type[R], given: Mapping[str, Any]) -> R:
    """Return the record of what was given.

    Raises:
        InvalidOption: a value is out of its bounds; the message says what was expected.
    """
    for field in msgspec.structs.fields(record):
        try:
            msgspec.convert(given.get(field.name, field.default), field.type)
        except msgspec.ValidationError as error:
            titles = [meta.title for meta in _metas(field.type) if meta.title]
            raise InvalidOption(
                f"{field.name}: expected {titles[0] if titles else error}, "
                f"found {given[field.name]}"
            ) from error
    return msgspec.convert(given, record)


def _metas(annotation: Any) -> Iterator[Meta]:
    """Yield what is said of a type and of the types inside it."""
    for inner in get_args(annotation):
        if isinstance(inner, Meta):
            yield inner
        else:
            yield from _metas(inner)


def _plain(annotation: Any) -> type:
    """Return the type of one value, without what is said of it."""
    inner = get_args(annotation)
    plain: type = _plain(inner[0]) if inner else annotation
    return plain
