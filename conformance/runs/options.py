"""The options of a run: type, bounds, default and help of each."""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import Meta

from saveproof.conformance.processes.memory import MEMORY
from saveproof.reports.policy import FailOn

R = TypeVar("R", bound=msgspec.Struct)

Names = Annotated[tuple[str, ...], Meta(title="a list of names")]
AtLeastOne = Annotated[int, Meta(ge=1, title="a number above 0")]
AboveZero = Annotated[float, Meta(gt=0, le=sys.float_info.max, title="a number above 0")]
NotNegative = Annotated[float, Meta(ge=0, le=sys.float_info.max, title="a number of 0 or above")]
Workers = Annotated[
    str,
    Meta(
        pattern=r"^(auto|logical|\d+)$",
        title="a number, or auto",
        description="Number of worker processes, or auto; 0 runs everything in one process.",
    ),
]
Out = Annotated[
    Path | None,
    Meta(
        title="the name of a folder",
        description="Folder for the run and its report; default: saveproof-report (exchanges: "
        "saveproof-interchange), or a numbered one beside it if it has a run.",
    ),
]
Force = Annotated[
    bool, Meta(title="true or false", description="Replace the run that the folder has.")
]
FailOnAny = Annotated[
    tuple[FailOn, ...],
    Meta(
        title=f"one of {', '.join(FailOn)}",
        description="End with exit code 1 also on: gap (state that an exact resume needs did not "
        "come back), known (a known issue showed), unstable (equal runs gave different results), "
        "not-shown (promised, but no example could be judged). fail is always on: a broken "
        "promise, a crash, a timeout, or the memory limit.",
    ),
]
Required = Annotated[
    Names,
    Meta(
        description="Check that must be judged and pass for every kind of model, else exit code "
        "1: CHECK, CHECK:PATH or CHECK:PATH@SUBJECT.",
    ),
]
Duration = Annotated[
    str,
    Meta(
        pattern=r"^(?=.*[1-9])(\d+|(\d+h)?(\d+m)?(\d+s)?)$",
        title="a time above 0 such as 90, 10m or 1h30m",
        description="Time limit of the whole run, in seconds or as 10m or 1h30m: each save path "
        "and kind of model gets its first cases, and the rest in turns until the time is up.",
    ),
]
PartOf = Annotated[
    str,
    Meta(
        pattern=r"^[1-9]\d*/[1-9]\d*$",
        title="a number of a number, such as 2/5",
        description="Run only this part of the run, such as 2/5; saveproof merge joins the parts.",
    ),
]


UNITS = {"h": 3600, "m": 60, "s": 1, "": 1}


class InvalidOption(ValueError):
    """The value of an option is out of its bounds."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one case."""

    timeout: Annotated[
        AboveZero,
        Meta(
            description="Time limit in seconds for a case on a save path; a load in another "
            "process has the same limit again."
        ),
    ] = 120.0
    memory: Annotated[
        NotNegative,
        Meta(description="Memory limit of a subject's process in GiB; 0 for no limit."),
    ] = MEMORY


class RunOptions(Limits, frozen=True, kw_only=True):
    """The options of every run."""

    subject: Annotated[Names, Meta(description="Subject to test.")]
    kind: Annotated[Names, Meta(description="Test only this kind of model.")] = ()
    examples: Annotated[
        AtLeastOne,
        Meta(description="Number of cases for each save path (or format) and kind of model."),
    ] = 30
    seed: Annotated[
        int, Meta(title="a whole number", description="Seed of the generated cases.")
    ] = 0
    known: Annotated[
        tuple[Path, ...], Meta(description="File of known issues, beside those that are built in.")
    ] = ()
    workers: Workers = "auto"
    folder: ClassVar[Path] = Path("saveproof-report")
    """The folder of a run without `out`; a numbered one beside it if it has a run."""
    out: Out = None
    fail_on: FailOnAny = ()
    require: Required = ()
    max_time: Duration | None = None
    shard: PartOf | None = None
    force: Force = False


class SuiteOptions(RunOptions, frozen=True, kw_only=True):
    """The options of `saveproof run`."""

    path: Annotated[Names, Meta(description="Test only this save path.")] = ()
    check: Annotated[Names, Meta(description="Run only this check.")] = ()
    every_class: Annotated[
        bool,
        Meta(
            description="Also put every object of the subject's catalogue, one argument at a time, "
            "into the smallest model, and test that on each save path."
        ),
    ] = False
    stratum: Annotated[
        Names,
        Meta(
            description="Test only this: a namespace (losses), a class (losses.Huber) or an "
            "argument of a class (losses.Huber/delta)."
        ),
    ] = ()
    without: Annotated[
        Names,
        Meta(
            description="Never use this: a namespace, a class, an argument of a class or of all "
            "(stateful), or an event (event:fit)."
        ),
    ] = ()
    seconds: Annotated[
        AboveZero | None,
        Meta(
            description="Test each save path and kind of model for this time instead of a number "
            "of cases."
        ),
    ] = None


DEFAULTS = SuiteOptions(subject=())


class InterchangeOptions(RunOptions, frozen=True, kw_only=True):
    """The options of `saveproof interchange`."""

    subject: Annotated[
        Names, Meta(description="Subject that writes and reads; default: all installed ones.")
    ] = ()
    format: Annotated[Names, Meta(description="Test only this format.")] = ()
    across: Annotated[
        bool, Meta(description="Skip the pairs in which a subject reads its own files.")
    ] = False
    shrink: Annotated[
        NotNegative, Meta(description="Time limit in seconds for shrinking the cases of findings.")
    ] = 60.0
    workers: Workers = "0"
    folder: ClassVar[Path] = Path("saveproof-interchange")


class Option(NamedTuple):
    """An option on the command line; one that is `many` may be given several times."""

    name: str
    type: type
    many: bool
    required: bool
    default: Any
    help: str

    @property
    def flag(self) -> str:
        """The option's name on the command line and in `pyproject.toml`."""
        return flag(self.name)


def flag(name: str) -> str:
    """Return the name that a field's option has for users."""
    return name.replace("_", "-")


def options(record: type[msgspec.Struct]) -> Iterator[Option]:
    """Yield the options of a record, inherited ones first."""
    for field in msgspec.structs.fields(record):
        default = () if field.required else field.default
        help_ = next((meta.description for meta in _metas(field.type) if meta.description), "")
        many = isinstance(default, tuple)
        yield Option(field.name, _plain(field.type), many, field.required, default, help_)


def validated(record: type[R], given: Mapping[str, Any]) -> R:
    """Return the record with the given values.

    Raises:
        InvalidOption: a value is out of its bounds or missing; the message says what was expected.
    """
    refuse_invalid(record, given)
    for field in msgspec.structs.fields(record):
        if field.required and not given.get(field.name):
            raise InvalidOption(
                f"{flag(field.name)}: expected at least one; name it on the command line, or in "
                "[tool.saveproof] of pyproject.toml"
            )
    return msgspec.convert(given, record)


def refuse_invalid(record: type[msgspec.Struct], given: Mapping[str, Any]) -> None:
    """Refuse values that the record's fields do not take.

    Raises:
        InvalidOption: a value is out of its bounds; the message says what was expected.
    """
    for field in msgspec.structs.fields(record):
        if field.name not in given:
            continue
        try:
            msgspec.convert(given[field.name], field.type)
        except msgspec.ValidationError as error:
            titles = [meta.title for meta in _metas(field.type) if meta.title]
            raise InvalidOption(
                f"{flag(field.name)}: expected {titles[0] if titles else error}, "
                f"found {given[field.name]}"
            ) from error


def seconds(duration: str) -> float:
    """Return the seconds of a valid duration."""
    parts = re.findall(r"(\d+)([hms]?)", duration)
    return float(sum(int(number) * UNITS[unit] for number, unit in parts))


def _metas(annotation: Any) -> Iterator[Meta]:
    """Yield the metadata of a type and of the types inside it."""
    for inner in get_args(annotation):
        if isinstance(inner, Meta):
            yield inner
        else:
            yield from _metas(inner)


def _plain(annotation: Any) -> type:
    """Return the type of one value, without its metadata."""
    inner = get_args(annotation)
    plain: type = _plain(inner[0]) if inner else annotation
    return plain
