"""Save paths in scripts: a new folder for each save, and the model's code where it is needed."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from saveproof.conformance.families.keras.codegen.models import compiling
from saveproof.conformance.families.keras.codegen.source import renamed
from saveproof.conformance.families.keras.codegen.training import batch_lines, event_source
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.keras.keras_path import SavePathSpec
from saveproof.conformance.families.subjects import resolve
from saveproof.reports.commands import SCRIPTED
from saveproof.strategies.case import Case


class NotReproducible(LookupError):
    """There is no script for this subject, save path or kind of finding."""


def scripted(name: str) -> KerasSubject:
    """Return the built-in subject of that name.

    Raises:
        NotReproducible: the subject is none of the Keras family's.
    """
    subject = resolve(name) if name in SCRIPTED else None
    if not isinstance(subject, KerasSubject):
        raise NotReproducible(
            f"subject {name!r}: a script can be written for {', '.join(SCRIPTED)} only; "
            "`saveproof replay` takes every subject"
        )
    return subject


def way_of(subject: KerasSubject, path: str) -> SavePathSpec:
    """Return the save path of that name.

    Raises:
        NotReproducible: the subject has none.
    """
    ways = {way.name: way for way in subject.ways}
    if path not in ways:
        raise NotReproducible(f"path {path!r}: expected one of {sorted(ways)}")
    return ways[path]


def saving(way: SavePathSpec) -> Iterator[str]:
    """Yield what saves `model`, in a new folder."""
    if not way.in_memory:
        yield f"file = {_target(way)}"
    yield from way.save


def saving_aside(way: SavePathSpec) -> Iterator[str]:
    """Yield what saves `model` in a new folder, from where nothing is loaded."""
    if way.in_memory or len(way.save) > 1:
        yield from saving(way)
    else:
        yield renamed(way.save[0], "file", _target(way))


def _target(way: SavePathSpec) -> str:
    return f'tempfile.mkdtemp() + "/model{way.extension}"'


def loading(way: SavePathSpec, case: Case, code: Iterable[str]) -> Iterator[str]:
    """Yield what leaves `loaded`; `code` leaves there what the model's code makes."""
    if way.code:
        yield from code
    if way.warms_up_on(case):
        yield from batch_lines(case)
    yield from way.loading(case)


def training_ready(way: SavePathSpec, case: Case) -> Iterator[str]:
    """Yield the statements that prepare `loaded` for the case's further training."""
    if way.contract.comes_uncompiled:
        late = case.set_since_compile
        thawed = [replace(event, value=not event.value) for event in reversed(late)]
        for event in thawed:
            yield from event_source(case, event, "loaded", resets=False)
        yield from compiling("loaded", case.final_settings)
        for event in late:
            yield from event_source(case, event, "loaded", resets=False)
    elif not way.code and case.settings.run_eagerly:
        yield "loaded.run_eagerly = True"
