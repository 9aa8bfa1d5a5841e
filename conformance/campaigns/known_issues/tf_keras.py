"""Known issues of tf_keras: docs/findings/tf_keras.md has each, reduced and confirmed."""

from saveproof.conformance.campaigns.known_issues.known_issue import KnownIssue

_WHERE = "tf_keras 2.21.0, TensorFlow 2.21.0: docs/findings/tf_keras.md"

_SAVEDMODEL_OPTIMIZER = (
    "A SavedModel brings the optimizer back new: no slots, iteration 0 "
    f"({_WHERE}#savedmodel-optimizer)."
)
_SAVEDMODEL_SEED = (
    "Saving a SavedModel advances the seed of the live model's dropout, which then draws other "
    f"masks ({_WHERE}#savedmodel-seed)."
)
_SAVEDMODEL_INPUTS = (
    "A subclassed model with several inputs comes back from a SavedModel taking either a list or a "
    f"tuple of them, and can't be trained, nor predict as a graph ({_WHERE}#savedmodel-inputs)."
)
_SAVEDMODEL_NAMES = (
    "A subclassed model that trains with a name beyond ASCII, its own or a layer's, can't be saved "
    f"as a SavedModel ({_WHERE}#savedmodel-names)."
)
_NADAM = (
    "Nadam's running product of momenta comes back as 1, and training goes another way "
    f"({_WHERE}#nadam)."
)
_NADAM_STEPS = (
    "Nadam as a graph, or restored from a checkpoint, multiplies its product of momenta once for "
    f"each variable instead of once a step ({_WHERE}#nadam-steps)."
)
_FROZEN = (
    "Slots of an optimizer are lost, or another layer's, when a layer was frozen after training "
    f"and not compiled again ({_WHERE}#frozen)."
)
_COMPILED_FLAGS = (
    "A model trains on with the flags that it was compiled with, and comes back compiled with "
    f"those of the save ({_WHERE}#compiled-flags)."
)
_NESTED_FLAG = (
    f"A nested model's own flag `trainable=False` comes back True ({_WHERE}#nested-flag)."
)
_RENAMED = (
    "Metrics of a model with several outputs are renamed by .keras: `a_error` is `a_a_error` "
    f"({_WHERE}#renamed-metrics)."
)
_AVERAGES = (
    "Averages of weights start from weights that were never loaded, where a model was saved as "
    f".keras before its optimizer's first step ({_WHERE}#averages)."
)

_CONFIGS = ("h5", "keras", "config", "json", "config_and_weights", "json_and_weights_h5")
"""Paths whose architecture comes from a config."""

_FLAG_KEYS = (
    ("architecture_survives", "architecture: trainable value"),
    ("arguments_survive", "arguments: *Functional/trainable value"),
    ("arguments_survive", "arguments: *Sequential/trainable value"),
    ("trainable_flags_survive", "trainable flags: *Functional value"),
    ("trainable_flags_survive", "trainable flags: *Sequential value"),
)

_SINCE = " after freezing without compile"


def _issue(path: str, check: str, key: str, statement: str) -> KnownIssue:
    return KnownIssue("tf_keras", path, check, key, statement)


TF_KERAS: tuple[KnownIssue, ...] = (
    *(
        _issue("savedmodel", check, key, _SAVEDMODEL_OPTIMIZER)
        for check, key in (
            ("optimizer_slots_survive", "optimizer slots: * lost*"),
            ("iteration_survives", "iteration: iterations value*"),
            ("resume_trajectory_is_identical", "resume: *, from optimizer slots: * lost*"),
            ("resume_trajectory_is_identical", "resume: *, from iteration: iterations value*"),
        )
    ),
    _issue("savedmodel", "saving_changes_nothing", "RNG state: * value", _SAVEDMODEL_SEED),
    *(
        _issue("savedmodel", check, f"{key}*", _SAVEDMODEL_INPUTS)
        for key in (
            "resume: raised builtins.ValueError: Could not find matching concrete function",
        )
        for check in (
            "outputs_survive",
            "first_batch_loss_is_identical",
            "resume_trajectory_is_identical",
        )
    ),
    *(
        _issue(
            "savedmodel",
            "round_trip_completes",
            f"save: raised builtins.ValueError: … is not a valid {kind} name*",
            _SAVEDMODEL_NAMES,
        )
        for kind in ("scope", "root scope")
    ),
    *(
        _issue(path, check, key, _NADAM)
        for path in ("h5", "keras")
        for check, key in (
            ("optimizer_slots_survive", "optimizer slots: _u_product lost*"),
            ("resume_trajectory_is_identical", "resume: *, from optimizer slots: _u_product lost*"),
        )
    ),
    *(
        _issue(path, "resume_trajectory_is_identical", "resume: * with Nadam*", _NADAM_STEPS)
        for path in ("checkpoint", "h5", "keras", "savedmodel")
    ),
    *(
        _issue(path, check, key + _SINCE, _FROZEN)
        for path in ("h5", "keras")
        for check, key in (
            ("optimizer_slots_survive", "optimizer slots: * lost"),
            ("iteration_survives", "iteration: iterations value"),
            ("resume_trajectory_is_identical", "resume: *, from optimizer slots: * lost"),
            ("resume_trajectory_is_identical", "resume: *, from iteration: iterations value"),
        )
    ),
    *(
        _issue(path, check, f"resume: * {what}*{_SINCE}", _COMPILED_FLAGS)
        for path in ("h5", "keras", "savedmodel")
        for check in ("first_batch_loss_is_identical", "resume_trajectory_is_identical")
        for what in ("loss", "weights", "non-trainable state")
    ),
    *(_issue(path, check, key, _NESTED_FLAG) for path in _CONFIGS for check, key in _FLAG_KEYS),
    *(
        _issue("keras", check, "resume: first step log names", _RENAMED)
        for check in ("first_batch_loss_is_identical", "resume_trajectory_is_identical")
    ),
    _issue(
        "keras",
        "resume_trajectory_is_identical",
        "resume: * with * before its first average*",
        _AVERAGES,
    ),
)
