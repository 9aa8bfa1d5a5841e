"""`keras.models`: models, and functions that save, load and clone them."""

from saveproof.reference_impl.cloning import clone_model
from saveproof.reference_impl.model import Model, Sequential
from saveproof.reference_impl.saving.dialects.from_config import model_from_config, model_from_json
from saveproof.reference_impl.saving.model_files import load_model, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "save_model",
]
