"""The ways in which a model can be used wrongly."""


class UnbuiltModel(ValueError):
    """The model has no weights yet, so that they can't be asked for or saved."""


class UncompiledModel(RuntimeError):
    """The model was asked to train or evaluate before `compile`."""


class EmptyLoop(ValueError):
    """There would be no batch: no samples, no epochs, or none of them at a time."""


class DataMismatch(ValueError):
    """Inputs, targets or weights do not fit each other or the model's outputs."""
