"""TimeDistributed: a layer applied to every step of a sequence."""

import math
from collections.abc import Sequence
from typing import Any, Self

from saveproof.reference_impl.layers.arguments import LayerArgumentError, UnsupportedArgumentError
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.call_context import CallFrame, calling
from saveproof.reference_impl.layers.call_signature import takes_mask
from saveproof.reference_impl.layers.masks import any_along, first_mask
from saveproof.reference_impl.layers.serialization import complete_entry, deserialize_layer
from saveproof.reference_impl.nest import Nested, Shape, leaves, map_leaves, map_shapes, shapes_in
from saveproof.reference_impl.numerics.autodiff import Tensor, reshape


class TimeDistributed(Layer):
    """The wrapped layer applied to each step of x (batch, steps, …), with the same weights.

    All steps of all samples are one batch for the wrapped layer. Its weights have the name of this
    layer, as in tf_keras.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise LayerArgumentError(
                f"layer {self.name!r}: expected a layer to wrap, found {layer!r:.80}"
            )
        if layer.stateful:
            raise UnsupportedArgumentError(
                f"layer {self.name!r}: layer {layer.name!r} is stateful, which is not supported: "
                "the steps are one batch"
            )
        self.layer = layer

    def build(self, input_shape: Nested) -> None:
        """Build the wrapped layer for one step.

        Raises:
            LayerArgumentError: If the input has fewer than three axes.
        """
        if any(len(shape) < 3 for shape in shapes_in(input_shape)):
            raise LayerArgumentError(
                f"layer {self.name!r}: expected an input of shape (batch, steps, …, features), "
                f"found {input_shape}"
            )
        with calling(CallFrame(self.built_scope or (self.name,))):
            self.layer.ensure_built(map_shapes(_of_step, input_shape))
        self.built = True

    def call(self, inputs: Nested, mask: Nested = None) -> Nested:
        """Return the outputs of the wrapped layer for each step."""
        steps = next(leaves(inputs)).shape[:2]
        kept = first_mask(mask)
        flat = None if kept is None else as_one_batch(kept)
        outputs = self.on_steps(map_leaves(as_one_batch, inputs), flat)
        return map_leaves(lambda output: _split(output, steps), outputs)

    def on_steps(self, flat: Nested, mask: Tensor | None) -> Nested:
        """Return the outputs for inputs and a mask (batch * steps, …)."""
        given = {} if mask is None or not takes_mask(type(self.layer).call) else {"mask": mask}
        return self.layer(flat, **given)

    def compute_mask(self, inputs: Nested, mask: Nested = None) -> Tensor | None:
        """Return the mask of the wrapped layer for each step, or that of the steps."""
        x, kept = next(leaves(inputs)), first_mask(mask)
        inner = None if kept is None else as_one_batch(kept)
        found = self.layer.compute_mask(map_leaves(as_one_batch, inputs), inner)
        if isinstance(found, Tensor) and found is not inner:
            return _split(found, x.shape[:2])
        while kept is not None and kept.ndim > 2:
            kept = any_along(kept, -1)
        return kept

    def compute_output_shape(self, input_shape: Nested) -> Nested:
        """Return the shapes of the wrapped layer's outputs, with the steps."""
        steps = shapes_in(input_shape)[0][1]
        found = self.layer.compute_output_shape(map_shapes(_of_step, input_shape))
        return map_shapes(lambda shape: (shape[0], steps, *shape[1:]), found)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {"layer": complete_entry(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a layer from its configuration, with fresh weights."""
        return cls(**{**config, "layer": deserialize_layer(config["layer"])})


def _of_step(shape: Shape) -> Shape:
    return (shape[0], *shape[2:])


def as_one_batch(x: Tensor) -> Tensor:
    """Return x (batch, steps, …) as (batch * steps, …)."""
    known = None not in x.shape[:2]
    return reshape(x, (math.prod(x.shape[:2]) if known else -1, *x.shape[2:]))


def _split(x: Tensor, steps: Sequence[int | None]) -> Tensor:
    """Return x (batch * steps, …) as (batch, steps, …)."""
    sizes: Any = (-1 if size is None else size for size in steps)
    return reshape(x, (*sizes, *x.shape[1:]))
