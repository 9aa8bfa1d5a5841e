"""`keras.callbacks`: what `fit` calls as it trains."""

from saveproof.reference_impl.callbacks.backup import BackupAndRestore
from saveproof.reference_impl.callbacks.checkpoints import ModelCheckpoint
from saveproof.reference_impl.callbacks.csv_log import CSVLogger
from saveproof.reference_impl.callbacks.learning_rates import (
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from saveproof.reference_impl.callbacks.stopping import EarlyStopping
from saveproof.reference_impl.engine.callbacks import Callback, CallbackList, History
from saveproof.reference_impl.keras_names import refusing

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
]

__getattr__ = refusing("callbacks", __all__)
