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
