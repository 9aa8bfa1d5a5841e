"""Bidirectional: two recurrent layers over the same steps in opposite directions."""

from collections.abc import Callable, Mapping
from typing import Any, Self

from saveproof.reference_impl.layers.arguments import LayerArgumentError
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.call_context import CallFrame, calling
from saveproof.reference_impl.layers.masks import first_mask
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.layers.serialization import Entry, complete_entry, deserialize_layer
from saveproof.reference_impl.nest import Nested, Shape, is_shape
from saveproof.reference_impl.numerics.autodiff import Tensor, add, concatenate, multiply

FORWARD, BACKWARD = "forward_", "backward_"

ALIKE = ("return_sequences", "return_state", "stateful")
"""Arguments that must be equal in both layers."""


def _joined(forward: Tensor, backward: Tensor) -> Tensor:
    return concatenate([forward, backward])


def _mean(forward: Tensor, backward: Tensor) -> Tensor:
    return add(forward, backward) / 2.0


MERGED: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ave": _mean,
    "concat": _joined,
    "mul": multiply,
    "sum": add,
}
"""Functions that merge the two outputs, by `merge_mode`."""


class Bidirectional(Layer):
    """Two recurrent layers over x (batch, steps, features), whose outputs are merged.

    Both are new layers: the forward layer from the configuration of `layer`, the backward one from
    that of `backward_layer` or, without it, from that of `layer` with `go_backwards` inverted.
    Sequences from the backward layer are reversed into the order of the steps. With
    `merge_mode=None` the two outputs are returned as a list. The input may be a list: x, then the
    initial states of the forward layer, then those of the backward one.
    Both receive the mask of x; steps that it leaves out have zeros in sequences.
    Source: Schuster and Paliwal (1997).

    The layers' names get the prefixes `forward_` and `backward_` unless they already have them, as
    in files of Keras 3.
    """

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: None = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if weights is not None:
            raise LayerArgumentError(
                f"layer {self.name!r}: weights: expected none, found a list; use set_weights()"
            )
        if merge_mode is not None and merge_mode not in MERGED:
            raise LayerArgumentError(
                f"layer {self.name!r}: merge_mode: expected one of {sorted(MERGED)} or None, found "
                f"{merge_mode!r}"
            )
        self.merge_mode = merge_mode
        self.forward_layer = self._copy(layer, FORWARD)
        self.backward_layer = mirrored = self._copy(layer, BACKWARD, turned=True)
        given = mirrored if backward_layer is None else self._copy(backward_layer, BACKWARD)
        pair: Any = (layer, backward_layer or layer)
        self._zeros_given = [one.zero_output_for_mask for one in pair]
        self.mirrored = given.get_config() == mirrored.get_config()
        if not self.mirrored:
            self.backward_layer = given
        self._check_alike()
        self.stateful = self.forward_layer.stateful

    def _copy(self, layer: Any, prefix: str, *, turned: bool = False) -> Recurrent:
        if not isinstance(layer, Recurrent):
            raise LayerArgumentError(
                f"layer {self.name!r}: expected a recurrent layer to wrap, found {layer!r}"
            )
        config = layer.get_config()
        config["name"] = prefix + layer.name.removeprefix(prefix)
        config["go_backwards"] = layer.go_backwards is not turned
        found: Recurrent = type(layer).from_config(config)
        # tf_keras also sets it on its copies, and keeps what was given for the configuration.
        found.zero_output_for_mask = layer.return_sequences
        return found

    def _check_alike(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        other = [name for name in ALIKE if getattr(forward, name) != getattr(backward, name)]
        if other or forward.go_backwards == backward.go_backwards:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected a backward_layer with opposite go_backwards and "
                f"equal {', '.join(ALIKE)}; found different {', '.join(other) or 'none'}, "
                f"go_backwards {forward.go_backwards} and {backward.go_backwards}"
            )

    def build(self, input_shape: Nested) -> None:
        """Build both layers."""
        self.compute_output_shape(input_shape)
        shape = input_shape if is_shape(input_shape) else input_shape[0]
        for layer in (self.forward_layer, self.backward_layer):
            with calling(CallFrame((*(self.built_scope or (self.name,)), layer.name))):
                layer.ensure_built(shape)
        self.built = True

    def call(self, inputs: Nested, mask: Nested = None, training: bool = False) -> Nested:  # noqa: FBT001 (Keras's signature)
        """Return the merged outputs; with `return_state` a list with both layers' states."""
        kept = first_mask(mask)
        x, *states = inputs if isinstance(inputs, list | tuple) else [inputs]
        half = len(states) // 2
        found = [
            layer([x, *initial] if initial else x, mask=kept, training=training)
            for layer, initial in (
                (self.forward_layer, states[:half]),
                (self.backward_layer, states[half:]),
            )
        ]
        after: list[Tensor] = []
        if self.forward_layer.return_state:
            after = [state for outputs in found for state in outputs[1:]]
            found = [outputs[0] for outputs in found]
        forward, backward = found
        if self.forward_layer.return_sequences:
            backward = backward[:, ::-1]
        if self.merge_mode is None:
            return [forward, backward, *after]
        merged = MERGED[self.merge_mode](forward, backward)
        return [merged, *after] if after else merged

    def compute_mask(self, inputs: Nested, mask: Nested = None) -> Nested:  # noqa: ARG002 (Layer's signature)
        """Return the mask for sequences; without a merge mode, or with states, a list."""
        kept = first_mask(mask) if self.forward_layer.return_sequences else None
        outputs = [kept] if self.merge_mode else [kept, kept]
        return outputs if len(outputs) > 1 or self.forward_layer.return_state else kept

    def compute_output_shape(self, input_shape: Nested) -> Nested:
        """Return the shape of the merged outputs; with `return_state` a list with the states'."""
        shape = input_shape if is_shape(input_shape) else input_shape[0]
        found = [
            layer.compute_output_shape(shape) for layer in (self.forward_layer, self.backward_layer)
        ]
        after: list[Shape] = []
        if self.forward_layer.return_state:
            after = [state for shapes in found for state in shapes[1:]]
            found = [shapes[0] for shapes in found]
        forward, backward = found
        if self.merge_mode is None:
            return [forward, backward, *after]
        if self.merge_mode == "concat":
            forward = (*forward[:-1], forward[-1] + backward[-1])
        return [forward, *after] if after else forward

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        config = super().get_config() | {
            "layer": _entry(self.forward_layer, FORWARD, zeros=self._zeros_given[0]),
            "merge_mode": self.merge_mode,
        }
        if not self.mirrored:
            backward = _entry(self.backward_layer, BACKWARD, zeros=self._zeros_given[1])
            config["backward_layer"] = backward
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a layer from its configuration, with fresh weights."""
        layers = {
            name: deserialize_layer(config[name])
            for name in ("layer", "backward_layer")
            if config.get(name) is not None
        }
        return cls(**{**config, **layers})


def _entry(layer: Recurrent, prefix: str, *, zeros: bool) -> Entry:
    config = layer.get_config()
    config.pop("zero_output_for_mask", None)
    config |= {"zero_output_for_mask": True} if zeros else {}
    config["name"] = config["name"].removeprefix(prefix)
    return complete_entry(layer) | {"config": config}
