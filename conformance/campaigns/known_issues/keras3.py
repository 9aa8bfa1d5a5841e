"""Known issues of Keras 3: docs/findings/keras.md has each, reduced and confirmed."""

from saveproof.conformance.campaigns.known_issues.known_issue import (
    Begins,
    KnownIssue,
    Like,
    raised,
    state,
)
from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import DefectKind

_WHERE = "Keras 3.15.1: docs/findings/keras.md"

_NESTED_FLAG = (
    "A nested Sequential saved with `trainable=False` has `trainable=True` in the loaded model "
    f"({_WHERE}#nested-flag)."
)
_FROZEN = (
    "If a layer was frozen after training and the model not compiled again, the loaded optimizer "
    f"has no slots, and its iteration is 0 ({_WHERE}#frozen)."
)
_LOSS_ARGUMENTS = (
    "The config of Huber leaves out `delta`, so the loaded loss has the default 1.0 "
    f"({_WHERE}#loss-arguments)."
)
_IDENTITY_GAIN = (
    "The config of the initializer Identity leaves out `gain`, so the initializer that comes back "
    f"has the default 1.0 ({_WHERE}#identity-gain)."
)
_HDF5_TRAINING = (
    "A compiled model loaded from legacy HDF5 raises an error in its first training step "
    f"({_WHERE}#hdf5-training)."
)
_HDF5_LOSS = (
    "Keras can't load a model compiled with the short name of a loss, such as `mse`, from legacy "
    f"HDF5 ({_WHERE}#hdf5-loss)."
)
_HDF5_METRICS = (
    "Legacy HDF5 restores a metric given by name as an object with its default name: `mae` "
    f"becomes `mean_absolute_error` ({_WHERE}#hdf5-metrics)."
)
_HDF5_AXIS = (
    "LayerNormalization and Softmax over several axes use only the last axis after a load from "
    f"legacy HDF5 ({_WHERE}#hdf5-axis)."
)
_NESTED_GRAPH = (
    "Keras can't load a functional model inside a Sequential from a legacy HDF5 file that Keras "
    "3.4.1 wrote (Keras 3.4.1 on torch 2.13.0: docs/findings/keras.md#nested-graph)."
)

_CONFIGS = ("keras", "h5", "config", "json", "config_and_weights", "json_and_weights", "clone")
"""Paths whose architecture comes from a config."""

_FLAGS = (
    ("architecture_survives", state(Facet.ARCHITECTURE, "trainable")),
    ("arguments_survive", state(Facet.ARGUMENTS, "trainable", owner="Sequential")),
    ("trainable_flags_survive", state(Facet.TRAINABLE, owner="Sequential")),
)
_NEW_SLOTS = Like(facet=Facet.SLOTS, how="lost", frozen_since_compile=True)
_NEW_ITERATION = state(Facet.ITERATION, "iterations", frozen_since_compile=True)
_LOST_OPTIMIZER = (
    ("optimizer_slots_survive", _NEW_SLOTS),
    ("iteration_survives", _NEW_ITERATION),
    ("resume_trajectory_is_identical", Like(origin=_NEW_SLOTS)),
    ("resume_trajectory_is_identical", Like(origin=_NEW_ITERATION)),
)
_DELTA = state(Facet.COMPILE, "delta")
_LOST_DELTA = (
    ("compile_settings_survive", _DELTA),
    ("first_batch_loss_is_identical", Like(origin=_DELTA)),
    ("resume_trajectory_is_identical", Like(origin=_DELTA)),
)

_GAIN = state(
    Facet.ARGUMENTS,
    frozenset(
        f"{inner}{weight}_initializer/Identity/gain"
        for inner in ("", "forward_layer/", "backward_layer/")
        for weight in ("kernel", "recurrent", "embeddings")
    ),
)
_LOST_GAIN = (
    ("arguments_survive", _GAIN),
    (
        "fresh_weights_match_a_new_model",
        Like(kind=DefectKind.INITIAL, facet=Facet.WEIGHTS, origin=_GAIN),
    ),
)

_UNKNOWN = raised("resume", "Unknown variable: …", circumstances="", origin=None)
_NO_LIST = raised("resume", Begins("Argument … must be a list of tensors corresponding "))
_UNSAVEABLE = raised("load", "Could not deserialize … because it is not a KerasSaveable subclass")
_NO_SIZE = raised(
    "load", Begins("int() argument must be a string, a bytes-like object"), "TypeError"
)
_METRICS = state(Facet.COMPILE, frozenset({"name", "from_logits", "label_smoothing"}), "unexpected")
_AXIS = state(Facet.ARGUMENTS, "axis", owner=frozenset({"LayerNormalization", "Softmax"}))
_OUTPUTS = frozenset({DefectKind.OUTPUT, DefectKind.OUTPUT_COUNT})
_HDF5 = (
    ("first_batch_loss_is_identical", _UNKNOWN, _HDF5_TRAINING),
    ("first_batch_loss_is_identical", _NO_LIST, _HDF5_TRAINING),
    ("round_trip_completes", _UNSAVEABLE, _HDF5_LOSS),
    ("round_trip_completes", _NO_SIZE, _NESTED_GRAPH, "<3.15.1"),
    ("compile_settings_survive", _METRICS, _HDF5_METRICS),
    ("architecture_survives", Like(facet=Facet.ARCHITECTURE, name="axis"), _HDF5_AXIS),
    ("arguments_survive", _AXIS, _HDF5_AXIS),
    ("outputs_survive", Like(kind=_OUTPUTS, origin=_AXIS), _HDF5_AXIS),
    ("round_trip_completes", raised("load", Begins("Shape mismatch in ")), _HDF5_AXIS),
)


def _issue(path: str, check: str, defect: Like, statement: str, releases: str = "") -> KnownIssue:
    return KnownIssue("keras", path, check, defect, statement, releases)


KERAS_3: tuple[KnownIssue, ...] = (
    *(_issue(path, *flag, _NESTED_FLAG) for path in _CONFIGS for flag in _FLAGS),
    *(_issue(path, *lost, _IDENTITY_GAIN, "<=3.15.1") for path in _CONFIGS for lost in _LOST_GAIN),
    *(_issue("keras", *lost, _FROZEN) for lost in _LOST_OPTIMIZER),
    *(
        _issue(path, *lost, _LOSS_ARGUMENTS, "<=3.15.1")
        for path in ("keras", "h5")
        for lost in _LOST_DELTA
    ),
    *(_issue("h5", *found) for found in _HDF5),
)
