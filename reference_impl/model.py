"""The public `Model` and `Sequential`: where models and their files meet."""

from saveproof.reference_impl.engine import model, sequential
from saveproof.reference_impl.layers import LAYERS
from saveproof.reference_impl.layers.serialization import register_built_in
from saveproof.reference_impl.saving import model_files
from saveproof.reference_impl.saving.checkpoint.checkpoints import LoadStatus
from saveproof.reference_impl.saving.savedmodel import revived
from saveproof.reference_impl.targets import Target


class Model(model.Model):
    """A functional model, made of `inputs` and `outputs`, or a subclass that states `call`.

    Args:
        inputs: symbolic tensors of `keras.Input`, one or nested; none for a subclassed model.
        outputs: symbolic tensors computed from them.
        name: by default `model`, `model_1`…, or from the name of the subclass.
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
        """Write the whole model to a file: see `model_files.save_model`."""
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
        """Write the weights to a file: see `model_files.save_weights`."""
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
        """Read weights from a file, all or none: see `model_files.load_weights`."""
        return model_files.load_weights(
            self, filepath, by_name=by_name, skip_mismatch=skip_mismatch
        )


class Sequential(sequential.Sequential, Model):
    """A stack of layers with one input and one output each.

    The input's shape is known from an `InputLayer` or `keras.Input` in front, from the first
    layer's `input_shape`, or from the first data that the model is called on.
    """


class Revived(revived.Revived, Model):
    """A subclassed model that came back from a SavedModel without its class."""


register_built_in(
    {
        **LAYERS,
        "Functional": Model,
        "Model": Model,
        "Revived": Revived,
        "Sequential": Sequential,
    }
)
