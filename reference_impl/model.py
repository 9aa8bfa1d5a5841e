"""The public `Model` and `Sequential`: models with the methods that save and load files."""

from saveproof.reference_impl.engine import model, sequential
from saveproof.reference_impl.layers import LAYERS
from saveproof.reference_impl.layers.serialization import register_built_in
from saveproof.reference_impl.saving import model_files
from saveproof.reference_impl.saving.checkpoint.checkpoints import LoadStatus
from saveproof.reference_impl.saving.savedmodel import revived
from saveproof.reference_impl.targets import Target


class Model(model.Model):
    """A functional model from `inputs` to `outputs`, or a subclass that defines `call`.

    Args:
        inputs: symbolic tensors made by `keras.Input`, one or nested; omit for a subclassed model.
        outputs: symbolic tensors computed from the inputs.
        name: by default `model`, `model_1`…, or the subclass's name in snake case.
    """

    def save(
        self,
        filepath: Target,
        overwrite: bool = True,  # noqa: FBT001 (Keras's signature)
        include_optimizer: bool = True,  # noqa: FBT001 (Keras's signature)
        save_format: str | None = None,
        *,
        dialect: str | None = None,
    ) -> None:
        """Save the whole model to a file; see `model_files.save_model`."""
        model_files.save_model(
            self,
            filepath,
            overwrite=overwrite,
            include_optimizer=include_optimizer,
            save_format=save_format,
            dialect=dialect,
        )

    def save_weights(
        self,
        filepath: Target,
        overwrite: bool = True,  # noqa: FBT001 (Keras's signature)
        save_format: str | None = None,
        *,
        dialect: str | None = None,
    ) -> None:
        """Save the weights to a file; see `model_files.save_weights`."""
        model_files.save_weights(
            self, filepath, overwrite=overwrite, save_format=save_format, dialect=dialect
        )

    def load_weights(
        self,
        filepath: Target,
        by_name: bool = False,  # noqa: FBT001 (Keras's signature)
        *,
        skip_mismatch: bool = False,
    ) -> LoadStatus | None:
        """Load weights from a file; on any error none changes. See `model_files.load_weights`."""
        return model_files.load_weights(
            self, filepath, by_name=by_name, skip_mismatch=skip_mismatch
        )


class Sequential(sequential.Sequential, Model):
    """A stack of layers, each with one input and one output.

    An `InputLayer` or `keras.Input` in front, the first layer's `input_shape`, or the first call
    on data sets the shape of the input.
    """


class Revived(revived.Revived, Model):
    """A subclassed model loaded from a SavedModel without its class."""


register_built_in(
    {
        **LAYERS,
        "Functional": Model,
        "Model": Model,
        "Revived": Revived,
        "Sequential": Sequential,
    }
)
