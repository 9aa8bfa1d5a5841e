"""Masking: a mask of the steps whose features are not all one value."""

from saveproof.reference_impl.fields import configurable
from saveproof.reference_impl.layers.activation_layers import Elementwise
from saveproof.reference_impl.layers.masks import any_along, differing
from saveproof.reference_impl.nest import Nested
from saveproof.reference_impl.numerics.autodiff import Tensor, cast


@configurable
class Masking(Elementwise):
    """Zeros and a mask for each step of x (batch, steps, …, features) that is all `mask_value`."""

    mask_value: float = 0.0

    def compute_mask(self, inputs: Tensor, mask: Nested = None) -> Tensor:  # noqa: ARG002 (Layer's signature)
        """Return where a feature differs from `mask_value`, (batch, steps, …)."""
        return any_along(differing(inputs, self.mask_value), -1)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs with zeros at steps that do not count, and with the mask."""
        kept = self.compute_mask(inputs)
        outputs = inputs * cast(kept, inputs.dtype)[..., None]
        outputs._keras_mask = kept
        return outputs
