"""Known issues of Keras 3: docs/findings/keras.md has each, reduced and confirmed."""

from saveproof.conformance.campaigns.known_issues.known_issue import KnownIssue

_WHERE = "Keras 3.15.1: docs/findings/keras.md"

_NESTED_FLAG = (
    f"A nested Sequential's own flag `trainable=False` comes back True ({_WHERE}#nested-flag)."
)
_FROZEN = (
    "The optimizer comes back new when a layer was frozen after training and not compiled again "
    f"({_WHERE}#frozen)."
)
_LOSS_ARGUMENTS = f"Huber's `delta` comes back as its default 1.0 ({_WHERE}#loss-arguments)."
_HDF5_TRAINING = (
    f"A compiled model loaded from legacy HDF5 raises in its first step ({_WHERE}#hdf5-training)."
)
_HDF5_LOSS = (
    "Legacy HDF5 of a model compiled with a loss by its short name, as `mse`, can't be loaded "
    f"({_WHERE}#hdf5-loss)."
)
_HDF5_METRICS = (
    "Metrics given by name come back from legacy HDF5 as objects, `mae` under another name: "
    f"`mean_absolute_error` ({_WHERE}#hdf5-metrics)."
)
_HDF5_AXIS = (
    "LayerNormalization and Softmax over several axes come back from legacy HDF5 with the last one "
    f"alone ({_WHERE}#hdf5-axis)."
)
_NESTED_GRAPH = (
    "A graph inside a Sequential can't be read from legacy HDF5 that Keras 3.4.1 has written "
    "(Keras 3.4.1 on torch 2.13.0: docs/findings/keras.md#nested-graph)."
)

_CONFIGS = ("keras", "h5", "config", "json", "config_and_weights", "json_and_weights", "clone")
"""Paths whose architecture comes from a config."""

_FLAG_KEYS = (
    ("architecture_survives", "architecture: trainable value"),
    ("arguments_survive", "arguments: *Sequential/trainable value"),
    ("trainable_flags_survive", "trainable flags: *Sequential value"),
)
_FROZEN_KEYS = (
    ("optimizer_slots_survive", "optimizer slots: * lost"),
    ("iteration_survives", "iteration: iterations value"),
    ("resume_trajectory_is_identical", "resume: *, from optimizer slots: * lost"),
    ("resume_trajectory_is_identical", "resume: *, from iteration: iterations value"),
)
_LOSS_KEYS = (
    ("compile_settings_survive", "compile settings: delta value"),
    ("first_batch_loss_is_identical", "resume: *, from compile settings: delta value"),
    ("resume_trajectory_is_identical", "resume: *, from compile settings: delta value"),
)
_SHORT_NAME = "Could not deserialize … because it is not a KerasSaveable subclass"
_HDF5_KEYS = (
    (
        "first_batch_loss_is_identical",
        "resume: raised builtins.ValueError: Unknown variable: …",
        _HDF5_TRAINING,
    ),
    (
        "first_batch_loss_is_identical",
        "resume: raised builtins.ValueError: Argument … must be a list of tensors corresponding *",
        _HDF5_TRAINING,
    ),
    (
        "round_trip_completes",
        f"load: raised builtins.ValueError: {_SHORT_NAME}",
        _HDF5_LOSS,
    ),
    (
        "round_trip_completes",
        "load: raised builtins.TypeError: int() argument must be a string, a bytes-like object*",
        _NESTED_GRAPH,
    ),
    ("compile_settings_survive", "compile settings: name unexpected", _HDF5_METRICS),
    ("compile_settings_survive", "compile settings: from_logits unexpected", _HDF5_METRICS),
    ("compile_settings_survive", "compile settings: label_smoothing unexpected", _HDF5_METRICS),
    ("architecture_survives", "architecture: axis *", _HDF5_AXIS),
    *(
        (check, f"{key}*{layer}/axis value", _HDF5_AXIS)
        for layer in ("LayerNormalization", "Softmax")
        for check, key in (
            ("arguments_survive", "arguments: "),
            ("outputs_survive", "outputs: *, from arguments: "),
        )
    ),
    ("round_trip_completes", "load: raised builtins.ValueError: Shape mismatch in *", _HDF5_AXIS),
)


def _issue(path: str, check: str, key: str, statement: str) -> KnownIssue:
    return KnownIssue("keras*", path, check, key, statement)


KERAS_3: tuple[KnownIssue, ...] = (
    *(_issue(path, check, key, _NESTED_FLAG) for path in _CONFIGS for check, key in _FLAG_KEYS),
    *(
        _issue("keras", check, f"{key} after freezing without compile", _FROZEN)
        for check, key in _FROZEN_KEYS
    ),
    *(
        _issue(path, check, key, _LOSS_ARGUMENTS)
        for path in ("keras", "h5")
        for check, key in _LOSS_KEYS
    ),
    *(_issue("h5", check, key, statement) for check, key, statement in _HDF5_KEYS),
)
