"""Models, and how they are read, written and cloned."""

from reference_impl.models.cloning import clone_model
from reference_impl.models.model import Model
from reference_impl.models.sequential import Sequential
from reference_impl.saving import load_model, model_from_config, model_from_json, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "save_model",
]
