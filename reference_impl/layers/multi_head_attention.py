"""MultiHeadAttention."""

import math
from collections.abc import Mapping, Sequence
from string import ascii_lowercase as LETTERS
from typing import Any, ClassVar, Self

from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.layers.activation_layers import Softmax
from saveproof.reference_impl.layers.arguments import (
    CONSTRAINT,
    INITIALIZER,
    REGULARIZER,
    LayerArgumentError,
    at_least_one,
    items_of,
)
from saveproof.reference_impl.layers.attention import causal_mask
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.call_context import CallFrame, calling
from saveproof.reference_impl.layers.call_signature import by_name
from saveproof.reference_impl.layers.dropout import RATE, Dropout
from saveproof.reference_impl.layers.masks import both
from saveproof.reference_impl.layers.projection import EinsumDense
from saveproof.reference_impl.nest import Nested, Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, einsum

SHAPES = ("query_shape", "key_shape", "value_shape")

COMMON = (
    *("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
    *("activity_regularizer", "kernel_constraint", "bias_constraint"),
)
"""Arguments that the projections share."""


def _sizes(_: Layer, __: str, value: Any) -> tuple[int, ...] | None:
    found = [value] if isinstance(value, int) else items_of(value)
    return tuple(found) if found else None


def _value_dim(layer: Any, name: str, value: int | None) -> int:
    return at_least_one(layer, name, value) if value else layer.key_dim


ONE = Form(at_least_one)
SIZES = Form(_sizes, takes=int | Sequence[int] | None)


@configurable
class MultiHeadAttention(Layer):
    """Attention of several heads, each on projections of query, value and key of its own.

    query (batch, *T, features), value and key (batch, *S, features); the key is the value unless it
    is given. For each head: softmax(query' key'^T / sqrt(key_dim)) value', with query', key'
    and value' dense projections; a projection of all heads' results (batch, *T, features) follows.
    `attention_axes` are those that are attended over, by default all but the first and the last.
    Masks of query, value and key, `attention_mask` (batch, T, S) and a causal mask leave out pairs.
    Source: Vaswani et al. (2017); tf_keras MultiHeadAttention.
    """

    supports_masking = True
    in_keras_3: ClassVar[Mapping[str, str]] = {
        "_query_dense": "query_dense",
        "_key_dense": "key_dense",
        "_value_dense": "value_dense",
        "_output_dense": "output_dense",
    }

    num_heads: int = argument(ONE)  # type: ignore[misc]  # a base has activity_regularizer first
    key_dim: int = argument(ONE)  # type: ignore[misc]  # as num_heads
    value_dim: Any = argument(Form(_value_dim, takes=int | None), default=None)
    dropout: float = argument(RATE, default=0.0)
    use_bias: bool = True
    output_lengths: Any = argument(SIZES, default=None, alias="output_shape")
    attention_axes: Any = argument(SIZES, default=None)
    kernel_initializer: Any = argument(INITIALIZER, default="glorot_uniform")
    bias_initializer: Any = argument(INITIALIZER, default="zeros")
    kernel_regularizer: Any = argument(REGULARIZER, default=None)
    bias_regularizer: Any = argument(REGULARIZER, default=None)
    activity_regularizer: Any = argument(REGULARIZER, default=None)
    kernel_constraint: Any = argument(CONSTRAINT, default=None)
    bias_constraint: Any = argument(CONSTRAINT, default=None)
    softmax_robust_masking: bool = False
    shapes: Mapping[str, Shape | None] = attribute(default={})
    score_equation: str = attribute(default="")
    output_equation: str = attribute(default="")

    def __call__(self, inputs: Nested, *others: Any, **arguments: Any) -> Nested:
        """Compute the outputs for a query, a value and a key, of which the last is optional.

        Raises:
            LayerArgumentError: If there is no value.
        """
        named = by_name(others, self.positions(), arguments, where=f"layer {self.name!r}")
        if named.get("value") is None:
            raise LayerArgumentError(f"layer {self.name!r}: expected a query and a value")
        if not self.built:
            key = named["value"] if named.get("key") is None else named["key"]
            self.shapes = _shapes(inputs.shape, named["value"].shape, key.shape)
        return super().__call__(inputs, **named)

    def build(self, input_shape: Shape) -> None:
        """Create the projections.

        Raises:
            LayerArgumentError: If the shapes of query, value and key do not fit together.
        """
        given = self.shapes or _shapes(input_shape, input_shape, input_shape)
        query, key, value = (given[name] for name in SHAPES)
        if query is None or key is None or value is None or not 3 <= len(query) == len(value):
            raise LayerArgumentError(
                f"layer {self.name!r}: expected query and value of one rank, at least 3, found "
                f"{query} and {value}"
            )
        rank = len(query)
        self.attention_axes = self.attention_axes or tuple(range(1, rank - 1))
        scores = self._equations(rank)
        self._query_dense = self._heads("query", rank, self.key_dim)
        self._key_dense = self._heads("key", rank, self.key_dim)
        self._value_dense = self._heads("value", rank, self.value_dim)
        axes = tuple(range(len(scores) - len(self.attention_axes), len(scores)))
        self._softmax = Softmax(
            axes, robust_masking=self.softmax_robust_masking, dtype=self.dtype_policy
        )
        self._dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy)
        self._output_dense = self._joining(rank, self.output_lengths or query[-1:])
        heads = (*query[:-1], self.num_heads, self.value_dim)
        for layer, shape in (
            (self._query_dense, query),
            (self._key_dense, key),
            (self._value_dense, value),
            (self._output_dense, heads),
        ):
            with calling(CallFrame((*(self.built_scope or (self.name,)), layer.name))):
                layer.ensure_built(shape)
        self.shapes = given
        self.built = True

    def _equations(self, rank: int) -> str:
        """Set the equations of scores and outputs; return the letters of the scores.

        The heads' axis is the one before the last; keys have letters of their own on the axes that
        are attended over.
        """
        attended = [axis % (rank + 1) for axis in self.attention_axes]
        query = LETTERS[: rank + 1]
        fresh = iter(LETTERS[rank + 1 :])
        key = "".join(next(fresh) if a in attended else query[a] for a in range(rank + 1))
        batch = "".join(query[a] for a in range(rank) if a not in attended)
        scores = batch + "".join(one[a] for one in (query, key) for a in attended)
        self.score_equation = f"{key},{query}->{scores}"
        self.output_equation = f"{scores},{key}->{query}"
        return scores

    def _common(self) -> dict[str, Any]:
        config = self.get_config()
        return {name: config[name] for name in COMMON} | {"dtype": self.dtype_policy}

    def _heads(self, name: str, rank: int, width: int) -> EinsumDense:
        """Return the projection of the features to all heads."""
        free, bound, heads = LETTERS[: rank - 1], LETTERS[rank - 1], LETTERS[rank : rank + 2]
        return EinsumDense(
            f"{free}{bound},{bound}{heads}->{free}{heads}",
            output_shape=(*(None,) * (rank - 2), self.num_heads, width),
            bias_axes=heads if self.use_bias else None,
            name=name,
            **self._common(),
        )

    def _joining(self, rank: int, lengths: Sequence[int | None]) -> EinsumDense:
        """Return the projection of all heads to the outputs."""
        free, heads = LETTERS[: rank - 1], LETTERS[rank - 1 : rank + 1]
        made = LETTERS[rank + 1 : rank + 1 + len(lengths)]
        return EinsumDense(
            f"{free}{heads},{heads}{made}->{free}{made}",
            output_shape=(*(None,) * (rank - 2), *lengths),
            bias_axes=made if self.use_bias else None,
            name="attention_output",
            **self._common(),
        )

    def call(  # type: ignore[override]  # Keras's signature
        self,
        query: Tensor,
        value: Any,
        key: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,  # noqa: FBT001 (Keras's signature)
        training: bool = False,  # noqa: FBT001 (Keras's signature)
        use_causal_mask: bool = False,  # noqa: FBT001 (Keras's signature)
    ) -> Nested:
        """Return the outputs; also the weights (batch, heads, T, S) if they are asked for."""
        value = self._as_input(value)
        key = value if key is None else self._as_input(key)
        mask = self._mask(query, value, key, attention_mask, causal=use_causal_mask)
        queries = self._query_dense(query) * (1.0 / math.sqrt(float(self.key_dim)))
        keys, values = self._key_dense(key), self._value_dense(value)
        weights = self._softmax(
            einsum(self.score_equation, keys, queries), **self._given(mask, query.ndim)
        )
        dropped = self._dropout_layer(weights, training=training)
        outputs = self._output_dense(einsum(self.output_equation, dropped, values))
        return (outputs, weights) if return_attention_scores else outputs

    def _given(self, mask: Tensor | None, rank: int) -> dict[str, Tensor]:
        """Return the mask with axes of length 1 for what it lacks, first of all the heads."""
        if mask is None:
            return {}
        pairs = 2 * len(self.attention_axes)
        missing = rank + len(self.attention_axes) - mask.ndim
        places: Any = (..., *(None,) * missing, *(slice(None),) * pairs)
        return {"mask": mask[places]}

    def _mask(
        self, query: Tensor, value: Tensor, key: Tensor, given: Any, *, causal: bool
    ) -> Tensor | None:
        """Return which pairs (batch, T, S) count; None for all."""
        of_query, of_value, of_key = (x._keras_mask for x in (query, value, key))
        found = None if of_query is None else of_query[:, :, None]
        for mask in (of_value, of_key):
            found = both(found, None if mask is None else mask[:, None, :])
        if causal:
            found = both(found, causal_mask(query.shape[1], value.shape[1], where=self.name))
        return both(None if given is None else self._as_input(given), found)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the query, with the outputs' own last lengths."""
        return (*input_shape[:-1], *(self.output_lengths or input_shape[-1:]))

    def output_shape_of_call(self, input_shape: Nested, arguments: Mapping[str, Any]) -> Nested:
        """Return the shape of the outputs, and that of the weights if they are asked for."""
        found = self.compute_output_shape(input_shape)
        if not arguments.get("return_attention_scores"):
            return found
        value, attended = arguments["value"].shape, self.attention_axes
        batch = [size for a, size in enumerate(input_shape[:-1]) if a not in attended]
        steps = [shape[a] for shape in (input_shape, value) for a in attended]
        return [found, (*batch, self.num_heads, *steps)]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, and the shapes that the layer was built for."""
        known = {name: self.shapes.get(name) for name in SHAPES}
        return super().get_config() | known

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a layer from its configuration, with fresh weights if it knows the shapes."""
        shapes = {name: _shape_in(config.get(name)) for name in SHAPES}
        layer = cls(**{key: value for key, value in config.items() if key not in SHAPES})
        query = shapes["query_shape"]
        if query is not None and None not in shapes.values():
            layer.shapes = shapes
            layer.ensure_built(query)
        return layer


def _shapes(query: Shape, value: Shape, key: Shape) -> dict[str, Shape | None]:
    return {"query_shape": tuple(query), "key_shape": tuple(key), "value_shape": tuple(value)}


def _shape_in(given: Any) -> Shape | None:
    """Return a shape in a configuration; tf_keras writes a TensorShape with items in HDF5."""
    found = given.get("items") if isinstance(given, Mapping) else given
    return None if found is None else tuple(found)
