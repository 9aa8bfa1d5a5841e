"""The save paths of an implementation that writes both dialects of Keras: the reference's own."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from msgspec import structs

from conformance.contract import RESUME_ONLY, Facet, Promise, promises
from conformance.paths import keras_contracts as contracts
from conformance.paths import keras_formats as formats
from conformance.paths.keras_family import KERAS_2_API, KERAS_3, TF_KERAS
from conformance.paths.keras_path import Family
from conformance.paths.tf_checkpoint import set_flag
from conformance.subject import Model, Source
from strategies.case import Case, Event, Recompile, SetTrainable

__all__ = ["BOTH_DIALECTS"]

WEIGHTS_AND_OPTIMIZER = replace(
    contracts.KERAS_3_WEIGHTS,
    facets={
        **contracts.WEIGHTS,
        **promises(Promise.SHOULD, Facet.SLOTS, Facet.ITERATION, RESUME_ONLY),
    },
)
"""A compiled model's optimizer goes with its weights, though no document of Keras 3 says so."""


def _save(model: Model, target: Path, *, extension: str, dialect: str) -> Source:
    source = target.with_suffix(extension)
    model.save(str(source), dialect=dialect)
    return source


def _load_weights(subject: Family, source: Path, case: Case) -> Model:
    """Load into a model that was compiled with the flags of its compile, and frozen as it was."""
    late = _set_since_compile(case.history.before)
    undone = tuple(structs.replace(event, value=not event.value) for event in reversed(late))
    history = structs.replace(case.history, before=undone)
    model = subject.build(structs.replace(case, history=history).in_force)
    for event in late:
        set_flag(model, event.layer, value=event.value)
    model.load_weights(str(source))
    return model


def _set_since_compile(events: Sequence[Event]) -> list[SetTrainable]:
    since: list[SetTrainable] = []
    for event in events:
        if isinstance(event, Recompile):
            since = []
        elif isinstance(event, SetTrainable):
            since.append(event)
    return since


def _both(*names: str) -> dict[str, Promise]:
    return dict.fromkeys(names, Promise.MUST)


_WAYS = {way.name: way for way in KERAS_2_API}
_OF_KERAS_2 = {way.name: way for way in TF_KERAS}
_OF_KERAS_3 = {way.name: way for way in KERAS_3}

_H5 = replace(_WAYS["h5"], reads_too=_both(formats.H5_KERAS_3))
_ARCHIVE = replace(
    _OF_KERAS_2["keras"],
    format=formats.ARCHIVE_KERAS_3,
    reads_too=_both(formats.ARCHIVE_KERAS_2),
)

BOTH_DIALECTS = (
    *(way for name, way in _WAYS.items() if name not in ("h5", "json")),
    replace(_WAYS["json"], reads_too=_both(formats.JSON_KERAS_3)),
    _H5,
    replace(
        _H5,
        name="h5_keras_3",
        write=partial(_save, extension=".h5", dialect="keras"),
        format=formats.H5_KERAS_3,
        reads_too=_both(formats.H5_KERAS_2),
    ),
    _ARCHIVE,
    replace(
        _ARCHIVE,
        name="keras_keras_2",
        write=partial(_save, extension=".keras", dialect="tf_keras"),
        format=formats.ARCHIVE_KERAS_2,
        reads_too=_both(formats.ARCHIVE_KERAS_3),
    ),
    replace(
        _OF_KERAS_3["weights_h5"],
        name="weights_v3_h5",
        read=_load_weights,
        contract=WEIGHTS_AND_OPTIMIZER,
        reads_too=_both(formats.WEIGHTS_V3_KERAS_2),
    ),
    replace(
        _OF_KERAS_3["json_and_weights"],
        contract=contracts.JSON_AND_WEIGHTS,
        format=formats.JSON_KERAS_2_AND_WEIGHTS_V3,
        reads_too=_both(formats.JSON_AND_WEIGHTS_V3),
    ),
)
"""The paths of the guide that need no TensorFlow, and those of Keras 3."""
