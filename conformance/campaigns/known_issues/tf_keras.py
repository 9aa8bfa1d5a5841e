"""Known issues of tf_keras: docs/findings/tf_keras.md has each, reduced and confirmed."""

from saveproof.conformance.campaigns.known_issues.known_issue import (
    Begins,
    KnownIssue,
    Like,
    raised,
    state,
)
from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import DefectKind

_WHERE = "tf_keras 2.21.0, TensorFlow 2.21.0: docs/findings/tf_keras.md"

_SAVEDMODEL_OPTIMIZER = (
    "The optimizer of a model loaded from a SavedModel has no slots, and its iteration is 0 "
    f"({_WHERE}#savedmodel-optimizer)."
)
_SAVEDMODEL_SEED = (
    "Saving a SavedModel advances the dropout seed of the original model, which then draws other "
    f"masks ({_WHERE}#savedmodel-seed)."
)
_SAVEDMODEL_INPUTS = (
    "A subclassed model with several inputs, loaded from a SavedModel, accepts only a list or only "
    "a tuple of inputs, whichever the original model was first called with "
    f"({_WHERE}#savedmodel-inputs)."
)
_SAVEDMODEL_NAMES = (
    "tf_keras trains a subclassed model in which the model or a layer has a non-ASCII name, but "
    f"can't save the model as a SavedModel ({_WHERE}#savedmodel-names)."
)
_NADAM = (
    "HDF5 and .keras don't save Nadam's product of momenta: the loaded optimizer starts at 1, and "
    f"further training differs ({_WHERE}#nadam)."
)
_NADAM_STEPS = (
    "In a graph, or after a restore from a checkpoint, Nadam multiplies its product of momenta "
    f"once for each variable instead of once per step ({_WHERE}#nadam-steps)."
)
_FROZEN = (
    "If a layer was frozen after training and the model not compiled again, the loaded optimizer "
    f"loses slots or gets those of another layer ({_WHERE}#frozen)."
)
_COMPILED_FLAGS = (
    "A model trains with the `trainable` flags of its last `compile`, but the loaded model trains "
    f"with the flags at the save ({_WHERE}#compiled-flags)."
)
_NESTED_FLAG = (
    "A nested model saved with `trainable=False` has `trainable=True` in the loaded model "
    f"({_WHERE}#nested-flag)."
)
_RENAMED = (
    "A load from .keras renames the metrics of a model with several outputs: `a_error` becomes "
    f"`a_a_error` ({_WHERE}#renamed-metrics)."
)
_AVERAGES = (
    "If a model is saved as .keras before its optimizer's first step, the loaded optimizer starts "
    "its moving averages from random initial weights instead of the loaded weights "
    f"({_WHERE}#averages)."
)

_CONFIGS = ("h5", "keras", "config", "json", "config_and_weights", "json_and_weights_h5")
"""Paths whose architecture comes from a config."""

_MODELS = frozenset({"Functional", "Sequential"})
_FLAGS = (
    ("architecture_survives", state(Facet.ARCHITECTURE, "trainable")),
    ("arguments_survive", state(Facet.ARGUMENTS, "trainable", owner=_MODELS)),
    ("trainable_flags_survive", state(Facet.TRAINABLE, owner=_MODELS)),
)


def _lost_optimizer(**fields: object) -> tuple[tuple[str, Like], ...]:
    """Return the patterns of lost slots and iteration, with these fields of defects."""
    slots = Like(facet=Facet.SLOTS, how="lost", **fields)
    iteration = state(Facet.ITERATION, "iterations", **fields)
    return (
        ("optimizer_slots_survive", slots),
        ("iteration_survives", iteration),
        ("resume_trajectory_is_identical", Like(origin=slots)),
        ("resume_trajectory_is_identical", Like(origin=iteration)),
    )


_MOMENTA = state(Facet.SLOTS, "_u_product", "lost")
_LOST_MOMENTA = (
    ("optimizer_slots_survive", _MOMENTA),
    ("resume_trajectory_is_identical", Like(origin=_MOMENTA)),
)
_STATE = frozenset({Facet.WEIGHTS, Facet.NON_TRAINABLE})
_DIVERGES = (
    Like(kind=DefectKind.LOG, frozen_since_compile=True),
    Like(kind=DefectKind.TRAINED_STATE, facet=_STATE, frozen_since_compile=True),
)
_RENAMED_LOGS = Like(kind=DefectKind.LOG_NAMES, when="first step", origin=None)
_NO_FUNCTION = raised("resume", Begins("Could not find matching concrete function"))
_LOSSES = ("first_batch_loss_is_identical", "resume_trajectory_is_identical")


def _issue(path: str, check: str, defect: Like, statement: str) -> KnownIssue:
    return KnownIssue("tf_keras", path, check, defect, statement)


TF_KERAS: tuple[KnownIssue, ...] = (
    *(_issue("savedmodel", *lost, _SAVEDMODEL_OPTIMIZER) for lost in _lost_optimizer()),
    _issue(
        "savedmodel", "saving_changes_nothing", Like(facet=Facet.RNG, how="value"), _SAVEDMODEL_SEED
    ),
    *(
        _issue("savedmodel", check, _NO_FUNCTION, _SAVEDMODEL_INPUTS)
        for check in ("outputs_survive", *_LOSSES)
    ),
    *(
        _issue(
            "savedmodel", "round_trip_completes", raised("save", Begins(words)), _SAVEDMODEL_NAMES
        )
        for words in ("… is not a valid scope name", "… is not a valid root scope name")
    ),
    *(_issue(path, *lost, _NADAM) for path in ("h5", "keras") for lost in _LOST_MOMENTA),
    *(
        _issue(path, "resume_trajectory_is_identical", Like(optimizer="Nadam"), _NADAM_STEPS)
        for path in ("checkpoint", "h5", "keras", "savedmodel")
    ),
    *(
        _issue(path, *lost, _FROZEN)
        for path in ("h5", "keras")
        for lost in _lost_optimizer(frozen_since_compile=True)
    ),
    *(
        _issue(path, check, diverges, _COMPILED_FLAGS)
        for path in ("h5", "keras", "savedmodel")
        for check in _LOSSES
        for diverges in _DIVERGES
    ),
    *(_issue(path, *flag, _NESTED_FLAG) for path in _CONFIGS for flag in _FLAGS),
    *(_issue("keras", check, _RENAMED_LOGS, _RENAMED) for check in _LOSSES),
    _issue("keras", "resume_trajectory_is_identical", Like(before_first_average=True), _AVERAGES),
)
