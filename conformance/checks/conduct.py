"""Checks of the side effects of saving and loading: on the process, the folder, the file."""

from collections.abc import Iterator, Sequence

from saveproof.conformance.checks.check import (
    Check,
    Outcome,
    not_applicable,
    raised_defect,
    vacuous,
)
from saveproof.conformance.model_state.contract import STATE, Facet, Promise
from saveproof.conformance.model_state.snapshot import Snapshot, differences, same
from saveproof.conformance.model_state.trace import Conduct, Probe, Stage, Trace
from saveproof.reports.findings import Defect, DefectKind, Difference

NOT_LOOKED_AT = not_applicable("no model was loaded, trained further and saved again")


def surroundings_stay(trace: Trace) -> Outcome:
    """Compare the process and the folder after a save and a load with those before."""
    seen = trace.conduct
    if seen is None:
        return NOT_LOOKED_AT
    changes = (("load", seen.loading or ()), ("save", seen.saving or ()))
    return (
        *(_of_file(DefectKind.LITTER, file, "no such file") for file in seen.litter),
        *(defect for action, change in changes for defect in _changed(action, change)),
        *(_of_file(DefectKind.OPEN_FILE, file, "a closed file") for file in seen.held),
    )


def saving_draws_nothing(trace: Trace) -> Outcome:
    """Compare the process-wide generators after a save with those before it."""
    seen = trace.conduct
    if seen is None or seen.drawing is None:
        return NOT_LOOKED_AT
    return tuple(
        Defect(DefectKind.DRAW, difference, name=difference.where) for difference in seen.drawing
    )


def source_stands_alone(trace: Trace) -> Outcome:
    """Report references to other files in a saved file or folder."""
    if trace.conduct is None:
        return NOT_LOOKED_AT
    return tuple(
        Defect(DefectKind.LINK, Difference(place, "the data itself", link.words), name=link.sort)
        for place, link in trace.conduct.links.items()
    )


def loads_are_independent(trace: Trace) -> Outcome:
    """Compare a second load's model with the first's, which was trained since.

    Without promised state, it must be another model, and nothing else.
    """
    seen = trace.conduct
    if seen is None or trace.loaded is None:
        return NOT_LOOKED_AT
    if seen.again is None:
        return tuple(_raised(seen, "again"))
    if seen.is_first:
        difference = Difference("model", "another model", "the one that was loaded before")
        return (Defect(DefectKind.SAME_MODEL, difference),)
    facets = _brought_back(trace)
    found = tuple(_of_another("again", trace.loaded, seen.again, facets))
    if _state(trace) and not found and not _moved(trace.loaded, _last(trace), facets):
        return vacuous("the first model is unchanged since its load: a second name of it is equal")
    return found


def save_over_another_replaces_it(trace: Trace) -> Outcome:
    """Compare the model loaded after a save over an earlier file with the model saved last.

    A path that raises at such a save refuses it, and loses nothing.
    """
    seen = trace.conduct
    if seen is None or trace.before is None or seen.kept is None:
        return NOT_LOOKED_AT
    if seen.saving is None:
        return not_applicable("the path does not save over an earlier file")
    remnants = tuple(
        _of_file(DefectKind.REMNANT, name, "a file without what the first save left in it")
        for name in seen.remnants
    )
    if seen.replaced is None:
        return (*remnants, *_raised(seen, "over"))
    facets = _brought_back(trace)
    found = tuple(_of_another("over", seen.kept, seen.replaced, facets))
    if not (found or remnants or _moved(trace.before, seen.kept, facets)):
        return vacuous(
            "further training changed nothing that comes back: the first file is as good"
        )
    return (*remnants, *found)


def overwrite_false_keeps_the_file(trace: Trace) -> Outcome:
    """Compare the files after a save that must not overwrite them with those before it."""
    seen = trace.conduct
    if seen is None or seen.overwritten is None:
        return NOT_LOOKED_AT
    return tuple(
        Defect(DefectKind.OVERWRITTEN, difference, name=difference.where)
        for difference in seen.overwritten
    )


def failed_save_keeps_the_file(trace: Trace) -> Outcome:
    """Compare the model loaded after a save that failed with the model in the file before it.

    A save that raises nothing has saved the model, which is the same one.
    """
    seen = trace.conduct
    if seen is None or seen.replaced is None or seen.failed_save is None:
        return NOT_LOOKED_AT
    failed = seen.failed_save
    action = "silent" if failed.raised is None else "failed"
    if failed.lost is not None:
        return (raised_defect(failed.lost, action, where="load", expected="the earlier model"),)
    if failed.survived is None:
        return NOT_LOOKED_AT
    facets = tuple(f for f in Facet if trace.contract.facets.get(f) is Promise.MUST)
    found = tuple(_of_another(action, seen.replaced, failed.survived, facets))
    if failed.raised is None and not found:
        return not_applicable("the save did not fail")
    return found


def _changed(action: str, changes: Sequence[Difference]) -> Iterator[Defect]:
    for difference in changes:
        name = difference.where.partition("/")[0]
        kind = DefectKind.SETTING if name == difference.where else DefectKind.SURROUNDINGS
        yield Defect(kind, difference, name=name, action=action)


def _of_file(kind: DefectKind, file: str, expected: str) -> Defect:
    return Defect(kind, Difference(file, expected, file))


def _brought_back(trace: Trace) -> tuple[Facet, ...]:
    """Return the facets of weights and statistics that are promised, and survived the first load.

    Other facets have checks of their own, and training changes these in any case.
    """
    before, loaded = trace.before, trace.loaded
    if before is None or loaded is None:
        return ()
    return tuple(f for f in _state(trace) if same(before[f], loaded[f]))


def _state(trace: Trace) -> tuple[Facet, ...]:
    return tuple(facet for facet in STATE if trace.contract.file_promise(facet))


def _moved(one: Snapshot, other: Snapshot | None, facets: tuple[Facet, ...]) -> bool:
    return other is not None and not all(same(one[facet], other[facet]) for facet in facets)


def _last(trace: Trace) -> Snapshot | None:
    steps = () if trace.resumed is None else trace.resumed.steps
    return steps[-1].snapshot if steps else None


def _of_another(
    action: str, expected: Snapshot, found: Snapshot, facets: tuple[Facet, ...]
) -> Iterator[Defect]:
    for facet in facets:
        for difference in differences(expected[facet], found[facet]):
            yield Defect(DefectKind.OTHER_MODEL, difference, facet=facet, action=action)


def _raised(seen: Conduct, action: str) -> Iterator[Defect]:
    if seen.raised is not None and seen.raised.stage is Stage.LOAD:
        yield raised_defect(seen.raised, action, where="load", expected="a model")


def _of_files(trace: Trace) -> Promise | None:
    return None if trace.in_memory else Promise.MUST


def _of_state(trace: Trace) -> Promise | None:
    """Return no promise where no state comes back: the first file and the last are then alike."""
    return _of_files(trace) if _state(trace) else None


def _of_spared(trace: Trace) -> Promise | None:
    return Promise.MUST if trace.contract.can_spare else None


def _of_failure(trace: Trace) -> Promise | None:
    return trace.contract.survives_failure


def _of_generators(trace: Trace) -> Promise | None:
    """Return a SHOULD: no document covers them, but a save that draws changes a seeded run."""
    return None if trace.in_memory else Promise.SHOULD


CONDUCT_CHECKS = (
    Check(
        "surroundings_stay",
        "A save or a load changes nothing else in the process or on disk, and a load does "
        "not change its source.",
        (),
        promise=_of_files,
        find=surroundings_stay,
        probe=Probe.CONDUCT,
    ),
    Check(
        "saving_draws_nothing",
        "A save draws no numbers from the process-wide random generators.",
        (),
        promise=_of_generators,
        find=saving_draws_nothing,
        probe=Probe.CONDUCT,
    ),
    Check(
        "source_stands_alone",
        "A saved file refers to no other file.",
        (),
        promise=_of_files,
        find=source_stands_alone,
        probe=Probe.CONDUCT,
    ),
    Check(
        "loads_are_independent",
        "A second load gives the model in the file, whatever happened to the first loaded model.",
        (),
        promise=_of_files,
        find=loads_are_independent,
        probe=Probe.CONDUCT,
        trains_on=True,
    ),
    Check(
        "save_over_another_replaces_it",
        "After a save over an earlier file, a load gives the model saved last.",
        (),
        promise=_of_state,
        find=save_over_another_replaces_it,
        probe=Probe.CONDUCT,
        trains_on=True,
    ),
    Check(
        "overwrite_false_keeps_the_file",
        "A save with overwrite=False leaves an earlier file as it is.",
        (),
        promise=_of_spared,
        find=overwrite_false_keeps_the_file,
        probe=Probe.CONDUCT,
    ),
    Check(
        "failed_save_keeps_the_file",
        "After a save over an earlier file has failed, a load gives the earlier model.",
        (),
        promise=_of_failure,
        find=failed_save_keeps_the_file,
        probe=Probe.CONDUCT,
    ),
)
