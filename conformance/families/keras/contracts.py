"""The contracts of the Keras family's save paths, from its documentation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from saveproof.conformance.families.keras.code_demands import (
    BY_LIST,
    BY_OBJECT,
    BY_STRUCTURE,
    BY_TOPOLOGY,
)
from saveproof.conformance.model_state.contract import (
    RESUME_ONLY,
    STATE,
    STRUCTURE,
    TRAINING,
    Contract,
    Exactness,
    Facet,
    Promise,
    promises,
)
from saveproof.strategies.case import Kind

GUIDE = "https://www.tensorflow.org/guide/keras/save_and_serialize"
KERAS_2 = "https://keras.io/2/api/models/model_saving_apis"
KERAS_3 = "https://keras.io/api/models/model_saving_apis"
KERAS_3_GUIDE = "https://keras.io/guides/serialization_and_saving"
KERAS_2_CALLBACKS = "https://keras.io/2/api/callbacks"
KERAS_3_CALLBACKS = "https://keras.io/api/callbacks"
KERAS_2_EXPORT = "https://www.tensorflow.org/api_docs/python/tf/keras/Model#export"
KERAS_3_EXPORT = "https://keras.io/api/models/model_saving_apis/export"

NO_CONFIG: Mapping[Kind, str] = {
    Kind.SUBCLASSED: "a subclassed model without `get_config` has no config to rebuild it from"
}
NO_HDF5: Mapping[Kind, str] = {
    Kind.SUBCLASSED: "the config of a subclassed model, which HDF5 can't hold, is its code"
}

WHOLE = promises(Promise.MUST, STRUCTURE, Facet.TRAINABLE, STATE, TRAINING) | promises(
    Promise.SHOULD, RESUME_ONLY
)
"""Everything "in the exact same state"; no document promises state that only a resume needs."""

ARCHITECTURE = promises(Promise.MUST, STRUCTURE, Facet.TRAINABLE) | promises(
    Promise.FRESH, STATE, TRAINING
)
ARCHITECTURE_AND_WEIGHTS = ARCHITECTURE | promises(Promise.MUST, STATE)

_FROM_CODE = promises(
    Promise.CODE, STRUCTURE, Facet.TRAINABLE, Facet.COMPILE, Facet.OPTIMIZER, Facet.LEARNING_RATE
)
WEIGHTS = _FROM_CODE | promises(Promise.MUST, STATE)
WEIGHTS_ALONE = WEIGHTS | promises(Promise.FRESH, Facet.SLOTS, Facet.ITERATION)
CHECKPOINT = (
    _FROM_CODE
    | promises(Promise.MUST, STATE, Facet.SLOTS, Facet.ITERATION, Facet.LEARNING_RATE)
    | promises(Promise.SHOULD, RESUME_ONLY)
)

AS_THE_GUIDE = Exactness(
    rtol=1e-6,
    atol=1e-6,
    reason="a revived model may run as a graph, which fuses operations: the guide's own tolerance",
    half=2e-2,
)

SPARING: Mapping[str, Any] = {"survives_failure": Promise.SHOULD, "can_spare": True}
"""Of files that a method with the argument `overwrite` writes; no document covers a failed save."""

H5 = Contract(
    f"{KERAS_2}/model_saving_and_loading", WHOLE, NO_HDF5, refuses_unbuilt=True, **SPARING
)
SAVEDMODEL = Contract(
    f"{KERAS_2}/model_saving_and_loading",
    WHOLE,
    refuses_unbuilt=True,
    exactness=AS_THE_GUIDE,
    **SPARING,
)
KERAS_2_ARCHIVE = Contract(GUIDE, WHOLE, NO_CONFIG, **SPARING)
CONFIG = Contract(f"{KERAS_2}/model_config_serialization", ARCHITECTURE, NO_CONFIG)
JSON = Contract(GUIDE, ARCHITECTURE, NO_CONFIG)
WEIGHTS_IN_MEMORY = Contract(
    f"{KERAS_2}/weights_saving_and_loading",
    WEIGHTS_ALONE,
    refuses_unbuilt=True,
    other_code=BY_LIST,
)
CONFIG_AND_WEIGHTS = Contract(GUIDE, ARCHITECTURE_AND_WEIGHTS, NO_CONFIG, refuses_unbuilt=True)
WEIGHTS_H5 = replace(WEIGHTS_IN_MEMORY, other_code=BY_TOPOLOGY, **SPARING)
JSON_AND_WEIGHTS = Contract(GUIDE, ARCHITECTURE_AND_WEIGHTS, NO_CONFIG, refuses_unbuilt=True)
TF_CHECKPOINT = Contract(GUIDE, CHECKPOINT, other_code=BY_OBJECT, **SPARING)
WEIGHTS_V3 = Contract(
    f"{KERAS_2}/weights_saving_and_loading", WEIGHTS, other_code=BY_STRUCTURE, **SPARING
)


def _of_callback(
    document: str, facets: Mapping[Facet, Promise], refuses: Mapping[Kind, str] | None = None
) -> Contract:
    """Return the contract of a file that a callback writes, which has no argument `overwrite`."""
    return Contract(document, facets, refuses or {}, survives_failure=Promise.SHOULD)


def _of_export(document: str) -> Contract:
    """Return the contract of an artifact "for inference"."""
    facets = promises(Promise.OUTPUTS, STATE, Facet.ARCHITECTURE, Facet.DTYPE_POLICY)
    return Contract(document, facets, exactness=AS_THE_GUIDE, survives_failure=Promise.SHOULD)


EXPORT = _of_export(KERAS_2_EXPORT)
MODEL_CHECKPOINT = _of_callback(f"{KERAS_2_CALLBACKS}/model_checkpoint", WHOLE, NO_CONFIG)
MODEL_CHECKPOINT_WEIGHTS = _of_callback(f"{KERAS_2_CALLBACKS}/model_checkpoint", WEIGHTS)
BACKUP = _of_callback(f"{KERAS_2_CALLBACKS}/backup_and_restore", CHECKPOINT)

_KERAS_3_LEGACY = promises(
    *(Promise.MUST, STRUCTURE, Facet.TRAINABLE, STATE),
    *(Facet.COMPILE, Facet.OPTIMIZER, Facet.LEARNING_RATE),
) | promises(Promise.SHOULD, Facet.SLOTS, Facet.ITERATION, RESUME_ONLY)
"""`load_model` gives back a model, compiled if it was; only `.keras` promises the exact state."""

_KERAS_3_ARCHITECTURE = promises(Promise.MUST, STRUCTURE, Facet.TRAINABLE) | promises(
    Promise.FRESH, STATE, Facet.SLOTS, Facet.ITERATION
)
"""No document of Keras 3 says whether JSON and clones keep the compile settings; they do."""

KERAS_3_ARCHIVE = Contract(f"{KERAS_3}/model_saving_and_loading", WHOLE, NO_CONFIG, **SPARING)
KERAS_3_H5 = Contract(f"{KERAS_3}/model_saving_and_loading", _KERAS_3_LEGACY, NO_HDF5, **SPARING)
KERAS_3_CONFIG = Contract(f"{KERAS_3}/model_config_serialization", ARCHITECTURE, NO_CONFIG)
KERAS_3_JSON = Contract(KERAS_3_GUIDE, _KERAS_3_ARCHITECTURE, NO_CONFIG)
KERAS_3_WEIGHTS_IN_MEMORY = Contract(KERAS_3_GUIDE, WEIGHTS_ALONE, other_code=BY_LIST)
KERAS_3_CONFIG_AND_WEIGHTS = Contract(KERAS_3_GUIDE, ARCHITECTURE_AND_WEIGHTS, NO_CONFIG)
KERAS_3_WEIGHTS = Contract(
    f"{KERAS_3}/weights_saving_and_loading",
    WEIGHTS,
    refuses_unbuilt=True,
    other_code=BY_STRUCTURE,
    **SPARING,
)
KERAS_3_JSON_AND_WEIGHTS = Contract(
    KERAS_3_GUIDE, promises(Promise.MUST, STRUCTURE, Facet.TRAINABLE, STATE), NO_CONFIG
)
OBJECT = Contract(
    "https://keras.io/api/models/model_saving_apis/serialization_utils",
    promises(Promise.MUST, Facet.ARCHITECTURE, Facet.ARGUMENTS, Facet.BEHAVIOUR),
    kinds=(Kind.OBJECT,),
)
"""An object's config has what is needed to make it again."""

OBJECT_COPIES = Contract(
    "https://docs.python.org/3/library/pickle.html",
    promises(Promise.SHOULD, Facet.ARCHITECTURE, Facet.ARGUMENTS, Facet.BEHAVIOUR),
    kinds=(Kind.OBJECT,),
)
"""No document of a framework says that copies and pickles are equal; programs rely on it."""

KERAS_3_CLONE = Contract(f"{KERAS_3}/model_config_serialization", _KERAS_3_ARCHITECTURE, NO_CONFIG)
KERAS_3_MODEL_CHECKPOINT = _of_callback(f"{KERAS_3_CALLBACKS}/model_checkpoint", WHOLE, NO_CONFIG)
KERAS_3_MODEL_CHECKPOINT_WEIGHTS = _of_callback(f"{KERAS_3_CALLBACKS}/model_checkpoint", CHECKPOINT)
"""The optimizer comes back if "you compile the model before loading the weights"."""

KERAS_3_BACKUP = _of_callback(f"{KERAS_3_CALLBACKS}/backup_and_restore", CHECKPOINT)
"""The training state is "restored to the most recently saved state"."""
KERAS_3_TF_EXPORT = _of_export(KERAS_3_EXPORT)
