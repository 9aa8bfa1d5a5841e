"""The save paths of an implementation that writes both dialects of Keras: the reference's own."""

from dataclasses import replace

from saveproof.conformance.families.keras import contracts as contracts
from saveproof.conformance.families.keras import formats as formats
from saveproof.conformance.families.keras.save_paths import KERAS_2_API, KERAS_3, TF_KERAS
from saveproof.conformance.model_state.contract import RESUME_ONLY, Facet, Promise, promises

__all__ = ["BOTH_DIALECTS"]

WEIGHTS_AND_OPTIMIZER = replace(
    contracts.KERAS_3_WEIGHTS,
    facets={
        **contracts.WEIGHTS,
        **promises(Promise.SHOULD, Facet.SLOTS, Facet.ITERATION, RESUME_ONLY),
    },
)
"""A compiled model's optimizer goes with its weights, though no document of Keras 3 says so."""


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
        save=('model.save(file, dialect="keras")',),
        format=formats.H5_KERAS_3,
        reads_too=_both(formats.H5_KERAS_2),
    ),
    _ARCHIVE,
    replace(
        _ARCHIVE,
        name="keras_keras_2",
        save=('model.save(file, dialect="tf_keras")',),
        format=formats.ARCHIVE_KERAS_2,
        reads_too=_both(formats.ARCHIVE_KERAS_3),
    ),
    replace(
        _OF_KERAS_3["weights_h5"],
        name="weights_v3_h5",
        contract=WEIGHTS_AND_OPTIMIZER,
        reads_too=_both(formats.WEIGHTS_V3_KERAS_2),
    ),
    replace(
        _OF_KERAS_3["json_and_weights"],
        contract=contracts.JSON_AND_WEIGHTS,
        format=formats.JSON_KERAS_2_AND_WEIGHTS_V3,
        reads_too=_both(formats.JSON_AND_WEIGHTS_V3),
    ),
    _OF_KERAS_2["model_checkpoint"],
    _OF_KERAS_3["model_checkpoint_weights"],
)
"""The paths of the guide that need no TensorFlow, and those of Keras 3."""
