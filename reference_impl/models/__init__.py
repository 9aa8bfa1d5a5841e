"""Models, and how they are read, written and cloned."""

from saveproof.reference_impl.models.cloning import clone_model
from saveproof.reference_impl.models.model import Model
from saveproof.reference_impl.models.sequential import Sequential
from saveproof.reference_impl.saving import (
    load_model,
    model_from_config,
    model_from_json,
    save_model,
)

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "save_model",
]
