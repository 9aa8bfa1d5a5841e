"""From saved compile settings to a compiled model with its optimizer's and metrics' state."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl import losses, metrics, optimizers
from reference_impl.autodiff import Variable
from reference_impl.custom_objects import active_custom_objects
from reference_impl.layers.base import Layer
from reference_impl.models.compiled import per_output
from reference_impl.models.flags import Flags, flags_of, paired
from reference_impl.models.trainer import Trainer
from reference_impl.optimizers import Optimizer
from reference_impl.serialization import MalformedEntry
from reference_impl.state import Entry, Extras, ModelState, NamedArray

_LOGGER = logging.getLogger(__name__)


class OptimizerMismatch(ValueError):
    """The optimizer's state does not fit the model or is of a kind that is not read."""


def paired_flags(model: Layer, flags: Sequence[bool]) -> Flags:
    """Return the layers with the flags that a file holds, none if it holds none."""
    found = paired(model, flags) if flags else []
    if found is None:
        raise MalformedEntry(
            f"model {model.name!r}: expected {len(flags_of(model))} trainable flags, "
            f"found {len(flags)}"
        )
    return found


def compile_from(model: Trainer, training: Entry, extras: Extras | None) -> None:
    """Compile from a training_config, of tf_keras or of Keras 3."""
    known = active_custom_objects()
    if "optimizer_config" not in training:
        raise MalformedEntry(f"model {model.name!r}: its training_config has no optimizer_config")
    names = model.output_names or []
    saved_metrics = _without_prefix(training.get("metrics"), names)
    saved_weighted = _without_prefix(training.get("weighted_metrics"), names)
    run_eagerly = training.get("run_eagerly") if extras is None else extras.run_eagerly
    model.compile(
        optimizer=optimizers.deserialize(training["optimizer_config"], custom_objects=known),
        loss=_mapped(
            lambda entry: (
                losses.deserialize(entry, custom_objects=known)
                if isinstance(entry, Mapping)
                else entry
            ),
            training.get("loss"),
        ),
        metrics=_mapped(_metric, saved_metrics),
        weighted_metrics=_mapped(_metric, saved_weighted),
        loss_weights=training.get("loss_weights"),
        run_eagerly=run_eagerly,
    )
    if model.compiled is not None and extras is not None:
        model.compiled.flags = paired_flags(model, extras.compiled_trainable)


def _mapped(function: Any, structure: Any) -> Any:
    """Return the structure with `function` applied to each entry or name in it."""
    if isinstance(structure, Mapping) and "class_name" not in structure:
        return {key: _mapped(function, value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [_mapped(function, item) for item in structure]
    return None if structure is None else function(structure)


def _metric(entry: Any) -> Any:
    """Return what `compile` takes: a name as it was given, since the metric is called by it."""
    custom = active_custom_objects()
    if isinstance(entry, str) and entry not in custom:
        return entry
    return metrics.deserialize(entry, custom_objects=custom)


def _without_prefix(structure: Any, names: Sequence[str]) -> Any:
    """Return the metrics' entries without the output's name, which compiling prepends again."""
    nested = isinstance(structure, list) and all(isinstance(item, list) for item in structure)
    if not nested or len(names) < 2:
        return structure
    return [
        [_renamed(entry, f"{name}_") for entry in group]
        for name, group in zip(names, per_output(structure, names, "metrics"), strict=True)
    ]


def _renamed(entry: Any, prefix: str) -> Any:
    if not isinstance(entry, Mapping) or "config" not in entry:
        return entry
    config = entry["config"]
    name = str(config.get("name") or "")
    return {**entry, "config": {**config, "name": name.removeprefix(prefix)}}


def restore_optimizer(model: Trainer, state: ModelState) -> None:
    """Give the optimizer and the metrics of a model just compiled the state that was saved.

    The state of a legacy optimizer is left, with a warning: it starts afresh.

    Raises:
        OptimizerMismatch: if it does not fit.
    """
    compiled = model.compiled
    if compiled is None or state.training is None:
        return
    extras = state.extras or Extras()
    _restore_metrics(model, extras.metrics)
    optimizer = compiled.optimizer
    arrays = state.optimizer
    if arrays is not None and len(arrays) > 1:
        if _is_legacy(arrays):
            _LOGGER.warning(
                "%s: the file holds the state of a legacy optimizer, which is not read: its "
                "weights are, and the optimizer starts afresh",
                model.name,
            )
            return
        optimizer.build(_optimized(model, extras.optimized))
    _assign_optimizer(optimizer, arrays or (), extras.optimizer)


def _optimized(model: Trainer, places: Sequence[int]) -> list[Variable]:
    """Return the weights that the optimizer was built with: those that train, unless told."""
    weights = model.weights
    if any(not 0 <= place < len(weights) for place in places):
        raise OptimizerMismatch(
            f"model {model.name!r}: expected places of optimized weights below {len(weights)}, "
            f"found {sorted(places)}"
        )
    return [weights[place] for place in places] or model.trainable_weights


def _is_legacy(arrays: Sequence[NamedArray]) -> bool:
    return arrays[0].name.rpartition("/")[2].startswith("iter:")


def _assign_optimizer(
    optimizer: Optimizer, arrays: Sequence[NamedArray], outside: Mapping[str, np.ndarray]
) -> None:
    values = [array.value for array in _without_rate(arrays)]
    if len(values) == 1:
        # No slots: no step was taken, or Keras 3's SGD without momentum, which has none.
        optimizer.iterations.assign(values[0])
    elif values:
        shapes = [value.shape for value in values]
        expected = [variable.shape for variable in optimizer.variables]
        if shapes != expected:
            raise OptimizerMismatch(
                f"optimizer {optimizer.name!r}: expected state of shapes {expected}, "
                f"found {shapes}; "
                "load with compile=False to do without it"
            )
        optimizer.set_weights(values)
    known = optimizer.extra_state | {"learning_rate": optimizer.learning_rate}
    for name, value in outside.items():
        if name not in known:
            raise OptimizerMismatch(
                f"optimizer {optimizer.name!r}: expected one of {sorted(known)}, found {name!r}"
            )
        known[name].assign(value)


def _without_rate(arrays: Sequence[NamedArray]) -> Sequence[NamedArray]:
    """Return the state without the learning rate, which Keras 3 lists second."""
    if len(arrays) > 1 and arrays[1].name.endswith("learning_rate"):
        return [arrays[0], *arrays[2:]]
    return arrays


def _restore_metrics(model: Trainer, values: Sequence[np.ndarray]) -> None:
    """Make the metrics, whose shapes a saved file has settled, and give them their state."""
    compiled = model.compiled
    if compiled is None or not values:
        return
    names = model.output_names or ["output_1"]
    compiled.prepare(names, [((None,), (None,))] * len(names))
    variables = [variable for metric in compiled.metrics for variable in metric.variables]
    if [variable.shape for variable in variables] != [value.shape for value in values]:
        raise OptimizerMismatch(
            f"model {model.name!r}: expected metric state of shapes "
            f"{[variable.shape for variable in variables]}, found {[v.shape for v in values]}"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
