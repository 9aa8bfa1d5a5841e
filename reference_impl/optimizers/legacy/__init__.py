"""The optimizers of Keras 2.0 to TensorFlow 2.10, whose state old files contain.

Their formulas are those of the current optimizers unless a class says otherwise. Source:
tf_keras's `optimizers.legacy`, and https://www.tensorflow.org/api_docs/python/tf/raw_ops for
updates that are a single operation.
"""

from saveproof.reference_impl.catalogue import Catalogue
from saveproof.reference_impl.optimizers.legacy.adagrad import Adadelta, Adagrad, RMSprop
from saveproof.reference_impl.optimizers.legacy.adam import Adam, Adamax
from saveproof.reference_impl.optimizers.legacy.nadam import Nadam
from saveproof.reference_impl.optimizers.legacy.optimizer import LegacyOptimizer
from saveproof.reference_impl.optimizers.legacy.sgd import SGD

__all__ = [
    "LEGACY_OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "LegacyOptimizer",
    "Nadam",
    "RMSprop",
]

LEGACY_OPTIMIZERS: Catalogue[LegacyOptimizer] = Catalogue(
    kind="legacy optimizer",
    module="keras.optimizers.legacy",
    entries={
        "SGD": SGD,
        "RMSprop": RMSprop,
        "Adam": Adam,
        "Adamax": Adamax,
        "Nadam": Nadam,
        "Adagrad": Adagrad,
        "Adadelta": Adadelta,
    },
)
