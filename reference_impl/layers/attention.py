"""Attention: means of values, weighted by how well keys match queries."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.layers.arguments import ONLY_IF_SET, LayerArgumentError, one_of, where
from saveproof.reference_impl.layers.dropout import RATE
from saveproof.reference_impl.layers.masks import both, masks_in
from saveproof.reference_impl.layers.randomness import RandomLayer
from saveproof.reference_impl.nest import Nested, Shape, is_shape
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    Variable,
    cast,
    matmul,
    multiply,
    softmax,
    sum,
    tanh,
    transpose,
)

SCORE_MODES = ("concat", "dot")


def _score_mode(layer: Any, name: str, value: str) -> str:
    return one_of(value, SCORE_MODES, where(layer, name))


@configurable
class Attention(RandomLayer):
    """softmax(scores) @ value for a list of query, value and, unless it is the value, key.

    query (batch, T, features), value and key (batch, S, features). Scores (batch, T, S) are
    query @ key^T, or sums over the features of tanh(query + key) with `score_mode="concat"`.
    Scores of steps that the value's mask leaves out are low; outputs that the query's mask leaves
    out are 0. Dropout acts on the weights after the softmax. Source: Luong et al. (2015).
    """

    takes_list = True

    use_scale: bool = False
    score_mode: str = argument(Form(_score_mode), default="dot")
    _: KW_ONLY
    dropout: float = argument(RATE, default=0.0)
    causal: bool = argument(ONLY_IF_SET, default=False)
    seed: int | None = argument(Form(optional=True), default=None)
    scale: Variable | None = attribute(default=None)
    concat_score_weight: Variable | None = attribute(default=None)

    def __post_init__(self) -> None:
        if self.dropout:
            super().__post_init__()

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Create the scale and the weight of the scores, single numbers, if they are used.

        Raises:
            LayerArgumentError: If the inputs are not a list of two or three.
        """
        self.compute_output_shape(input_shape)
        if self.use_scale:
            self.scale = self.add_weight("scale", (), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                "concat_score_weight", (), initializer="ones"
            )
        self.built = True

    def call(
        self,
        inputs: Sequence[Tensor],
        mask: Nested = None,
        training: bool = False,  # noqa: FBT001 (Keras's signature)
        return_attention_scores: bool = False,  # noqa: FBT001 (Keras's signature)
        use_causal_mask: bool = False,  # noqa: FBT001 (Keras's signature)
    ) -> Nested:
        """Return the outputs (batch, T, features); also the weights if they are asked for."""
        query, value, key = (*inputs, inputs[1])[:3]
        of_query, of_value = masks_in(mask, 2)
        scores = self._scores(query, key)
        kept = None if of_value is None else of_value[:, None, :]
        if self.causal or use_causal_mask:
            kept = both(kept, causal_mask(query.shape[1], value.shape[1], where=self.name))
        if kept is not None:
            low = 65504.0 if scores.dtype == np.float16 else 1e9
            scores = scores - (1.0 - cast(kept, scores.dtype)) * low
        weights = softmax(scores)
        if training and self.dropout:
            weights = self._dropped(weights)
        outputs = matmul(weights, value)
        if of_query is not None:
            outputs = outputs * cast(of_query[:, :, None], outputs.dtype)
        return (outputs, weights) if return_attention_scores else outputs

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        if self.concat_score_weight is None:
            scores = matmul(query, transpose(key, (0, 2, 1)))
            return scores if self.scale is None else scores * cast(self.scale, scores.dtype)
        pairs = query[:, :, None, :] + key[:, None, :, :]
        if self.scale is not None:
            pairs = cast(self.scale, pairs.dtype) * pairs
        return cast(self.concat_score_weight, pairs.dtype) * sum(tanh(pairs), -1)

    def _dropped(self, weights: Tensor) -> Tensor:
        keep = 1 - self.dropout
        kept = self.drawn(lambda generator: generator.bernoulli(keep, weights.shape))
        scale = weights.dtype.type(1 / keep if keep else 0.0)
        return multiply(weights, kept.astype(weights.dtype) * scale)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Nested = None) -> Tensor | None:  # noqa: ARG002 (Layer's signature)
        """Return the mask of the query."""
        return masks_in(mask, 2)[0]

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the query, with the value's number of features.

        Raises:
            LayerArgumentError: If the inputs are not a list of two or three.
        """
        if is_shape(input_shape) or len(input_shape) not in (2, 3):
            raise LayerArgumentError(
                f"layer {self.name!r}: expected a list [query, value] or [query, value, key], "
                f"found shapes {input_shape}"
            )
        return (*input_shape[0][:-1], input_shape[1][-1])

    def output_shape_of_call(self, input_shape: Nested, arguments: Any) -> Nested:
        """Return the shape of the outputs, and that of the weights if they are asked for."""
        found = self.compute_output_shape(input_shape)
        if not arguments.get("return_attention_scores"):
            return found
        return [found, (found[0], found[1], input_shape[1][1])]


def causal_mask(queries: int | None, values: int | None, *, where: str) -> Tensor:
    """Return which values (1, T, S) each query may see: those at its own step and before.

    Raises:
        LayerArgumentError: naming the layer `where`, if a length is open, as in a graph.
    """
    if queries is None or values is None:
        raise LayerArgumentError(
            f"layer {where!r}: use_causal_mask=True needs known numbers of steps in a SavedModel; "
            "give them to Input, or save as HDF5 or '.keras'"
        )
    return Tensor(np.tri(queries, values, dtype=bool)[None])
