"""Masks: which steps of a sequence count, and how masks pass from layer to layer.

A mask is a tensor of booleans (batch, steps), True for steps that count. It is an attribute of the
tensor that it belongs to, as in tf_keras: `_keras_mask`.
Source: https://www.tensorflow.org/guide/keras/understanding_masking_and_padding.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Configured
from saveproof.reference_impl.nest import Nested, leaves, map_leaves
from saveproof.reference_impl.numerics.autodiff import Tensor, cast, max, multiply


class Masks(Configured):
    """The part of a layer that passes masks on.

    A layer passes the mask of its inputs on to its outputs if it sets `supports_masking`, or
    another one if its class defines `compute_mask`; otherwise the outputs have no mask. A `call`
    with an argument `mask` receives the mask of the inputs.
    """

    supports_masking = False

    def compute_mask(self, inputs: Nested, mask: Nested = None) -> Nested:  # noqa: ARG002 (for those that need them)
        """Return the mask of the outputs for inputs with that mask; None for no mask."""
        return mask if self.supports_masking else None

    def pass_mask(self, inputs: Nested, outputs: Nested, arguments: Mapping[str, Any]) -> None:
        """Set the masks of a call's outputs, unless all have one already."""
        mask = arguments["mask"] if "mask" in arguments else mask_of(inputs)
        if mask is None and type(self).compute_mask is Masks.compute_mask:
            return
        found = list(leaves(outputs))
        masks = None if all(map(_has_mask, found)) else self.compute_mask(inputs, mask)
        if masks is None:
            return
        for output, mask in zip(found, leaves(masks), strict=False):
            output._keras_mask = mask


def _has_mask(tensor: Any) -> bool:
    return getattr(tensor, "_keras_mask", None) is not None


def mask_of(inputs: Nested) -> Nested:
    """Return the mask of each tensor in the structure; None if none has a mask."""
    if isinstance(inputs, Tensor):
        return inputs._keras_mask
    masks = map_leaves(lambda tensor: getattr(tensor, "_keras_mask", None), inputs)
    return None if all(mask is None for mask in leaves(masks)) else masks


def masks_are_own(inputs: Nested, mask: Nested) -> bool:
    """Return whether a mask is that of the inputs, rather than another one given for them."""
    pairs = zip(leaves(mask), leaves(mask_of(inputs)), strict=False)
    return mask is not None and all(given is own for given, own in pairs)


def first_mask(mask: Nested) -> Tensor | None:
    """Return the mask of the first tensor, for inputs with further tensors such as states."""
    found = next(leaves(mask), None)
    return found if found is None or isinstance(found, Tensor) else Tensor(found)


def masks_in(mask: Nested, count: int) -> list[Tensor | None]:
    """Return the masks of the first `count` tensors in a list; None for those without one."""
    given = [] if mask is None else list(mask)[:count]
    return [first_mask(one) for one in (*given, *(None,) * (count - len(given)))]


def differing(x: Tensor, number: float) -> Tensor:
    """Return where the elements differ from a number."""
    return _known(x.value != np.asarray(number, x.dtype))


def any_along(flags: Tensor, axis: int) -> Tensor:
    """Return whether any flag along an axis is True."""
    return _known(max(cast(flags, np.float32), axis).value > 0.0)


def both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Return where two masks, which broadcast, are True; None stands for one that is all True."""
    if one is None or other is None:
        return other if one is None else one
    product = multiply(*(cast(mask, np.float32) for mask in (one, other)))
    return _known(product.value > 0.0)


def _known(found: Any) -> Tensor:
    """Return the result of a comparison as a tensor; it already is one while a graph is drawn."""
    return found if isinstance(found, Tensor) else Tensor(found)
