"""Exceptions of models that are used wrongly."""


class UnbuiltModel(ValueError):
    """The model's weights do not exist yet, so they cannot be read or saved."""


class UncompiledModel(RuntimeError):
    """Training or evaluation was called before `compile`."""


class EmptyLoop(ValueError):
    """There is no batch to run: no samples, or a batch size or number of epochs below 1."""


class DataMismatch(ValueError):
    """Inputs, targets or weights do not match each other or the model's outputs."""
