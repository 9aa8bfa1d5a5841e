"""Mutants: the reference with one deliberate fault each, and the checks that must kill them."""

from dataclasses import dataclass
from inspect import getdoc

from saveproof.conformance.checks.other_code import OTHER_CODE
from saveproof.conformance.mutants.faults import (
    conduct,
    extremes,
    graphs,
    handling,
    layers,
    objects,
    optimizers,
    other_code,
    training,
    weights,
)
from saveproof.conformance.mutants.injection import Fault
from saveproof.strategies.case import Kind

SEQUENTIAL, FUNCTIONAL, SUBCLASSED = Kind.SEQUENTIAL, Kind.FUNCTIONAL, Kind.SUBCLASSED


@dataclass(frozen=True)
class Mutant:
    """A fault, the checks that must kill it, and the save path and kind of model that show it.

    A fault that needs a second path has it in `beside`: both save the same model. `examples` is the
    number of cases to run; `timeout` is the time limit of a case, in seconds.
    """

    seed: Fault
    targets: tuple[str, ...]
    path: str = "h5"
    kind: Kind = SEQUENTIAL
    examples: int = 30
    timeout: float = 120.0
    beside: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The save paths that save the same model."""
        return (self.path, self.beside) if self.beside else (self.path,)

    @property
    def name(self) -> str:
        """The name of the fault."""
        return self.spec.rpartition(":")[2]

    @property
    def fault(self) -> str:
        """A sentence on the fault."""
        return getdoc(self.seed) or ""

    @property
    def spec(self) -> str:
        """The subject name from which `families.subjects.resolve` makes the mutant."""
        return f"{self.seed.__module__}:{self.seed.__name__}"


_WEIGHTS = (
    Mutant(
        weights.lost_weights,
        ("weights_survive", "outputs_survive", "first_batch_loss_is_identical"),
    ),
    Mutant(weights.lost_nested_weights, ("weights_survive",)),
    Mutant(weights.float64_as_float32, ("weights_survive",)),
    Mutant(weights.last_bit_of_kernels, ("weights_survive", "outputs_survive")),
    Mutant(weights.square_kernels_transposed, ("weights_survive", "outputs_survive")),
    Mutant(weights.equal_shapes_swapped, ("weights_survive", "outputs_survive")),
    Mutant(
        weights.moving_statistics_fresh,
        ("non_trainable_state_survives", "outputs_survive"),
    ),
    Mutant(
        weights.moving_variance_lost_from_weights,
        ("non_trainable_state_survives", "outputs_survive"),
        path="weights_h5",
    ),
    Mutant(weights.layers_in_alphabetical_order, ("round_trip_completes",), path="weights_h5"),
    Mutant(weights.set_weights_skips_biases, ("weights_survive",), path="weights_in_memory"),
)

_OPTIMIZERS = (
    Mutant(optimizers.lost_slots, ("optimizer_slots_survive", "resume_trajectory_is_identical")),
    Mutant(optimizers.zeroed_last_slot, ("optimizer_slots_survive",)),
    Mutant(
        optimizers.two_slots_swapped,
        ("optimizer_slots_survive", "resume_trajectory_is_identical"),
    ),
    Mutant(
        optimizers.slots_reversed, ("optimizer_slots_survive", "resume_trajectory_is_identical")
    ),
    Mutant(optimizers.lost_averages, ("optimizer_slots_survive",)),
    Mutant(optimizers.iteration_reset, ("iteration_survives", "resume_trajectory_is_identical")),
    Mutant(
        optimizers.iteration_one_ahead, ("iteration_survives", "second_generation_equals_first")
    ),
    Mutant(
        optimizers.default_learning_rate,
        ("learning_rate_survives", "resume_trajectory_is_identical"),
    ),
    Mutant(
        optimizers.schedule_flattened,
        ("learning_rate_survives", "resume_trajectory_is_identical"),
    ),
    Mutant(optimizers.default_beta_2, ("optimizer_config_survives",)),
    Mutant(optimizers.lost_clipping, ("optimizer_config_survives",)),
    Mutant(optimizers.lost_weight_decay, ("optimizer_config_survives",)),
    Mutant(optimizers.adamw_as_adam, ("optimizer_config_survives",)),
    Mutant(optimizers.lost_optimizer, ("optimizer_config_survives", "optimizer_slots_survive")),
)

_TRAINING = (
    Mutant(
        training.lost_loss_weights,
        ("compile_settings_survive", "first_batch_loss_is_identical"),
    ),
    Mutant(training.lost_metrics, ("compile_settings_survive",)),
    Mutant(training.every_accuracy_binary, ("compile_settings_survive",)),
    Mutant(
        training.lost_arguments_of_losses,
        ("compile_settings_survive", "first_batch_loss_is_identical"),
    ),
    Mutant(training.loaded_uncompiled, ("compile_settings_survive", "optimizer_config_survives")),
    Mutant(training.lost_metric_totals, ("metric_state_survives",)),
    Mutant(
        training.lost_generator_states,
        ("rng_state_survives", "resume_trajectory_is_identical"),
    ),
    Mutant(training.counter_of_generators_reset, ("rng_state_survives",)),
    Mutant(
        training.lost_recurrent_states,
        ("recurrent_state_survives", "outputs_survive"),
    ),
    Mutant(
        training.layers_frozen_since_compile,
        ("resume_trajectory_is_identical",),
        kind=FUNCTIONAL,
        examples=100,
    ),
)

_LAYERS = (
    Mutant(
        layers.batch_normalization_forgets_momentum,
        ("arguments_survive", "resume_trajectory_is_identical"),
    ),
    Mutant(layers.lstm_forgets_unit_forget_bias, ("arguments_survive",), examples=100),
    Mutant(layers.recurrent_layers_forget_go_backwards, ("arguments_survive", "outputs_survive")),
    Mutant(layers.dropout_forgets_seed, ("arguments_survive",)),
    Mutant(layers.dropout_forgets_noise_shape, ("arguments_survive",), examples=100),
    Mutant(
        layers.dense_forgets_activity_regularizer,
        ("arguments_survive", "first_batch_loss_is_identical"),
    ),
    Mutant(layers.dense_forgets_activation, ("arguments_survive", "outputs_survive")),
    Mutant(
        layers.dense_forgets_regularizers,
        ("arguments_survive", "first_batch_loss_is_identical"),
    ),
    Mutant(layers.glorot_uniform_forgets_seed, ("arguments_survive",)),
    Mutant(layers.initializers_without_seed, ("arguments_survive", "architecture_survives")),
    Mutant(
        layers.identity_forgets_gain,
        ("fresh_weights_match_a_new_model", "arguments_survive"),
        path="config",
    ),
    Mutant(
        layers.seed_zero_taken_for_none,
        ("fresh_weights_match_a_new_model", "arguments_survive"),
        path="json",
    ),
    Mutant(layers.lost_dtype_policy, ("dtype_policy_survives", "weights_survive")),
    Mutant(layers.mixed_policy_as_float32, ("dtype_policy_survives",)),
    Mutant(layers.last_layer_renamed, ("names_survive",)),
    Mutant(layers.variables_renamed, ("names_survive",)),
    Mutant(layers.lost_name_of_model, ("names_survive",), kind=FUNCTIONAL),
    Mutant(layers.frozen_layers_thawed, ("trainable_flags_survive",)),
    Mutant(layers.nested_frozen_layers_thawed, ("trainable_flags_survive",)),
    Mutant(layers.nested_frozen_layers_thawed_by_json, ("trainable_flags_survive",), path="json"),
    Mutant(layers.first_layer_frozen, ("trainable_flags_survive",)),
)

_GRAPHS = (
    Mutant(graphs.dropouts_left_out, ("architecture_survives", "names_survive"), path="json"),
    Mutant(
        graphs.joins_reversed,
        ("architecture_survives", "layer_sharing_survives"),
        path="json",
        kind=FUNCTIONAL,
    ),
    Mutant(graphs.outputs_reversed, ("architecture_survives",), path="json", kind=FUNCTIONAL),
    Mutant(
        graphs.shared_layers_duplicated,
        ("layer_sharing_survives", "architecture_survives"),
        path="json",
        kind=FUNCTIONAL,
    ),
    Mutant(
        graphs.later_calls_not_held,
        ("layer_sharing_survives", "architecture_survives"),
        path="json",
        kind=FUNCTIONAL,
        examples=400,
    ),
)

_HANDLING = (
    Mutant(handling.saving_raises_for_conv2d, ("round_trip_completes",)),
    Mutant(handling.loading_raises_for_gru, ("round_trip_completes",), path="json"),
    Mutant(handling.saving_aborts_for_dropout, ("round_trip_completes",)),
    Mutant(handling.loading_hangs_for_dropout, ("round_trip_completes",), timeout=2.0),
    Mutant(handling.saving_resets_metrics, ("saving_changes_nothing",)),
    Mutant(handling.saving_clears_slots, ("saving_changes_nothing",)),
    Mutant(handling.saving_weights_thaws, ("saving_changes_nothing",), path="weights_h5"),
    Mutant(handling.saving_weights_rounds, ("saving_changes_nothing",), path="weights_h5"),
    Mutant(handling.saving_spoils_later_saves, ("saving_changes_nothing",), beside="keras"),
    Mutant(handling.saving_stops_training, ("saving_changes_nothing",)),
    Mutant(handling.refused_by_key, ("refusal_says_why",), kind=SUBCLASSED),
    Mutant(
        handling.unbuilt_model_accepted,
        ("unbuilt_model_is_refused",),
        path="weights_h5",
        kind=SUBCLASSED,
    ),
    Mutant(
        handling.unbuilt_model_refused_by_index,
        ("unbuilt_model_is_refused",),
        path="weights_h5",
        kind=SUBCLASSED,
    ),
    Mutant(
        handling.weights_bring_the_iteration,
        ("what_must_be_fresh_is_fresh",),
        path="weights_h5",
    ),
    Mutant(handling.config_holds_kernel, ("what_must_be_fresh_is_fresh",), path="json"),
    Mutant(handling.loaded_model_counts_twice, ("second_generation_equals_first",)),
    Mutant(handling.slots_kept_in_process, ("another_process_loads_the_same",)),
    Mutant(handling.architecture_kept_in_process, ("round_trip_completes",)),
)

_CONDUCT = (
    Mutant(conduct.saving_stays_in_the_folder, ("surroundings_stay",)),
    Mutant(conduct.saving_opens_the_umask, ("surroundings_stay",)),
    Mutant(conduct.saving_takes_a_signal, ("surroundings_stay",)),
    Mutant(conduct.saving_sets_a_variable, ("surroundings_stay",)),
    Mutant(conduct.saving_leaves_a_temporary_file, ("surroundings_stay",)),
    Mutant(conduct.saving_clears_the_folder, ("surroundings_stay",)),
    Mutant(conduct.loading_touches_the_file, ("surroundings_stay",)),
    Mutant(conduct.loading_leaves_the_file_open, ("surroundings_stay",)),
    Mutant(conduct.saving_draws, ("saving_draws_nothing",)),
    Mutant(conduct.saved_as_a_link, ("source_stands_alone",)),
    Mutant(conduct.saved_under_a_second_name, ("source_stands_alone",)),
    Mutant(conduct.loading_from_a_cache, ("loads_are_independent",)),
    Mutant(conduct.reading_from_a_cache, ("save_over_another_replaces_it",)),
    Mutant(conduct.saving_keeps_the_first_file, ("save_over_another_replaces_it",)),
    Mutant(conduct.saving_in_place, ("save_over_another_replaces_it",)),
    Mutant(conduct.overwriting_regardless, ("overwrite_false_keeps_the_file",)),
    Mutant(conduct.saving_empties_the_first_file, ("failed_save_keeps_the_file",)),
    Mutant(conduct.saving_hides_its_failure, ("failed_save_keeps_the_file",)),
)

_EXTREMES = (
    Mutant(extremes.last_row_of_large_weights, ("weights_survive",)),
    Mutant(extremes.last_row_of_large_tensors, ("weights_survive",), path="checkpoint"),
    Mutant(extremes.iteration_modulo_a_hundred, ("iteration_survives",)),
    Mutant(extremes.iteration_in_a_byte, ("iteration_survives",), kind=FUNCTIONAL),
    Mutant(extremes.non_finite_weights_as_zero, ("weights_survive",)),
    Mutant(extremes.infinity_as_the_largest_number, ("weights_survive",), path="weights_h5"),
    Mutant(extremes.subnormals_flushed, ("weights_survive",), path="keras"),
    Mutant(extremes.names_in_latin_1, ("round_trip_completes",), path="keras"),
    Mutant(extremes.name_of_model_in_ascii, ("names_survive",), kind=FUNCTIONAL),
)

_OTHER_CODE = (
    Mutant(other_code.layers_of_other_names_left_out, (OTHER_CODE,), path="weights_h5"),
    Mutant(other_code.layers_of_other_shapes_left_out, (OTHER_CODE,), path="weights_h5"),
    Mutant(other_code.later_variables_left_out, (OTHER_CODE,), path="checkpoint", kind=SUBCLASSED),
    Mutant(
        other_code.slots_in_the_order_of_their_shapes,
        (OTHER_CODE,),
        path="weights_v3_h5",
        kind=SUBCLASSED,
    ),
)


def _by_itself(seed: Fault, *targets: str) -> Mutant:
    return Mutant(seed, targets, path="object_config", kind=Kind.OBJECT, examples=1)


_OBJECTS = (
    _by_itself(objects.huber_forgets_delta, "behaviour_survives", "arguments_survive"),
    _by_itself(objects.orthogonal_forgets_gain, "behaviour_survives"),
    _by_itself(objects.unit_normalization_forgets_axis, "behaviour_survives"),
    _by_itself(objects.polynomial_decay_forgets_cycle, "behaviour_survives"),
)

_ALL = (
    *(*_WEIGHTS, *_OPTIMIZERS, *_TRAINING, *_LAYERS, *_GRAPHS, *_HANDLING, *_CONDUCT),
    *(*_EXTREMES, *_OTHER_CODE, *_OBJECTS),
)

MUTANTS = {mutant.name: mutant for mutant in _ALL}
"""Every mutant by name. A check that no mutant targets is not yet proved to work."""
