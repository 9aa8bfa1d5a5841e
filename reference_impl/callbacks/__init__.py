"""`keras.callbacks`: what `fit` calls as it trains."""

from saveproof.reference_impl.callbacks.checkpoints import ModelCheckpoint
from saveproof.reference_impl.engine.callbacks import Callback, CallbackList, History

__all__ = ["Callback", "CallbackList", "History", "ModelCheckpoint"]
