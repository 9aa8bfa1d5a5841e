"""Recurrent: the base class of recurrent layers."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import numpy as np

from saveproof.reference_impl import initializers
from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.layers.arguments import (
    ACTIVATION,
    CONSTRAINT,
    INITIALIZER,
    ONLY_IF_SET,
    REGULARIZER,
    LayerArgumentError,
    UnsupportedArgumentError,
    at_least_one,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.masks import first_mask
from saveproof.reference_impl.limits import check_size
from saveproof.reference_impl.nest import Nested, Shape, is_shape, leaves
from saveproof.reference_impl.numerics.autodiff import (
    Operand,
    Tensor,
    Variable,
    cast,
    matmul,
    multiply,
    stack,
)
from saveproof.reference_impl.numerics.autodiff import where as chosen
from saveproof.reference_impl.random import Generator, process_generator


def _not_time_major(layer: Layer, name: str, value: bool) -> bool:  # noqa: FBT001 (what is given)
    if value:
        raise UnsupportedArgumentError(
            f"layer {layer.name!r}: {name}=True is not supported; "
            "give inputs as (batch, steps, features)"
        )
    return value


SHARE = Form(lambda _, __, value: min(1.0, max(0.0, value)))


@configurable
class Recurrent(Layer):
    """A cell applied to each step of x (batch, steps, features) in turn, with its states.

    Weights: kernel (features, gates * units), recurrent_kernel (units, gates * units) and
    bias (gates * units,). The input may be a list: x and the initial states. With `stateful` a
    batch starts from the final states of the previous batch; they are part of the model's state,
    but not weights. `dropout` and `recurrent_dropout` draw one mask per call for the input's
    features and one for the state, used in all steps (tf_keras draws one per gate if
    implementation is 1).
    A step that the mask leaves out changes no state; its output is the previous one, at first
    zeros, and always zeros with `zero_output_for_mask`.
    `unroll` and `implementation` have no effect; the config contains them.
    """

    cell_name: ClassVar[str]
    gates = 1
    state_count = 1

    units: int = argument(Form(at_least_one))
    activation: Any = argument(ACTIVATION, default="tanh")
    _: KW_ONLY
    use_bias: bool = True
    kernel_initializer: Any = argument(INITIALIZER, default="glorot_uniform")
    recurrent_initializer: Any = argument(INITIALIZER, default="orthogonal")
    bias_initializer: Any = argument(INITIALIZER, default="zeros")
    kernel_regularizer: Any = argument(REGULARIZER, default=None)
    recurrent_regularizer: Any = argument(REGULARIZER, default=None)
    bias_regularizer: Any = argument(REGULARIZER, default=None)
    activity_regularizer: Any = argument(REGULARIZER, default=None)
    kernel_constraint: Any = argument(CONSTRAINT, default=None)
    recurrent_constraint: Any = argument(CONSTRAINT, default=None)
    bias_constraint: Any = argument(CONSTRAINT, default=None)
    dropout: float = argument(SHARE, default=0.0)
    recurrent_dropout: float = argument(SHARE, default=0.0)
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    time_major: bool = argument(Form(_not_time_major), default=False)
    zero_output_for_mask: bool = argument(ONLY_IF_SET, default=False)
    bias: Variable | None = attribute(default=None)
    first_in_config = (
        *(*Layer.first_in_config, "return_sequences", "return_state", "go_backwards", "stateful"),
        *("unroll", "time_major"),
    )

    def __post_init__(self) -> None:
        self.states: list[Variable] = []
        if self.dropout or self.recurrent_dropout:
            first = Generator(process_generator().seed()).state
            self.generator_state = self.add_state("seed_generator_state", first)

    @property
    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _initial_bias(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        initializer = self.bias_initializer or initializers.GlorotUniform()
        return np.asarray(initializer(shape, dtype=dtype))

    def build(self, input_shape: Nested) -> None:
        """Create kernel, recurrent_kernel and bias, and the states of a stateful layer.

        Raises:
            LayerArgumentError: If the number of features, or a stateful layer's batch size, is
                unknown.
        """
        shape: Shape = input_shape if is_shape(input_shape) else input_shape[0]
        if len(shape) != 3 or shape[-1] is None:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected an input of shape (batch, steps, features) with a "
                f"known number of features, found {shape}"
            )
        width = self.gates * self.units
        cell = self.cell_name
        self.kernel = self.add_weight_of("kernel", (shape[-1], width), name=f"{cell}/kernel")
        self.recurrent_kernel = self.add_weight_of(
            "recurrent", (self.units, width), name=f"{cell}/recurrent_kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight_of(
                "bias", self._bias_shape, name=f"{cell}/bias", initializer=self._initial_bias
            )
        if self.stateful:
            self._create_states(shape[0])
        self.built = True

    def _create_states(self, batch: int | None) -> None:
        if batch is None:
            raise LayerArgumentError(
                f"layer {self.name!r}: a stateful layer needs a known batch size; pass "
                "batch_input_shape to the first layer or batch_size to Input"
            )
        self.states = [
            self.add_state(f"state_{i}", self._no_state(batch)) for i in range(self.state_count)
        ]

    def reset_states(self) -> None:
        """Set the states to zero.

        Raises:
            LayerArgumentError: If the layer is not stateful.
        """
        if not self.stateful:
            raise LayerArgumentError(f"layer {self.name!r}: only a stateful layer has states")
        for state in self.states:
            state.assign(np.zeros(state.shape))

    def _no_state(self, batch: int) -> np.ndarray:
        shape = (batch, self.units)
        check_size(shape, self.dtype, where=f"layer {self.name!r}: states", keep=False)
        return np.zeros(shape, self.dtype)

    def call(self, inputs: Nested, mask: Nested = None, training: bool = False) -> Nested:  # noqa: FBT001 (Keras's signature)
        """Return the last output or all outputs; with `return_state`, the final states too."""
        kept = first_mask(mask)
        x, *states = inputs if isinstance(inputs, list | tuple) else [inputs]
        states = states or self._first_states(x)
        drops = self._masks(x) if training and (self.dropout or self.recurrent_dropout) else None
        if drops is not None:
            x = multiply(x, drops[0][:, None, :])
        drives = self.drives_of(x)
        order = range(x.shape[1])
        outputs: list[Tensor] = []
        for t in reversed(order) if self.go_backwards else order:
            dropped = states[0] if drops is None else multiply(states[0], drops[1])
            after = self.step(drives[:, t], dropped, states)
            if kept is None:
                output, states = after[0], after
            else:
                before = outputs[-1] if outputs else 0.0
                output, states = self.masked(kept[:, t, None], after, states, before)
            outputs.append(output)
        for variable, state in zip(self.states, states, strict=False):
            variable.assign(state)
        result = stack(outputs, 1) if self.return_sequences else outputs[-1]
        return [result, *states] if self.return_state else result

    def masked(
        self, here: Tensor, after: Sequence[Tensor], before: Sequence[Tensor], output: Operand
    ) -> tuple[Tensor, list[Tensor]]:
        """Return output and states of a step at which only the samples in the mask change.

        Args:
            here: the mask (batch, 1).
            after: the states after the step, the output first.
            before: the states before it.
            output: the previous output.
        """
        found = chosen(here, after[0], 0.0 if self.zero_output_for_mask else output)
        pairs = zip(after, before, strict=True)
        return found, [chosen(here, new, old) for new, old in pairs]

    def compute_mask(self, inputs: Nested, mask: Nested = None) -> Nested:  # noqa: ARG002 (Layer's signature)
        """Return the mask for sequences; with `return_state` a list, without masks of states."""
        kept = next(leaves(mask)) if self.return_sequences else None
        return [kept, *[None] * self.state_count] if self.return_state else kept

    def __call__(
        self,
        inputs: Nested,
        *others: Any,
        initial_state: Nested = None,
        **arguments: Any,
    ) -> Nested:
        """Compute the outputs, starting from `initial_state`, a tensor or a list.

        Raises:
            LayerArgumentError: if the number of states differs from the layer's.
        """
        given = [*_listed(inputs), *_listed(initial_state)]
        if len(given) not in (1, 1 + self.state_count):
            raise LayerArgumentError(
                f"layer {self.name!r}: expected 0 or {self.state_count} initial states, found "
                f"{len(given) - 1}"
            )
        if initial_state is not None:
            inputs = given
        return super().__call__(inputs, *others, **arguments)

    def step(self, drive: Tensor, dropped: Tensor, states: Sequence[Tensor]) -> list[Tensor]:
        """Return the states after one step, the output first.

        `drive` (batch, gates * units) is the input times the kernel plus the bias; `dropped` is the
        previous output times the dropout mask.
        """
        raise NotImplementedError

    def _first_states(self, x: Tensor) -> list[Tensor]:
        shape = (x.shape[0], self.units)
        if not self.stateful:
            return [Tensor(np.zeros(shape, x.dtype)) for _ in range(self.state_count)]
        if self.states[0].shape != shape:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected batches of {self.states[0].shape[0]} samples, "
                f"found {x.shape[0]}"
            )
        return [cast(Tensor(state.value), x.dtype) for state in self.states]

    def _masks(self, x: Tensor) -> list[np.ndarray]:
        """Return masks for the input's features and for the state, scaled by 1 / (1 - rate)."""
        generator = Generator.resumed(self.generator_state.value)
        rates = (self.dropout, x.shape[2]), (self.recurrent_dropout, self.units)
        masks = [
            generator.bernoulli(1 - rate, (x.shape[0], width)) / (1 - rate if rate < 1 else 1)
            for rate, width in rates
        ]
        self.generator_state.assign(generator.state)
        return [mask.astype(x.dtype) for mask in masks]

    def drives_of(self, x: Tensor) -> Tensor:
        """Return the input times the kernel plus the bias, (batch, steps, gates * units)."""
        drives = matmul(x, cast(self.kernel, x.dtype))
        return drives if self.bias is None else drives + cast(self.bias, x.dtype)

    def _recurrent(self, h: Tensor) -> Tensor:
        return matmul(h, cast(self.recurrent_kernel, h.dtype))

    def _gate(self, x: Tensor, index: int, count: int = 1) -> Tensor:
        return x[:, index * self.units : (index + count) * self.units]

    def compute_output_shape(self, input_shape: Nested) -> Nested:
        """Return (batch, units), (batch, steps, units) for sequences; a list with the states."""
        batch, steps, _ = input_shape if is_shape(input_shape) else input_shape[0]
        state: Shape = (batch, self.units)
        output: Shape = (batch, steps, self.units) if self.return_sequences else state
        return [output, *[state] * self.state_count] if self.return_state else output


def _listed(value: Nested) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list | tuple) else (value,)
