"""The creation of a layer's weights."""

from collections.abc import Sequence
from typing import Any

from saveproof.reference_impl import constraints, initializers, regularizers
from saveproof.reference_impl.layers.arguments import shape_of
from saveproof.reference_impl.layers.policy import is_floating
from saveproof.reference_impl.layers.tracking import Tracking
from saveproof.reference_impl.limits import check_size
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.plain import with_plain_arguments


class WeightCreation(Tracking):
    """The part of a layer that creates weights."""

    dtype: Any
    built_scope: tuple[str, ...]

    @with_plain_arguments()
    def add_weight(
        self,
        name: str | None = None,
        shape: Sequence[int] | None = None,
        *,
        initializer: Any = None,
        regularizer: Any = None,
        constraint: Any = None,
        trainable: bool = True,
        dtype: str | None = None,
    ) -> Variable:
        """Create a weight, named `<layer>/<name>:0`, and return it."""
        dtype = dtype or self.dtype
        default = "glorot_uniform" if is_floating(dtype) else "zeros"
        made: Any = initializers.get(initializer or default)
        scope = self.built_scope or (self.name,)
        where = f"layer {self.name!r}: weight {name!r}"
        sizes = shape_of(() if shape is None else shape, f"{where}: shape", unknown=())
        check_size(sizes, dtype, where=where)
        variable = Variable(
            made(sizes, dtype=dtype),
            name="/".join((*scope, name or "variable")) + ":0",
            trainable=trainable,
            constraint=constraints.get(constraint),
            regularizer=regularizers.get(regularizer),
        )
        self._own_weights.append(variable)
        return variable

    def add_weight_of(
        self, role: str, shape: Sequence[int | None], *, name: str | None = None, **options: Any
    ) -> Variable:
        """Create a weight with the layer's initializer, regularizer and constraint for its role.

        Args:
            role: the prefix of these arguments, such as `kernel` in `kernel_initializer`.
            shape: of the weight, without open lengths.
            name: of the weight, by default the role.
            options: further arguments of `add_weight`.
        """
        parts = ("initializer", "regularizer", "constraint")
        given = {part: getattr(self, f"{role}_{part}", None) for part in parts}
        sizes: Any = tuple(shape)
        return self.add_weight(name or role, sizes, **{**given, **options})
