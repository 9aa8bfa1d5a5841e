"""Saving and loading of HDF5 files of models and weights, in Keras 2's layout."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.saving.dialects.dialect import VERSIONS, Dialect, dialect_of_version
from saveproof.reference_impl.saving.format import FormatNotOffered, SaveOptions
from saveproof.reference_impl.saving.hdf5 import reader, writer
from saveproof.reference_impl.saving.hdf5.dialect_states import (
    from_dialect,
    keras_2_state,
    keras_3_state,
    keras_3_weights,
)
from saveproof.reference_impl.saving.hdf5.parts import opened
from saveproof.reference_impl.saving.hdf5.weights_h5 import load_tree
from saveproof.reference_impl.saving.hdf5.weights_tree import WeightsTree, read_tree
from saveproof.reference_impl.saving.model_state import capture
from saveproof.reference_impl.saving.model_state.assignments import commit
from saveproof.reference_impl.saving.model_state.capture import check_complete, weights_state
from saveproof.reference_impl.saving.model_state.restore import (
    fitting,
    fitting_by_name,
    model_from_state,
)
from saveproof.reference_impl.state import WeightsState


def check_graph(model: Model) -> None:
    """Check that a model is functional and has all its weights.

    Raises:
        UnbuiltModel: if weights may be missing.
        NotImplementedError: if it is a subclassed model.
    """
    check_complete(model)
    if model.graph is None:
        raise NotImplementedError(
            f"model {model.name!r}: HDF5 stores only functional and sequential models; a "
            "subclassed model is defined by its code: use save_weights() instead"
        )


def save_model(model: Model, target: Path, options: SaveOptions) -> None:
    """Write a whole model."""
    state = capture.model_state(model, include_optimizer=options.include_optimizer)
    in_words = keras_3_state if options.dialect is Dialect.KERAS else keras_2_state
    writer.write_model(in_words(model, state), target)


def load_model(
    source: Path, *, custom_objects: Mapping[str, Any] | None, compile_it: bool
) -> Trainer:
    """Return the model in a file of either dialect."""
    state = reader.read_model(source)
    dialect = dialect_of_version(state.keras_version)
    state = from_dialect(state, dialect, state.architecture, state.training)
    return model_from_state(state, custom_objects=custom_objects, compile_it=compile_it)


def save_weights(model: Model, target: Path, options: SaveOptions) -> None:
    """Write the weights, layer by layer."""
    state, dialect = weights_state(model), options.dialect or Dialect.TF_KERAS
    if dialect is Dialect.KERAS:
        state = keras_3_weights(state)
    writer.write_weights(state, target, keras_version=VERSIONS[dialect])


def load_weights(model: Trainer, source: Path, *, by_name: bool, skip_mismatch: bool) -> None:
    """Load weights into the model, all or none after an error, also in `.weights.h5`'s layout.

    Raises:
        FormatNotOffered: for `skip_mismatch` without `by_name`.
        WeightsMismatch: if a layer's weights do not match.
    """
    held = _weights_in(source)
    if isinstance(held, WeightsTree):
        load_tree(model, held, source, by_name=by_name, skip_mismatch=skip_mismatch)
    elif by_name:
        commit(fitting_by_name(model, held, skip_mismatch=skip_mismatch))
    elif skip_mismatch:
        raise FormatNotOffered(
            f"{source}: skip_mismatch requires by_name=True; otherwise layers are matched in order"
        )
    else:
        commit(fitting(model, held))


def _weights_in(source: Path) -> WeightsTree | WeightsState:
    with opened(source) as root:
        return read_tree(root) if reader.holds_tree(root) else reader.read_weights(root)
