"""Defects of frameworks, each with the anchor of the known issue that explains it."""

from msgspec.structs import replace

from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import Change, Defect, DefectKind, Difference
from tests.conformance.defects import log, of_kind, output, raised, state, trained_state


def slot(name, **fields):
    """Return a slot that was lost."""
    return state(Facet.SLOTS, place=name, **fields)


TRAJECTORY = "resume_trajectory_is_identical"
FIRST_LOSS = "first_batch_loss_is_identical"
ITERATIONS = state(Facet.ITERATION, place="iterations")
DELTA = state(Facet.COMPILE, place="delta")
FROZEN = {"frozen_since_compile": True}

OF_TF_KERAS = (
    ("savedmodel", "optimizer_slots_survive", slot("m"), "savedmodel-optimizer"),
    ("savedmodel", "optimizer_slots_survive", slot("m", **FROZEN), "savedmodel-optimizer"),
    ("savedmodel", "iteration_survives", ITERATIONS, "savedmodel-optimizer"),
    (
        "savedmodel",
        TRAJECTORY,
        trained_state(Facet.WEIGHTS, step=2, origin=slot("v")),
        "savedmodel-optimizer",
    ),
    ("savedmodel", TRAJECTORY, log(origin=slot("m")), "savedmodel-optimizer"),
    (
        "savedmodel",
        "saving_changes_nothing",
        state(Facet.RNG, place="Sequential/Dropout/", action="saved"),
        "savedmodel-seed",
    ),
    (
        "savedmodel",
        "outputs_survive",
        raised("resume", words="Could not find matching concrete function to"),
        "savedmodel-inputs",
    ),
    (
        "savedmodel",
        FIRST_LOSS,
        raised("resume", words="Could not find matching concrete function to", origin=DELTA),
        "savedmodel-inputs",
    ),
    (
        "savedmodel",
        "round_trip_completes",
        raised("save", words="… is not a valid root scope name. A root scope name has to match"),
        "savedmodel-names",
    ),
    ("h5", "optimizer_slots_survive", slot("_u_product"), "nadam"),
    ("keras", TRAJECTORY, trained_state(Facet.WEIGHTS, origin=slot("_u_product")), "nadam"),
    ("checkpoint", TRAJECTORY, trained_state(Facet.WEIGHTS, optimizer="Nadam"), "nadam-steps"),
    (
        "checkpoint",
        TRAJECTORY,
        trained_state(Facet.WEIGHTS, optimizer="Nadam", **FROZEN),
        "nadam-steps",
    ),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS, optimizer="SGD", **FROZEN), "compiled-flags"),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS, **FROZEN), "compiled-flags"),
    ("savedmodel", FIRST_LOSS, log(**FROZEN), "compiled-flags"),
    (
        "savedmodel",
        "round_trip_completes",
        raised("save", words="… is not a valid scope name. A scope name has to match the"),
        "savedmodel-names",
    ),
    ("h5", "optimizer_slots_survive", slot("m", **FROZEN), "frozen"),
    (
        "keras",
        "iteration_survives",
        state(Facet.ITERATION, place="iterations", **FROZEN),
        "frozen",
    ),
    ("h5", TRAJECTORY, log(origin=slot("m", **FROZEN)), "frozen"),
    ("json", "trainable_flags_survive", state(Facet.TRAINABLE, place="Functional/"), "nested-flag"),
    ("json", "trainable_flags_survive", state(Facet.TRAINABLE, place="Sequential/"), "nested-flag"),
    (
        "keras",
        "arguments_survive",
        state(Facet.ARGUMENTS, place="Functional/trainable"),
        "nested-flag",
    ),
    (
        "json",
        "arguments_survive",
        state(Facet.ARGUMENTS, place="Functional/Sequential/trainable"),
        "nested-flag",
    ),
    ("h5", "architecture_survives", state(Facet.ARCHITECTURE, place="trainable"), "nested-flag"),
    ("keras", FIRST_LOSS, log("a_a", kind=DefectKind.LOG_NAMES), "renamed-metrics"),
    (
        "keras",
        TRAJECTORY,
        trained_state(Facet.WEIGHTS, optimizer="Adam", before_first_average=True),
        "averages",
    ),
    ("keras", FIRST_LOSS, log("a_a", kind=DefectKind.LOG_NAMES, origin=DELTA), None),
    ("keras", FIRST_LOSS, log("a_a", step=2, kind=DefectKind.LOG_NAMES), None),
    ("h5", "optimizer_slots_survive", slot("m"), None),
    ("h5", "iteration_survives", state(Facet.ITERATION, place="iterations", **FROZEN), None),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS, optimizer="Nadam"), None),
    ("savedmodel", "saving_changes_nothing", state(Facet.RNG, place="Sequential/Dense/"), None),
    ("savedmodel", TRAJECTORY, log(origin=ITERATIONS), None),
    ("h5", TRAJECTORY, trained_state(Facet.WEIGHTS), None),
    ("h5", TRAJECTORY, trained_state(Facet.SLOTS, **FROZEN), None),
    ("keras", "iteration_survives", ITERATIONS, None),
    ("json", "trainable_flags_survive", state(Facet.TRAINABLE, place="Sequential/Dense/"), None),
    ("checkpoint", "optimizer_slots_survive", slot("m"), None),
)

NOT_A_SIZE = "int() argument must be a string, a bytes-like object or a real number, not …"
NOT_SERIALIZABLE = "Could not deserialize … because it is not a KerasSaveable subclass"
NOT_A_LIST = "Argument … must be a list of tensors corresponding to the trainable variables list"
OF_ANOTHER_SHAPE = "Shape mismatch in layer … (named l)for weight m/l/gamma."
UNKNOWN = "Unknown variable: …"
NESTED = state(Facet.TRAINABLE, place="Sequential/")
RENAMED = state(Facet.COMPILE, change="unexpected", place="name")
AXIS = state(Facet.ARGUMENTS, place="LayerNormalization/axis")


def initializer(argument):
    """Return an argument of a kernel's initializer that was lost."""
    return replace(state(Facet.ARGUMENTS), name=f"kernel_initializer/{argument}")


def initial(**fields):
    """Return an initial weight that is not a new model's."""
    return of_kind(DefectKind.INITIAL, facet=Facet.WEIGHTS, name="kernel", **fields)


GAIN = initializer("Identity/gain")
INITIAL = "fresh_weights_match_a_new_model"

SPOILED = Defect(
    DefectKind.SPOILED,
    Difference("learning_rate", "0.05", "0.001", Change.VALUE),
    facet="training",
    name="keras",
    origin=state(Facet.LEARNING_RATE, place="learning_rate"),
    order=("h5", "keras"),
    check="learning_rate_survives",
)
LIVE_OPTIMIZER = replace(
    state("live model", change="missing"), name="compile config/optimizer", action="saved"
)

OF_KERAS_3 = (
    ("h5", "saving_changes_nothing", SPOILED, "hdf5-spoils"),
    ("h5", "saving_changes_nothing", replace(SPOILED, order=("h5", "json", "keras")), None),
    ("h5", "saving_changes_nothing", LIVE_OPTIMIZER, "hdf5-spoils"),
    ("keras", "arguments_survive", GAIN, "identity-gain"),
    ("config", INITIAL, initial(origin=GAIN), "identity-gain"),
    ("config", INITIAL, initial(), None),
    ("keras", "arguments_survive", initializer("Orthogonal/gain"), None),
    ("keras", "compile_settings_survive", DELTA, "loss-arguments"),
    ("h5", FIRST_LOSS, log(origin=DELTA), "loss-arguments"),
    ("keras", TRAJECTORY, log(step=2, origin=DELTA), "loss-arguments"),
    ("keras", "optimizer_slots_survive", slot("velocity", **FROZEN), "frozen"),
    ("keras", TRAJECTORY, log(origin=slot("velocity", **FROZEN)), "frozen"),
    ("clone", "trainable_flags_survive", NESTED, "nested-flag"),
    (
        "json",
        "arguments_survive",
        state(Facet.ARGUMENTS, place="Sequential/trainable"),
        "nested-flag",
    ),
    ("h5", "architecture_survives", state(Facet.ARCHITECTURE, place="trainable"), "nested-flag"),
    (
        "keras",
        "iteration_survives",
        state(Facet.ITERATION, place="iterations", **FROZEN),
        "frozen",
    ),
    ("h5", FIRST_LOSS, log(origin=AXIS), "hdf5-axis"),
    (
        "h5",
        FIRST_LOSS,
        log("mae", kind=DefectKind.LOG_NAMES, origin=RENAMED),
        "hdf5-metrics",
    ),
    ("h5", FIRST_LOSS, raised("resume", words=UNKNOWN), "hdf5-training"),
    ("h5", FIRST_LOSS, raised("resume", words=NOT_A_LIST), "hdf5-training"),
    ("h5", "round_trip_completes", raised("load", words=NOT_SERIALIZABLE), "hdf5-loss"),
    (
        "h5",
        "round_trip_completes",
        raised(
            "load", "builtins.TypeError", "Could not locate function …. Make sure custom classes a"
        ),
        "hdf5-loss",
    ),
    (
        "h5",
        "round_trip_completes",
        raised("load", "builtins.TypeError", NOT_A_SIZE),
        "nested-graph",
    ),
    (
        "h5",
        "compile_settings_survive",
        state(Facet.COMPILE, change="unexpected", place="from_logits"),
        "hdf5-metrics",
    ),
    (
        "h5",
        "architecture_survives",
        state(Facet.ARCHITECTURE, place="axis"),
        "hdf5-axis",
    ),
    ("h5", "outputs_survive", output(origin=AXIS), "hdf5-axis"),
    ("h5", "arguments_survive", state(Facet.ARGUMENTS, place="Softmax/axis"), "hdf5-axis"),
    (
        "h5",
        "round_trip_completes",
        raised("load", words=OF_ANOTHER_SHAPE),
        "hdf5-axis",
    ),
    (
        "h5",
        FIRST_LOSS,
        raised("resume", words=UNKNOWN, origin=DELTA),
        "hdf5-training",
    ),
    ("h5", TRAJECTORY, raised("resume", words=UNKNOWN, **FROZEN), "hdf5-training"),
    ("keras", FIRST_LOSS, raised("resume", words=UNKNOWN), None),
    (
        "h5",
        "architecture_survives",
        state(Facet.ARCHITECTURE, change="missing", place="axis"),
        None,
    ),
    ("h5", "arguments_survive", state(Facet.ARGUMENTS, place="Concatenate/axis"), None),
    ("keras", "optimizer_slots_survive", slot("velocity"), None),
    ("keras", FIRST_LOSS, log(), None),
    ("clone", "trainable_flags_survive", state(Facet.TRAINABLE, place="Functional/"), None),
    ("h5", "outputs_survive", output(), None),
    ("h5", "round_trip_completes", raised("load", words="Unknown layer"), None),
    ("keras", "round_trip_completes", raised("load", words=OF_ANOTHER_SHAPE), None),
)
