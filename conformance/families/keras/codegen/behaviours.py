"""What an object does on probe inputs: functions that a run calls, and that a script prints.

Each returns entries by name. An exception is an entry too: two objects that are alike raise alike.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

Seen = dict[str, Any]

ABSENT = "no such attribute"
"""What stands for an argument that no attribute holds."""

WEIGHTS = np.array([0.5, 1.0, 2.0, 0.0, 1.5, 0.25], "float32")
"""Weights of samples."""


def attribute(one: Any, name: str) -> Any:
    """Return an argument as an object keeps it: as it was given, where it keeps that too."""
    names = (f"_init_{name}", f"input_{name}", name, f"_{name}")
    if name == "dtype" and hasattr(one, "dtype_policy"):
        return one.dtype_policy
    return next((getattr(one, held) for held in names if hasattr(one, held)), ABSENT)


def named(value: Any) -> Any:
    """Return what JSON can hold of a value that it can't hold."""
    return value.tolist() if hasattr(value, "tolist") else type(value).__name__


def as_plain(keras: Any, value: Any) -> Any:
    """Return tensors as NumPy arrays, in lists for a structure of several, words as texts."""
    if isinstance(value, (list, tuple)):
        return [as_plain(keras, inner) for inner in value]
    if isinstance(value, dict):
        return {name: as_plain(keras, inner) for name, inner in value.items()}
    if type(value).__name__ == "SparseTensor":
        value = dense(value)
    if type(value).__name__ == "RaggedTensor":
        value = value.to_tensor()
    live = hasattr(keras, "ops") and hasattr(value, "dtype")
    array = np.array(keras.ops.convert_to_numpy(value) if live else value)
    if array.dtype.kind in "OSU":
        return [one.decode() if isinstance(one, bytes) else str(one) for one in array.ravel()]
    return array.astype("float32") if array.dtype.name == "bfloat16" else array


def dense(sparse: Any) -> np.ndarray:
    """Return a sparse tensor as an array."""
    values = np.array(sparse.values)
    array = np.zeros(tuple(np.array(sparse.dense_shape)), values.dtype)
    array[tuple(np.array(sparse.indices).T)] = values
    return array


def as_tensor(keras: Any, value: Any) -> Any:
    """Return a tensor of the framework."""
    if hasattr(keras, "ops"):
        return keras.ops.convert_to_tensor(value)
    return keras.backend.constant(value)


def attempt(seen: Seen, name: str, function: Callable[..., Any], *arguments: Any) -> None:
    """Note what the function returns, or the class of the exception that it raises."""
    try:
        seen[name] = function(*arguments)
    except Exception as error:  # noqa: BLE001 - two objects that are alike raise alike
        seen[name] = f"raised {type(error).__name__}"


def of_layer(keras: Any, one: Any, inputs: Any) -> Seen:
    """Return a layer's initial weights, outputs, masks and losses; its weights are then given."""
    takes = inspect.signature(one.call).parameters
    states = {"states": one.get_initial_state(batch_size=2)} if "states" in takes else {}
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    one(*given, **states)
    seen: Seen = {f"initial weight {n}": as_plain(keras, w) for n, w in enumerate(one.weights)}
    give_weights(one)
    seen["trainable weights"] = len(one.trainable_weights)
    for number, training in enumerate([False, True, True] if "training" in takes else [None]):
        chosen = {} if training is None else {"training": training}
        output = one(*given, **states, **chosen)
        seen[f"output in training, {number}" if training else "output"] = as_plain(keras, output)
        first = output[0] if isinstance(output, (list, tuple)) else output
        seen["output dtype"] = str(getattr(first, "dtype", type(first).__name__))
        seen["losses"] = as_plain(keras, list(one.losses))
    if "mask" in takes and np.ndim(inputs) > 2:
        steps = np.arange(np.shape(inputs)[1]) % 3 != 1
        masks = as_tensor(keras, np.stack([steps, ~steps]))
        attempt(seen, "output of masked steps", masked_output, keras, one, inputs, masks)
    attempt(seen, "mask", mask_of, keras, one, inputs)
    return seen


def give_weights(one: Any) -> None:
    """Give a layer weights that depend on their shapes alone, and have it forget its states."""
    for number, weight in enumerate(one.weights):
        if "float" in str(weight.dtype):
            drawn = np.random.default_rng(number).uniform(0.1, 0.9, tuple(weight.shape))
            weight.assign(drawn.astype("float32") if "16" in str(weight.dtype) else drawn)
    for reset in ("reset_state", "reset_states"):
        getattr(one, reset, lambda: None)()


def masked_output(keras: Any, one: Any, inputs: Any, masks: Any) -> Any:
    """Return the output where some steps are masked."""
    return as_plain(keras, one(inputs, mask=masks))


def mask_of(keras: Any, one: Any, inputs: Any) -> Any:
    """Return the mask that a layer computes."""
    mask = one.compute_mask(inputs, None)
    return "none" if mask is None else as_plain(keras, mask)


def pairs() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield targets and predictions of each kind by name."""
    drawn = np.random.default_rng(0)
    shares = drawn.uniform(0.05, 0.95, (6, 3)).astype("float32")
    shares /= shares.sum(axis=1, keepdims=True)
    classes = np.array([0, 1, 2, 1, 0, 2])
    yield "of real values", drawn.normal(size=(6, 3)).astype("float32"), 2 * shares
    yield "of several labels", (shares > 0.3).astype("float32"), shares
    yield "of one label", (classes[:, None] > 0).astype("float32"), shares[:, :1]
    yield "of one-hot classes", np.eye(3, dtype="float32")[classes], shares
    yield "of class numbers", classes, shares
    yield "of two class numbers", classes % 2, classes[::-1] % 2


def of_loss(keras: Any, one: Any, _: Any) -> Seen:
    """Return a loss's values on targets of each kind, with and without weights of samples."""
    seen: Seen = {}
    for kind, true, predicted in pairs():
        attempt(seen, f"loss {kind}", loss_of, keras, one, true, predicted, None)
        attempt(seen, f"weighted loss {kind}", loss_of, keras, one, true, predicted, WEIGHTS)
    return seen


def loss_of(keras: Any, one: Any, true: Any, predicted: Any, weights: Any) -> Any:
    """Return a loss's value."""
    return as_plain(keras, one(true, predicted, sample_weight=weights))


def of_metric(keras: Any, one: Any, _: Any) -> Seen:
    """Return a metric's results on targets of each kind, and its variables."""
    seen: Seen = {}
    for kind, true, predicted in pairs():
        attempt(seen, f"result {kind}", result_of, keras, one, true, predicted)
    attempt(seen, "result of values", result_of, keras, one, np.arange(6, dtype="float32"))
    return seen | {f"variable {n}": as_plain(keras, v) for n, v in enumerate(one.variables)}


def result_of(keras: Any, one: Any, *values: Any) -> Any:
    """Return a metric's result on values, once plain and once with weights."""
    one.reset_state()
    one.update_state(*values)
    one.update_state(*values, sample_weight=WEIGHTS)
    return as_plain(keras, one.result())


def of_optimizer(keras: Any, one: Any, _: Any) -> Seen:
    """Return what an optimizer makes of two variables in five steps, and its own variables."""
    seen: Seen = {}
    drawn = np.random.default_rng(0)
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    held = layer.trainable_weights
    for variable in held:
        variable.assign(drawn.normal(size=tuple(variable.shape)).astype("float32"))
    for step in range(1, 6):
        slopes = [drawn.normal(size=tuple(v.shape)).astype("float32") for v in held]
        tensors = [as_tensor(keras, slope) for slope in slopes]
        one.apply_gradients(list(zip(tensors, held, strict=True)))
        seen[f"variables after step {step}"] = as_plain(keras, list(held))
    attempt(seen, "finalized variables", finalized, keras, one, held)
    seen["learning rate"] = as_plain(keras, one.learning_rate)
    own = one.variables() if callable(one.variables) else one.variables
    seen |= {f"own variable {n}": as_plain(keras, v) for n, v in enumerate(own)}
    attempt(seen, "scaled loss", scaled, keras, one)
    return seen


def finalized(keras: Any, one: Any, held: Any) -> Any:
    """Return the variables with the averages that an optimizer has kept."""
    one.finalize_variable_values(held)
    return as_plain(keras, list(held))


def scaled(keras: Any, one: Any) -> Any:
    """Return a loss of one as the optimizer scales it."""
    return as_plain(keras, one.scale_loss(as_tensor(keras, np.float32(1))))


def of_schedule(keras: Any, one: Any, _: Any) -> Seen:
    """Return a schedule's learning rates of the first steps."""
    return {f"rate at step {step}": as_plain(keras, one(step)) for step in range(12)}


def of_initializer(keras: Any, one: Any, _: Any) -> Seen:
    """Return what an initializer makes of several shapes."""
    seen: Seen = {}
    for shape in ((4, 5), (4, 4), (3, 2, 4), (6,), (4, 1, 6)):
        attempt(seen, f"values of shape {shape}", made_of, keras, one, shape)
    return seen


def of_function(keras: Any, one: Any, _: Any) -> Seen:
    """Return what a regularizer, constraint or quantizer makes of arrays of several ranks."""
    seen: Seen = {}
    for shape in ((4, 3), (2, 3, 2, 4), (5,)):
        values = np.random.default_rng(0).normal(size=shape).astype("float32")
        attempt(seen, f"of rank {len(shape)}", made_of, keras, one, as_tensor(keras, values))
    return seen


def made_of(keras: Any, one: Any, value: Any) -> Any:
    """Return what a call gives."""
    return as_plain(keras, one(value))


def of_policy(_: Any, one: Any, __: Any) -> Seen:
    """Return the dtypes of a policy."""
    names = ("name", "compute_dtype", "variable_dtype", "quantization_mode")
    return {name: str(getattr(one, name, None)) for name in names}


def of_generator(keras: Any, one: Any, _: Any) -> Seen:
    """Return the first draws of a seed generator."""
    draws = (keras.random.uniform((3,), seed=one) for _ in range(2))
    return {f"draw {number}": as_plain(keras, drawn) for number, drawn in enumerate(draws)}


Behaviour = Callable[[Any, Any, Any], Seen]

BEHAVIOURS: Mapping[str, Behaviour] = {
    "layers": of_layer,
    "losses": of_loss,
    "metrics": of_metric,
    "optimizers": of_optimizer,
    "optimizers.schedules": of_schedule,
    "initializers": of_initializer,
    "regularizers": of_function,
    "constraints": of_function,
    "quantizers": of_function,
    "dtype_policies": of_policy,
    "mixed_precision": of_policy,
    "random": of_generator,
}
"""The function of each namespace: it takes the module, the object, and the inputs of a layer."""
