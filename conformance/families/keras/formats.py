"""The formats of the Keras family's files, by name: what one subject writes and another reads."""

from collections.abc import Mapping

from saveproof.conformance.model_state.contract import Promise

H5_KERAS_2 = "h5-keras2"
H5_KERAS_3 = "h5-keras3"
ARCHIVE_KERAS_2 = "archive-keras2"
ARCHIVE_KERAS_3 = "archive-keras3"
WEIGHTS_H5 = "weights-h5"
WEIGHTS_V3_KERAS_2 = "weights-v3-keras2"
WEIGHTS_V3_KERAS_3 = "weights-v3-keras3"
JSON_KERAS_2 = "json-keras2"
JSON_KERAS_3 = "json-keras3"
JSON_AND_WEIGHTS_H5 = "json-weights-h5"
JSON_AND_WEIGHTS_V3 = "json-weights-v3"
JSON_KERAS_2_AND_WEIGHTS_V3 = "json-keras2-weights-v3"
CHECKPOINT = "checkpoint"
SAVEDMODEL = "savedmodel"

OF_KERAS_2: Mapping[str, Mapping[str, Promise]] = {
    "archive": {ARCHIVE_KERAS_2: Promise.SHOULD},
    "h5": {H5_KERAS_2: Promise.SHOULD},
    "weights": {WEIGHTS_H5: Promise.SHOULD},
}
"""The formats of Keras 2 that Keras 3 reads: it translates them, without a document.

"Cross version saving and loading is not guaranteed to work between Keras 2 and 3":
https://github.com/keras-team/keras/issues/20081
"""
