"""Faults in layers: in `get_config`, trainable flags, names and dtype policies."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from saveproof.conformance.mutants.edits import Config, with_extras, with_layers
from saveproof.conformance.mutants.injection import after, fault, put, state_read, state_written
from saveproof.reference_impl import models
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.initializers import GlorotUniform, Identity, Initializer
from saveproof.reference_impl.layers import LSTM, BatchNormalization, Dense, Dropout, Layer
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.saving.hdf5 import model_h5
from saveproof.reference_impl.state import ModelState


def _without(config: Config, *arguments: str) -> Config:
    return {name: value for name, value in config.items() if name not in arguments}


@after(BatchNormalization, "get_config")
def batch_normalization_forgets_momentum(config: Config) -> Config:
    """`BatchNormalization.get_config` omits `momentum`."""
    return _without(config, "momentum")


@after(LSTM, "get_config")
def lstm_forgets_unit_forget_bias(config: Config) -> Config:
    """`LSTM.get_config` omits `unit_forget_bias`."""
    return _without(config, "unit_forget_bias")


@after(Recurrent, "get_config")
def recurrent_layers_forget_go_backwards(config: Config) -> Config:
    """Recurrent layers' `get_config` omits `go_backwards`."""
    return _without(config, "go_backwards")


@after(Dropout, "get_config")
def dropout_forgets_seed(config: Config) -> Config:
    """`Dropout.get_config` omits `seed`."""
    return _without(config, "seed")


@after(Dropout, "get_config")
def dropout_forgets_noise_shape(config: Config) -> Config:
    """`Dropout.get_config` omits `noise_shape`."""
    return _without(config, "noise_shape")


@after(Dense, "get_config")
def dense_forgets_activity_regularizer(config: Config) -> Config:
    """`Dense.get_config` omits `activity_regularizer`."""
    return _without(config, "activity_regularizer")


@after(Dense, "get_config")
def dense_forgets_activation(config: Config) -> Config:
    """`Dense.get_config` omits the activation, which comes back linear."""
    return _without(config, "activation")


@after(Dense, "get_config")
def dense_forgets_regularizers(config: Config) -> Config:
    """`Dense.get_config` omits its regularizers."""
    return _without(config, "kernel_regularizer", "bias_regularizer")


@after(GlorotUniform, "get_config")
def glorot_uniform_forgets_seed(config: Config) -> Config:
    """`GlorotUniform.get_config` omits `seed`, in the config of the loaded model too."""
    return _without(config, "seed")


@after(Identity, "get_config")
def identity_forgets_gain(config: Config) -> Config:
    """`Identity.get_config` omits `gain`, in the config of the loaded model too."""
    return _without(config, "gain")


@fault
def seed_zero_taken_for_none() -> None:
    """An initializer whose seed is 0 comes back without a seed."""

    def without_zero(original: Any) -> Any:
        def from_config(cls: type[Initializer], config: Config) -> Initializer:
            known = {**config, "seed": config["seed"] or None} if "seed" in config else config
            rebuilt: Initializer = original.__func__(cls, known)
            return rebuilt

        return classmethod(from_config)

    put(Initializer, "from_config", without_zero)


@state_written
def initializers_without_seed(state: ModelState) -> ModelState:
    """The seeds of initializers are not written."""

    def forget(entry: Config) -> None:
        for name, argument in entry["config"].items():
            if name.endswith("_initializer") and argument is not None:
                argument["config"].pop("seed", None)

    return with_layers(state, forget)


@state_written
def lost_dtype_policy(state: ModelState) -> ModelState:
    """The layers' dtype policies are not written."""
    return with_layers(state, lambda entry: entry["config"].pop("dtype", None))


@state_written
def mixed_policy_as_float32(state: ModelState) -> ModelState:
    """A mixed policy is written as the dtype of its weights."""

    def plain(entry: Config) -> None:
        if isinstance(entry["config"].get("dtype"), dict):
            entry["config"]["dtype"] = "float32"

    return with_layers(state, plain)


@state_read
def last_layer_renamed(state: ModelState) -> ModelState:
    """The last layer of a sequential model comes back with a different name."""
    architecture: Any = state.architecture
    *others, last = architecture["config"]["layers"]
    renamed = {**last, "config": {**last["config"], "name": last["config"]["name"] + "_1"}}
    config = {**architecture["config"], "layers": [*others, renamed]}
    return replace(state, architecture={**architecture, "config": config})


@after(model_h5, "model_from_state")
def variables_renamed(model: Trainer) -> Trainer:
    """Kernels come back with the name `weight`."""
    for weight in model.weights:
        weight.name = weight.name.replace("kernel", "weight")
    return model


@state_read
def lost_name_of_model(state: ModelState) -> ModelState:
    """A functional model comes back with the default name."""
    architecture = {**state.architecture, "config": {**state.architecture["config"]}}
    architecture["config"]["name"] = "model"
    return replace(state, architecture=architecture)


@state_written
def frozen_layers_thawed(state: ModelState) -> ModelState:
    """The trainable flags of frozen layers are not written."""
    if state.extras is None:
        return state
    flags = (True,) * len(state.extras.trainable)
    return with_extras(state, trainable=flags, compiled_trainable=flags)


@after(model_h5, "model_from_state")
def nested_frozen_layers_thawed(model: Trainer) -> Trainer:
    """Frozen layers inside nested models come back unfrozen."""
    for layer in _nested(model):
        layer.set_own_trainable(True)
    return model


@after(models, "model_from_json")
def nested_frozen_layers_thawed_by_json(model: Trainer) -> Trainer:
    """Frozen layers inside nested models come back unfrozen from JSON."""
    for layer in _nested(model):
        layer.set_own_trainable(True)
    return model


def _nested(model: Trainer) -> Iterator[Layer]:
    for layer in model.layers:
        if isinstance(layer, Trainer):
            yield from (inner for inner in layer.flatten_layers() if inner is not layer)


@after(model_h5, "model_from_state")
def first_layer_frozen(model: Trainer) -> Trainer:
    """The first layer comes back frozen."""
    model.layers[0].set_own_trainable(False)
    return model
