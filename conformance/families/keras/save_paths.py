"""The Keras family's save paths: the statements by which each saves a model and loads it."""

from dataclasses import replace

from saveproof.conformance.families.keras import contracts as contracts
from saveproof.conformance.families.keras import formats as formats
from saveproof.conformance.families.keras.keras_path import SavePathSpec
from saveproof.conformance.model_state.contract import Contract

_SAVE = ("model.save(file)",)
_LOAD_MODEL = ("loaded = keras.models.load_model(file{custom})",)
_SAVE_CONFIG = "kind, config = type(model), model.get_config()"
_FROM_CONFIG = "loaded = kind.from_config(config)"
_GET_WEIGHTS = "weights = model.get_weights()"
_SET_WEIGHTS = "loaded.set_weights(weights)"
_FOLDER = "Path(file).mkdir(exist_ok=True)"


def _json(file: str) -> tuple[str, str]:
    """Return the statements that save and load JSON in the file of that expression."""
    text = f'Path({file}).read_text(encoding="utf-8")'
    return (
        f'Path({file}).write_text(model.to_json(), encoding="utf-8")',
        f"loaded = keras.models.model_from_json({text}{{custom}})",
    )


def _json_and_weights(name: str, contract: Contract, file: str, format: str) -> SavePathSpec:
    """Return the path that keeps JSON and weights in a folder, the weights in that file."""
    save, load = _json('file + "/model.json"')
    weights = f'file + "/{file}"'
    return SavePathSpec(
        *(name, contract, (_FOLDER, save, f"model.save_weights({weights})")),
        (load, f"loaded.load_weights({weights})"),
        format=format,
    )


_CONFIG = SavePathSpec(
    *("config", contracts.CONFIG, (_SAVE_CONFIG,), (_FROM_CONFIG,)), passes=("kind", "config")
)
_JSON_SAVE, _JSON_LOAD = _json("file")
_JSON = SavePathSpec(
    *("json", contracts.JSON, (_JSON_SAVE,), (_JSON_LOAD,), ".json"), format=formats.JSON_KERAS_2
)
_WEIGHTS = SavePathSpec(
    *("weights_in_memory", contracts.WEIGHTS_IN_MEMORY, (_GET_WEIGHTS,), (_SET_WEIGHTS,)),
    passes=("weights",),
    code=True,
)
_CONFIG_AND_WEIGHTS = SavePathSpec(
    *("config_and_weights", contracts.CONFIG_AND_WEIGHTS),
    *((_SAVE_CONFIG, _GET_WEIGHTS), (_FROM_CONFIG, _SET_WEIGHTS)),
    passes=("kind", "config", "weights"),
)
_H5 = SavePathSpec("h5", contracts.H5, _SAVE, _LOAD_MODEL, ".h5", format=formats.H5_KERAS_2)
_WEIGHTS_H5 = SavePathSpec(
    *("weights_h5", contracts.WEIGHTS_H5),
    save=("model.save_weights(file)",),
    load=("loaded.load_weights(file)",),
    extension=".h5",
    code=True,
    format=formats.WEIGHTS_H5,
)

_CHECKPOINT_SAVE = ("callback.set_model(model)", "callback.on_epoch_end(0, {})")
"""What `fit` does with a callback that saves at the end of an epoch."""

_MODEL_CHECKPOINT = SavePathSpec(
    *("model_checkpoint", contracts.MODEL_CHECKPOINT),
    ("callback = keras.callbacks.ModelCheckpoint(file)", *_CHECKPOINT_SAVE),
    *(_LOAD_MODEL, ".keras"),
)
_MODEL_CHECKPOINT_WEIGHTS = replace(
    _WEIGHTS_H5,
    name="model_checkpoint_weights",
    contract=contracts.MODEL_CHECKPOINT_WEIGHTS,
    save=(
        "callback = keras.callbacks.ModelCheckpoint(file, save_weights_only=True)",
        *_CHECKPOINT_SAVE,
    ),
    extension=".weights.h5",
    format="",
)
_BACK_UP = "callback = keras.callbacks.BackupAndRestore(file, delete_checkpoint=False)"
_BACKUP = SavePathSpec(
    *("backup_and_restore", contracts.KERAS_3_BACKUP, (_BACK_UP, *_CHECKPOINT_SAVE)),
    (
        *(_BACK_UP, "callback.set_model(loaded)"),
        *("callback.on_train_begin()", "callback.on_train_end()"),
    ),
    code=True,
)
"""What `fit` does with the callback at the end of an epoch, and then in a resumed process."""
OBJECT_COPIES = (
    SavePathSpec(
        *("object_config", contracts.OBJECT, (_SAVE_CONFIG,), (_FROM_CONFIG,)),
        passes=("kind", "config"),
    ),
    SavePathSpec(
        *("object_deepcopy", contracts.OBJECT_COPIES, ("copied = copy.deepcopy(model)",)),
        ("loaded = copy.deepcopy(copied)",),
        passes=("copied",),
    ),
    SavePathSpec(
        *("object_pickle", contracts.OBJECT_COPIES, ("pickled = pickle.dumps(model)",)),
        ("loaded = pickle.loads(pickled)",),
        passes=("pickled",),
    ),
)
"""How one object by itself is rebuilt or copied."""

_SERIALIZED = "serialized = keras.saving.serialize_keras_object(model)"
_DESERIALIZED = "keras.saving.deserialize_keras_object"
OBJECT_TEXTS = (
    SavePathSpec(
        *("object_serialize", contracts.OBJECT, (_SERIALIZED,)),
        (f"loaded = {_DESERIALIZED}(serialized)",),
        passes=("serialized",),
    ),
    SavePathSpec(
        *("object_json", contracts.OBJECT, (_SERIALIZED, "text = json.dumps(serialized)")),
        (f"loaded = {_DESERIALIZED}(json.loads(text))",),
        passes=("text",),
    ),
)
"""How one object by itself is written as text."""

CHECKPOINT = SavePathSpec(
    *("checkpoint", replace(contracts.TF_CHECKPOINT, refuses_unbuilt=True)),
    (_FOLDER, 'model.save_weights(file + "/weights", save_format="tf")'),
    ('loaded.load_weights(file + "/weights")',),
    code=True,
    warms_up=True,
    format=formats.CHECKPOINT,
)
"""The checkpoint of TensorFlow, wherever it is written."""

KERAS_2_API = (
    _CONFIG,
    _JSON,
    _WEIGHTS,
    _CONFIG_AND_WEIGHTS,
    _H5,
    _WEIGHTS_H5,
    _json_and_weights(
        *("json_and_weights_h5", contracts.JSON_AND_WEIGHTS),
        *("weights.h5", formats.JSON_AND_WEIGHTS_H5),
    ),
)
"""Every path of the guide that needs no TensorFlow."""


def _taking_unbuilt(way: SavePathSpec) -> SavePathSpec:
    """Return the path of tf_keras, whose documents do not cover missing weights."""
    return replace(way, contract=replace(way.contract, refuses_unbuilt=False))


SAVEDMODEL = SavePathSpec(
    *("savedmodel", contracts.SAVEDMODEL, ('model.save(file, save_format="tf")',)),
    ("loaded = keras.models.load_model(file)",),
    format=formats.SAVEDMODEL,
)
"""It is loaded without the model's code: its graph is in the file."""


def _serving(load: str, call: str) -> tuple[str, ...]:
    """Return the statements that load an exported model, wrapped so that it predicts as a model."""
    return (
        "class Served(keras.Model):",
        "    def call(self, inputs, training=False):",
        f"        return {call}",
        "",
        "loaded = Served()",
        f"loaded.served = {load}",
    )


TF_KERAS = (
    _H5,
    SAVEDMODEL,
    SavePathSpec(
        *("keras", contracts.KERAS_2_ARCHIVE, _SAVE, _LOAD_MODEL, ".keras"),
        format=formats.ARCHIVE_KERAS_2,
    ),
    *(_taking_unbuilt(way) for way in KERAS_2_API if way is not _H5),
    _taking_unbuilt(CHECKPOINT),
    replace(
        _WEIGHTS_H5,
        name="weights_v3_h5",
        contract=contracts.WEIGHTS_V3,
        extension=".weights.h5",
        format=formats.WEIGHTS_V3_KERAS_2,
    ),
    _MODEL_CHECKPOINT,
    _MODEL_CHECKPOINT_WEIGHTS,
    replace(
        _BACKUP,
        contract=contracts.BACKUP,
        save=(
            "Path(file).mkdir()",
            *(_BACK_UP, "callback.set_model(model)", "callback.on_train_begin()"),
            *("callback.on_epoch_begin(0)", "callback.on_epoch_end(0)"),
            "model._training_state = None",
        ),
    ),
    SavePathSpec(
        *("export", contracts.EXPORT, ("model.export(file)",)),
        (
            "import tensorflow as tf",
            "",
            *_serving("tf.saved_model.load(file)", "self.served.serve(inputs)"),
        ),
    ),
    *(*OBJECT_COPIES, *OBJECT_TEXTS),
)
"""A run's backup needs a folder of its own: the callback restores what it finds there.

The model goes on as if no callback had run: its own run was interrupted.
"""

KERAS_3 = (
    SavePathSpec(
        *("keras", contracts.KERAS_3_ARCHIVE, _SAVE, _LOAD_MODEL, ".keras"),
        format=formats.ARCHIVE_KERAS_3,
        reads_too=formats.OF_KERAS_2["archive"],
    ),
    replace(
        _H5,
        contract=contracts.KERAS_3_H5,
        format=formats.H5_KERAS_3,
        reads_too=formats.OF_KERAS_2["h5"],
    ),
    replace(
        _WEIGHTS_H5,
        contract=contracts.KERAS_3_WEIGHTS,
        extension=".weights.h5",
        format=formats.WEIGHTS_V3_KERAS_3,
        reads_too=formats.OF_KERAS_2["weights"],
    ),
    replace(_CONFIG, contract=contracts.KERAS_3_CONFIG),
    replace(_JSON, contract=contracts.KERAS_3_JSON, format=formats.JSON_KERAS_3),
    replace(_WEIGHTS, contract=contracts.KERAS_3_WEIGHTS_IN_MEMORY),
    replace(_CONFIG_AND_WEIGHTS, contract=contracts.KERAS_3_CONFIG_AND_WEIGHTS),
    _json_and_weights(
        *("json_and_weights", contracts.KERAS_3_JSON_AND_WEIGHTS),
        *("model.weights.h5", formats.JSON_AND_WEIGHTS_V3),
    ),
    SavePathSpec(
        *("clone", contracts.KERAS_3_CLONE, (), ("loaded = keras.models.clone_model(model)",)),
        passes=("model",),
    ),
    replace(_MODEL_CHECKPOINT, contract=contracts.KERAS_3_MODEL_CHECKPOINT),
    replace(_MODEL_CHECKPOINT_WEIGHTS, contract=contracts.KERAS_3_MODEL_CHECKPOINT_WEIGHTS),
    _BACKUP,
    *(*OBJECT_COPIES, *OBJECT_TEXTS),
)

KERAS_3_ON_TENSORFLOW = (
    *KERAS_3,
    SavePathSpec(
        *("export", contracts.KERAS_3_TF_EXPORT),
        ('model.export(file, format="tf_saved_model", verbose=False)',),
        _serving('keras.layers.TFSMLayer(file, call_endpoint="serve")', "self.served(inputs)"),
    ),
)
"""Keras loads what it exports on TensorFlow alone."""
