"""Layer: the base class of all layers and models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import numpy as np

from saveproof.reference_impl.configuration import check_stated
from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.layers.added_losses import loss_tensors
from saveproof.reference_impl.layers.call_context import CallFrame, calling, current_frame
from saveproof.reference_impl.layers.call_signature import (
    by_name,
    positions,
    takes_mask,
    takes_training,
)
from saveproof.reference_impl.layers.input_shape import InputShape
from saveproof.reference_impl.layers.masks import Masks, mask_of
from saveproof.reference_impl.layers.output_shapes import OutputShapes
from saveproof.reference_impl.layers.policy import (
    compute_dtype,
    is_floating,
    policy_name,
    serialize_policy,
    variable_dtype,
)
from saveproof.reference_impl.layers.symbolic import (
    KerasTensor,
    symbols_in,
)
from saveproof.reference_impl.layers.weight_creation import WeightCreation
from saveproof.reference_impl.layers.weight_lists import WeightLists
from saveproof.reference_impl.naming import snake_case, unique_name
from saveproof.reference_impl.nest import Nested, leaves, map_leaves
from saveproof.reference_impl.numerics.autodiff import Tensor, cast
from saveproof.reference_impl.numerics.tape import current_tracer
from saveproof.reference_impl.plain import is_ours

NAME = Form(to_config=lambda layer, _: layer.name)
POLICY = Form(to_config=lambda layer, _: serialize_policy(layer.dtype_policy))


@configurable
class Layer(InputShape, OutputShapes, Masks, WeightCreation, WeightLists):
    """A function with weights, which are created when the shape of the input is first known.

    A subclass defines `build(input_shape)`, `call(inputs)`, also with `mask` and `training`,
    `compute_output_shape(input_shape)` and `get_config()`. `call` receives `Tensor`s; those with a
    floating dtype are cast to the compute dtype. A shape is a tuple, a list of tuples for several
    inputs. Layers, weights and containers of layers assigned to attributes are tracked in the order
    of assignment.

    Args:
        name: unique among the layers of a model; by default from the class name.
        trainable: whether training may change the weights.
        dtype: a dtype name or a policy such as 'mixed_bfloat16'.
        weights: initial values of the weights, in order.
        input_shape: of one sample, for the first layer of a Sequential; alternatively `input_dim`,
            its single length, or `batch_input_shape`, with the batch size.
    """

    _: KW_ONLY
    _given_name: str | None = argument(NAME, default=None, alias="name", kept=False)
    _trainable: bool = argument(default=True, alias="trainable", kept=False)
    _given_dtype: object = argument(POLICY, default=None, alias="dtype", kept=False)
    _first_weights: Sequence[np.ndarray] | None = argument(
        default=None, alias="weights", kept=False, in_config=False, array=True
    )
    first_in_config: ClassVar[tuple[str, ...]] = ("name", "trainable", "batch_input_shape", "dtype")

    is_graph_network = False
    takes_list = False
    """Whether `call` takes a list even for one tensor: configurations write both as a list."""
    stateful = False
    internals: ClassVar[frozenset[str]] = frozenset()
    """Attributes that checkpoints leave out, since the class lists their objects elsewhere."""
    in_keras_3: ClassVar[Mapping[str, str]] = {}
    """Attributes that have other names in Keras 3, by ours."""
    activity_regularizer: Any = attribute(default=None)
    _activity: Sequence[Tensor] = attribute(default=())
    built: bool = attribute(default=False)
    built_scope: tuple[str, ...] = attribute(default=())
    uncalled: str | None = attribute(default=None)
    """Why a user's `call` failed on zeros, so that weights created in it may not exist yet."""
    built_shape: Nested = attribute(default=None)
    """The shape of the input that the layer was built for."""

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        name, trainable = given["name"], given["trainable"]
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name: expected a string, found {name!r}")
        if not isinstance(trainable, bool | np.bool_):
            raise TypeError(
                f"{type(self).__name__}: trainable: expected True or False, found {trainable!r}"
            )
        vars(self).update(
            _tracked={},
            _own_weights=[],
            _extra_state={},
            _trainable=bool(trainable),
            inbound_nodes=[],
            name=name or self._default_name(),
            dtype_policy=policy_name(given["dtype"]),
            _first_weights=given["weights"],
        )
        super().__pre_init__({**given, "name": self.name})

    def _default_name(self) -> str:
        return unique_name(snake_case(type(self).__name__))

    def rename(self, name: str) -> None:
        """Rename the layer; existing weights keep their names."""
        object.__setattr__(self, "name", name)

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return variable_dtype(self.dtype_policy)

    @property
    def compute_dtype(self) -> str:
        """The dtype in which `call` receives its inputs."""
        return compute_dtype(self.dtype_policy)

    def build(self, input_shape: Nested) -> None:  # noqa: ARG002 (for those that need it)
        """Create the weights; called once, before the first call."""
        self.built = True

    def call(self, inputs: Nested) -> Nested:
        """Return the outputs; defined by each subclass."""
        raise NotImplementedError(f"layer {self.name!r}: {type(self).__name__} defines no call()")

    def reset_states(self) -> None:
        """Set the states of a stateful layer to zero; other layers have none."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes for a copy, with the calls of nested layers instead of its own.

        Calls refer to the preceding layers. A model stores its layers' calls, so copying a graph
        does not recurse through its layers, and copying one layer does not copy its model.
        """
        state = dict(self.__dict__)
        if any(node.sources for node in self.inbound_nodes):
            del state["inbound_nodes"]
        calls = [(layer, layer.inbound_nodes) for layer in self.sublayers()]
        return state | {"_calls_below": calls}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the attributes that `__getstate__` returned."""
        calls = state.pop("_calls_below")
        self.__dict__.update(state)
        self.__dict__.setdefault("inbound_nodes", [])
        for layer, inbound_nodes in calls:
            layer.__dict__["inbound_nodes"] = inbound_nodes

    def sublayers(self) -> list["Layer"]:
        """Return the layers directly inside this one, in the order of assignment, each once."""
        found = (
            leaf
            for value in self._tracked.values()
            for leaf in leaves(value)
            if isinstance(leaf, Layer)
        )
        return list({id(layer): layer for layer in found}.values())

    def flatten_layers(self) -> Iterator["Layer"]:
        """Yield this layer and all nested layers, depth first, each once."""
        seen: set[int] = set()
        stack: list[Layer] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                stack.extend(reversed(layer.sublayers()))

    @property
    def trainable(self) -> bool:
        """Whether training may change the weights; setting it also sets all nested layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.flatten_layers():
            object.__setattr__(layer, "_trainable", bool(value))

    def set_own_trainable(self, value: bool) -> None:  # noqa: FBT001 (a flag's setter)
        """Set this layer's own flag without changing nested layers."""
        self._trainable = bool(value)

    @property
    def losses(self) -> list[Tensor]:
        """The regularization losses of each weight, then those of activities and of `add_loss`.

        The latter are those of the last call of this layer from outside any layer.
        """
        of_weights = [
            variable.regularizer(variable)
            for layer in self.flatten_layers()
            for variable in layer.own_weights()
            if variable.regularizer is not None
        ]
        return [*of_weights, *self._activity]

    def add_loss(self, losses: Nested) -> None:
        """Add scalar losses, within `call`, to those that training minimizes; see `losses`."""
        frame = current_frame()
        frame.activity.extend(loss_tensors(losses, frame, where=f"layer {self.name!r}"))

    def check_config(self) -> None:
        """Check that the configuration stores all constructor arguments."""

    @property
    def makes_own_graph(self) -> bool:
        """Whether this is a model whose class builds the graph, instead of receiving tensors."""
        return False

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which `from_config` creates the layer, without weights.

        Raises:
            NotImplementedError: if the class takes further arguments and defines no `get_config`.
        """
        config = super().get_config()
        kind = type(self)
        if kind.get_config is Layer.get_config and kind.__arguments__ is Layer.__arguments__:
            check_stated(self, config)
        return config

    def positions(self) -> tuple[str, ...]:
        """Return the names of `call`'s positional arguments after the inputs."""
        return positions(type(self).call)

    def __call__(self, inputs: Nested, *others: Any, **arguments: Any) -> Nested:
        """Compute the outputs of arrays or tensors; record a node for symbolic tensors.

        `training` defaults to that of the enclosing call, then to the default of `call`.
        """
        self._check_begun()
        if others:
            names, where = self.positions(), f"layer {self.name!r}"
            arguments = by_name(others, names, arguments, where=where)
        training = arguments.pop("training", None)
        symbolic = [isinstance(leaf, KerasTensor) for leaf in leaves(inputs)]
        if all(symbolic) and symbolic:
            return self._call_symbolically(inputs, training, arguments)
        if any(symbolic) or symbols_in(arguments):
            raise TypeError(
                f"layer {self.name!r}: symbolic tensors and arrays cannot be mixed; turn every "
                "array into an input of the model"
            )
        outer = current_frame()
        training = outer.training if training is None else bool(training)
        frame = CallFrame(
            (*outer.scope, self.name), training, outer.activity if outer.scope else []
        )
        with calling(frame):
            inputs = map_leaves(self._as_input, inputs)
            self.ensure_built(map_leaves(lambda tensor: tuple(tensor.shape), inputs))
            if takes_training(type(self).call, training):
                arguments["training"] = training
            if "mask" not in arguments and takes_mask(type(self).call):
                arguments |= {} if (mask := mask_of(inputs)) is None else {"mask": mask}
            tracer = current_tracer()
            if tracer is not None:
                return tracer.called(self, inputs, arguments)
            outputs = self.call(inputs, **arguments)
            self.pass_mask(inputs, outputs, arguments)
        if self.uncalled is not None:
            object.__setattr__(self, "uncalled", None)
        if self.activity_regularizer is not None:
            frame.activity.extend(
                self.activity_regularizer(output) / float(output.shape[0])
                for output in leaves(outputs)
            )
        if not outer.scope:
            object.__setattr__(self, "_activity", frame.activity)
        return outputs

    def _call_symbolically(
        self,
        inputs: Nested,
        training: bool | None,  # noqa: FBT001 (as for __call__)
        arguments: dict[str, Any],
    ) -> Nested:
        if training is not None:
            arguments = {**arguments, "training": bool(training)}
        shapes = map_leaves(lambda tensor: tensor.shape, inputs)
        fresh = not (self.inbound_nodes and self.complete)
        with calling(CallFrame((self.name,))):
            self.ensure_built(shapes)
            output_shapes = self.output_shape_of_call(shapes, arguments)
        if fresh and self.states_output_shape and not is_ours(type(self).call):
            self._create_what_only_a_call_creates(inputs, arguments)
        return self.record_node(inputs, arguments, output_shapes)

    def _create_what_only_a_call_creates(
        self, inputs: Nested, arguments: Mapping[str, Any]
    ) -> None:
        """Call the layer on zeros, which creates the weights of nested layers, as in Keras.

        If the call fails on zeros, `uncalled` stores the reason until a call succeeds.
        """
        try:
            self._called_on_zeros(inputs, arguments)
        except (ArithmeticError, IndexError, ValueError) as error:
            object.__setattr__(self, "uncalled", str(error))

    @property
    def complete(self) -> bool:
        """Whether this and all nested layers are built, so that all weights exist."""
        return self.uncalled is None and all(layer.built for layer in self.flatten_layers())

    def ensure_built(self, input_shape: Nested) -> None:
        """Build the layer unless it is built; weight names start with the enclosing layers'."""
        if not self.built:
            object.__setattr__(self, "built_scope", current_frame().scope or (self.name,))
            object.__setattr__(self, "built_shape", input_shape)
            self.build(input_shape)
            if self._first_weights is not None:
                self.set_weights(self._first_weights)
                object.__setattr__(self, "_first_weights", None)
            self.built = True  # Setting it lets a checkpoint loaded before restore the weights.

    def _as_input(self, value: Any) -> Tensor:
        tensor = value if isinstance(value, Tensor) else Tensor(np.asarray(value))
        target = self.compute_dtype
        if tensor.dtype != target and is_floating(tensor.dtype) and is_floating(target):
            found = cast(tensor, target)
            found._keras_mask = tensor._keras_mask
            return found
        return tensor
