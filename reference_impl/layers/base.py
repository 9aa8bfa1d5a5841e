"""Layer: what every layer and model shares, and the nodes by which symbolic calls are recorded.

Long because Keras's `Layer` is one class: tracking, calling and flags work on the same fields.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypedDict, Unpack

import numpy as np

from saveproof.reference_impl import constraints, initializers, regularizers
from saveproof.reference_impl.config_types import made_from
from saveproof.reference_impl.configuration import check_stated
from saveproof.reference_impl.layers.arguments import length_of, shape_of
from saveproof.reference_impl.layers.call_context import CallFrame, calling, current_frame
from saveproof.reference_impl.layers.call_signature import by_name, positions, takes_training
from saveproof.reference_impl.layers.policy import (
    compute_dtype,
    is_floating,
    policy_name,
    serialize_policy,
    variable_dtype,
)
from saveproof.reference_impl.layers.stand_ins import open_shapes, zeros_for
from saveproof.reference_impl.layers.symbolic import (
    KerasTensor,
    Node,
    alone,
    symbols_in,
    with_symbols,
)
from saveproof.reference_impl.layers.weights import assign_all, each_once
from saveproof.reference_impl.limits import check_size
from saveproof.reference_impl.naming import snake_case, unique_name
from saveproof.reference_impl.nest import Nested, Shape, leaves, map_leaves, map_shapes
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable, cast
from saveproof.reference_impl.numerics.tape import current_tracer
from saveproof.reference_impl.plain import PlainArguments, is_ours, with_plain_arguments


class ShapeArguments(TypedDict, total=False):
    """How the first layer of a Sequential says the shape of its input."""

    input_shape: Sequence[int | None] | None
    batch_input_shape: Sequence[int | None] | None
    input_dim: int | None
    batch_size: int | None


class Layer(PlainArguments):
    """A function with weights, built when it first sees the shape of its input.

    A subclass states `build(input_shape)`, `call(inputs)` or `call(inputs, training)`,
    `compute_output_shape(input_shape)` and `get_config()`. `call` receives `Tensor`s, whose
    floating dtype is already the compute dtype; shapes are tuples, a list of them for several
    inputs. Layers, weights and containers of layers assigned to attributes are tracked in the order
    of assignment.

    Args:
        name: unique among the layers of a model; by default from the class name.
        trainable: whether training may change the weights.
        dtype: a dtype name or a policy such as 'mixed_bfloat16'.
        weights: arrays that the weights start with, in their order.
        shape_arguments: `input_shape` of one sample, for the first layer of a Sequential, or
            `batch_input_shape` with the batch; anything else is refused.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: object = None,
        weights: Sequence[np.ndarray] | None = None,
        **shape_arguments: Unpack[ShapeArguments],
    ) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name: expected a text, found {name!r}")
        if not isinstance(trainable, bool | np.bool_):
            raise TypeError(
                f"{type(self).__name__}: trainable: expected True or False, found {trainable!r}"
            )
        set_field = object.__setattr__
        set_field(self, "_tracked", {})
        set_field(self, "_own_weights", [])
        set_field(self, "_extra_state", {})
        set_field(self, "_trainable", bool(trainable))
        set_field(self, "inbound_nodes", [])
        set_field(self, "built", False)
        set_field(self, "built_scope", ())
        set_field(self, "name", name or self._default_name())
        set_field(self, "dtype_policy", policy_name(dtype))
        set_field(self, "batch_input_shape", _batch_input_shape(self.name, shape_arguments))
        set_field(self, "_first_weights", weights)

    array_arguments = frozenset({"weights"})
    is_graph_network = False
    takes_list = False
    """Whether a list of one tensor stays a list: configurations write both as a list of one."""
    stateful = False
    internals: frozenset[str] = frozenset()
    """Attributes with what the class lists otherwise, which checkpoints don't list again."""
    restoring: Callable[[], None] | None = None
    """Gives what was created since a checkpoint was loaded the values that are held for it."""
    activity_regularizer: Any = None
    _activity: Sequence[Tensor] = ()
    _first_weights: Sequence[np.ndarray] | None = None
    _tracked: dict[str, Any]
    _own_weights: list[Variable]
    _extra_state: dict[str, Variable]
    _trainable: bool
    inbound_nodes: list[Node]
    built: bool
    built_scope: tuple[str, ...]
    uncalled: str | None = None
    """Why the user's own call has not worked on zeros, so that weights in it may not exist yet."""
    built_shape: Nested = None
    """The shape of the input that the layer was built for."""
    name: str
    dtype_policy: str
    batch_input_shape: Shape | None

    def _default_name(self) -> str:
        return unique_name(snake_case(type(self).__name__))

    def rename(self, name: str) -> None:
        """Give the layer another name; weights that it has keep theirs."""
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
        """Return the outputs: stated by each layer."""
        raise NotImplementedError(f"layer {self.name!r} ({type(self).__name__}) states no call()")

    def compute_output_shape(self, input_shape: Nested) -> Nested:
        """Return the shape that `call` gives, by calling it on zeros unless a layer states it."""
        return self._shape_by_call(self._symbols(input_shape), {})

    def output_shape_of_call(self, input_shape: Nested, arguments: Mapping[str, Any]) -> Nested:
        """Return the shape that a call with these other arguments gives.

        Symbolic tensors among them stand for their shapes.
        """
        if symbols_in(arguments) and not self.states_output_shape:
            return self._shape_by_call(self._symbols(input_shape), arguments)
        return self.compute_output_shape(input_shape)

    @property
    def states_output_shape(self) -> bool:
        """Whether the class states the shape of its outputs, so that no call is needed for it."""
        return type(self).compute_output_shape is not Layer.compute_output_shape

    def _shape_by_call(self, inputs: Nested, arguments: Mapping[str, Any]) -> Nested:
        found = self._called_on_zeros(inputs, arguments)
        return map_shapes(lambda shape: (None, *shape[1:]), found)

    def _called_on_zeros(self, inputs: Nested, arguments: Mapping[str, Any]) -> Nested:
        """Return the shapes of the outputs for zeros; no value that there is changes.

        The zeros stand for symbolic tensors: the inputs, and those among the arguments.
        """

        def called(length: int) -> Nested:
            others = with_symbols(arguments, lambda symbol: zeros_for(symbol, length))
            with calling(CallFrame()), np.errstate(all="ignore"), _values_kept(self):
                outputs = self(zeros_for(inputs, length), **{"training": False, **others})
            return map_leaves(lambda tensor: tuple(tensor.shape), outputs)

        given = [symbol.shape for symbol in (*leaves(inputs), *symbols_in(arguments))]
        return open_shapes(called, given, where=f"layer {self.name!r}")

    def _symbols(self, shapes: Nested) -> Nested:
        return map_shapes(lambda shape: KerasTensor(shape, self.compute_dtype), shapes)

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

    def add_state(self, name: str, value: np.ndarray) -> Variable:
        """Keep state that Keras does not count as a weight (a generator's, a stateful layer's)."""
        variable = Variable(value, name=f"{self.name}/{name}:0", trainable=False)
        self._extra_state[name] = variable
        return variable

    def reset_states(self) -> None:
        """Set the states of a stateful layer to zero; stated by those that have any."""

    @property
    def extra_state(self) -> dict[str, Variable]:
        """State of this layer alone that is not a weight, by name."""
        return self._extra_state

    def __setattr__(self, attribute: str, value: Any) -> None:
        """Track layers, weights and containers of layers in the order of assignment.

        A weight whose attribute is given another one is the layer's no longer.
        """
        if isinstance(value, Layer | Variable | list | tuple | dict):
            self._check_begun()
            replaced = self._tracked.pop(attribute, None)
            self._tracked[attribute] = value
            if isinstance(replaced, Variable) and replaced is not value:
                self._own_weights[:] = [one for one in self._own_weights if one is not replaced]
        object.__setattr__(self, attribute, value)
        if self.restoring is not None:
            self.restoring()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy takes, with the calls of the layers below instead of its own.

        A call leads to the layers before it. What holds the layers has their calls, so that to copy
        a graph goes no deeper for each of its layers, and a layer alone leaves its model behind.
        """
        state = dict(self.__dict__)
        if any(node.sources for node in self.inbound_nodes):
            del state["inbound_nodes"]
        calls = [(layer, layer.inbound_nodes) for layer in self.sublayers()]
        return state | {"_calls_below": calls}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` returned."""
        calls = state.pop("_calls_below")
        self.__dict__.update(state)
        self.__dict__.setdefault("inbound_nodes", [])
        for layer, inbound_nodes in calls:
            layer.__dict__["inbound_nodes"] = inbound_nodes

    def _check_begun(self) -> None:
        if "_tracked" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}: its __init__ has not called super().__init__() yet; begin "
                "with that"
            )

    def __delattr__(self, attribute: str) -> None:
        """Stop tracking what the attribute held."""
        self._tracked.pop(attribute, None)
        object.__delattr__(self, attribute)

    @property
    def tracked(self) -> Mapping[str, Any]:
        """The layers, weights and containers assigned to attributes, in the order of assignment."""
        return self._tracked

    @property
    def created_weights(self) -> list[Variable]:
        """The weights that this layer created with `add_weight`, in order."""
        return list(self._own_weights)

    def sublayers(self) -> list["Layer"]:
        """Return the layers held directly by this one, in the order of assignment, each once."""
        found = (
            leaf
            for value in self._tracked.values()
            for leaf in leaves(value)
            if isinstance(leaf, Layer)
        )
        return list({id(layer): layer for layer in found}.values())

    def flatten_layers(self) -> Iterator["Layer"]:
        """Yield this layer and all layers below it, depth first, each once."""
        seen: set[int] = set()
        stack: list[Layer] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                stack.extend(reversed(layer.sublayers()))

    def own_weights(self, *, trainable: bool | None = None) -> list[Variable]:
        """Return this layer's own weights, all or those created as trainable or as not."""
        assigned = [value for value in self._tracked.values() if isinstance(value, Variable)]
        states = {id(variable) for variable in self._extra_state.values()}
        return [
            variable
            for variable in each_once([*self._own_weights, *assigned])
            if trainable in (None, variable.trainable) and id(variable) not in states
        ]

    @property
    def trainable(self) -> bool:
        """Whether training may change the weights; setting it sets every layer below."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.flatten_layers():
            object.__setattr__(layer, "_trainable", bool(value))

    def set_own_trainable(self, value: bool) -> None:  # noqa: FBT001 (a flag's setter)
        """Set this layer's own flag, not those of the layers below it."""
        self._trainable = bool(value)

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes: none while the layer is frozen."""
        if not self._trainable:
            return []
        below = [weight for layer in self.sublayers() for weight in layer.trainable_weights]
        return each_once(self.own_weights(trainable=True) + below)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone: all of them while the layer is frozen."""
        own = self.own_weights(trainable=False)
        if self._trainable:
            below = [weight for layer in self.sublayers() for weight in layer.non_trainable_weights]
        else:
            own = self.own_weights(trainable=True) + own
            below = [weight for layer in self.sublayers() for weight in layer.weights]
        return each_once(own + below)

    @property
    def weights(self) -> list[Variable]:
        """All weights, the trainable ones first."""
        return each_once(self.trainable_weights + self.non_trainable_weights)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`, whatever the class takes them to be."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def losses(self) -> list[Tensor]:
        """The regularization losses: of each regularized weight, then of activities.

        Those of activities are of the last call of this layer that no other layer made.
        """
        of_weights = [
            variable.regularizer(variable)
            for layer in self.flatten_layers()
            for variable in layer.own_weights()
            if variable.regularizer is not None
        ]
        return [*of_weights, *self._activity]

    @property
    def input(self) -> Nested:
        """The symbolic tensors of the layer's first call: what went in."""
        node = self._first_call("input")
        return alone(node.inputs or node.outputs)

    @property
    def output(self) -> Nested:
        """The symbolic tensors of the layer's first call: what came out."""
        return alone(self._first_call("output").outputs)

    @property
    def input_shape(self) -> Nested:
        """The shapes that go in, which must be the same in all symbolic calls."""
        return self._shape_in_calls("input_shape", lambda node: node.inputs or node.outputs)

    @property
    def output_shape(self) -> Nested:
        """The shapes that come out, which must be the same in all symbolic calls."""
        return self._shape_in_calls("output_shape", lambda node: node.outputs)

    def _first_call(self, asked: str) -> Node:
        if not self.inbound_nodes:
            raise AttributeError(
                f"layer {self.name!r}: no {asked}: it has not been called on symbolic tensors yet; "
                "call it on a keras.Input, or give the model an input shape"
            )
        return self.inbound_nodes[0]

    def _shape_in_calls(self, asked: str, part: Callable[[Node], Nested]) -> Nested:
        self._first_call(asked)
        first, *others = [
            map_leaves(lambda tensor: tensor.shape, part(node)) for node in self.inbound_nodes
        ]
        if any(other != first for other in others):
            raise AttributeError(
                f"layer {self.name!r}: no one {asked}: its calls have {[first, *others]}"
            )
        return alone(first)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the values of `weights`."""
        return [np.array(weight.value) for weight in self.weights]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Set the values of `weights`, after all of them were found to fit.

        Raises:
            ValueError: if the number of arrays or a shape does not fit; nothing is changed then.
        """
        assign_all(f"layer {self.name!r}", self.weights, [np.asarray(value) for value in weights])

    def check_config(self) -> None:
        """Refuse what the class was made with and its configuration can't hold."""

    @property
    def makes_own_graph(self) -> bool:
        """Whether this is a model whose class makes the graph, instead of being given tensors."""
        return False

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make this layer again, without its weights.

        Raises:
            NotImplementedError: if the class takes arguments of its own and states no `get_config`.
        """
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable}
        if self.batch_input_shape is not None:
            config["batch_input_shape"] = self.batch_input_shape
        config["dtype"] = serialize_policy(self.dtype_policy)
        if type(self).get_config is Layer.get_config:
            check_stated(self, config)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a layer from what `get_config` returned, with fresh weights."""
        return made_from(cls, config)

    def positions(self) -> tuple[str, ...]:
        """Return the names of what `call` takes by position after the inputs."""
        return positions(type(self).call)

    def __call__(self, inputs: Nested, *others: Any, **arguments: Any) -> Nested:
        """Compute the outputs of arrays or tensors; record a node for symbolic tensors.

        `training` unsaid is the enclosing call's, else the default of `call`.
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
                f"layer {self.name!r}: symbolic tensors and arrays cannot be mixed; make every "
                "array an input of the model"
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
            tracer = current_tracer()
            if tracer is not None:
                return tracer.called(self, inputs, arguments)
            outputs = self.call(inputs, **arguments)
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
        """Call the layer on zeros: what it holds has weights from then on, as in Keras.

        Where the call can't work on zeros, `uncalled` tells why, until a call works.
        """
        try:
            self._called_on_zeros(inputs, arguments)
        except (ArithmeticError, IndexError, ValueError) as error:
            object.__setattr__(self, "uncalled", str(error))

    @property
    def complete(self) -> bool:
        """Whether the layer and those in it have been built, so that all weights are there."""
        return self.uncalled is None and all(layer.built for layer in self.flatten_layers())

    def record_node(
        self, inputs: Nested, arguments: dict[str, Any], output_shapes: Nested
    ) -> Nested:
        """Record a symbolic call and return its outputs."""
        node_index, count = len(self.inbound_nodes), iter(range(1 << 30))
        outputs = map_shapes(
            lambda shape: KerasTensor(shape, self.compute_dtype, self, node_index, next(count)),
            output_shapes,
        )
        self.inbound_nodes.append(Node(self, inputs, arguments, outputs))
        return outputs

    def ensure_built(self, input_shape: Nested) -> None:
        """Build the layer if it is not, naming its weights after the running calls."""
        if not self.built:
            object.__setattr__(self, "built_scope", current_frame().scope or (self.name,))
            object.__setattr__(self, "built_shape", input_shape)
            self.build(input_shape)
            if self._first_weights is not None:
                self.set_weights(self._first_weights)
                object.__setattr__(self, "_first_weights", None)
            self.built = True  # Which lets a checkpoint on its way in restore the weights.

    def _as_input(self, value: Any) -> Tensor:
        tensor = value if isinstance(value, Tensor) else Tensor(np.asarray(value))
        target = self.compute_dtype
        if tensor.dtype != target and is_floating(tensor.dtype) and is_floating(target):
            return cast(tensor, target)
        return tensor


@contextmanager
def _values_kept(layer: Layer) -> Iterator[None]:
    """Put the values of weights and states back, and new states to their start."""
    before = [
        (variable, variable.value)
        for each in layer.flatten_layers()
        for variable in (*each.own_weights(), *each.extra_state.values())
    ]
    known = {variable for variable, _ in before}
    try:
        yield
    finally:
        for variable, value in before:
            variable.value = value
        for each in layer.flatten_layers():
            if each.stateful and not known.issuperset(each.extra_state.values()):
                each.reset_states()


def _batch_input_shape(layer: str, arguments: Mapping[str, Any]) -> Shape | None:
    unknown = set(arguments) - {"input_shape", "batch_input_shape", "input_dim", "batch_size"}
    if unknown:
        raise TypeError(f"Keyword argument not understood: {sorted(unknown)}")
    given = {name: value for name, value in arguments.items() if value is not None}
    where = f"layer {layer!r}: "
    if "batch_input_shape" in given:
        return shape_of(given["batch_input_shape"], where + "batch_input_shape")
    if "input_shape" in given:
        sample = shape_of(given["input_shape"], where + "input_shape")
    elif "input_dim" in given:
        sample = (length_of(given["input_dim"], where + "input_dim"),)
    else:
        return None
    return length_of(given.get("batch_size"), where + "batch_size"), *sample
