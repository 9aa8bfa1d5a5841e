"""Output shapes of layers and of the tensors of an architecture; batch first, None where open."""

from collections.abc import Callable, Mapping, Sequence
from math import prod

from saveproof.strategies.case import Architecture, Config, InvalidCase, Layer

Shape = tuple[int | None, ...]

UNKNOWN: Shape = (None, None)
"""The shape of a tensor that only the framework knows, flattened or not."""


def output_shape(class_name: str, config: Config, inputs: Sequence[Shape]) -> Shape:
    """Return the shape that a layer gives for tensors of the shapes `inputs`.

    Rules: https://keras.io/api/layers/, each class's section "Output shape".

    Of a class without a rule here, the shape is `UNKNOWN`: only its framework knows it.

    Raises:
        InvalidCase: the layer does not take such inputs.
    """
    rule = RULES.get(class_name)
    if rule is None:
        return UNKNOWN
    rank, merges, shape_of = rule
    if not inputs or (len(inputs) != 1 and not merges):
        wanted = "at least one input" if merges else "one input"
        raise InvalidCase(f"{class_name} {config.get('name')!r}: expected {wanted}, got {inputs}")
    if any(rank not in (None, len(shape)) for shape in inputs):
        raise InvalidCase(
            f"{class_name} {config.get('name')!r}: expected inputs of rank {rank} "
            f"with the batch axis, got {tuple(inputs)}"
        )
    return shape_of(config, inputs)


def layer_shape(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """Return the shape that a layer or a nested model gives for tensors of the shapes `inputs`."""
    if layer.model is None:
        return output_shape(layer.class_name, layer.config, inputs)
    expected = [input_.shape for input_ in layer.model.inputs]
    if expected != [shape[1:] for shape in inputs]:
        raise InvalidCase(
            f"nested model {layer.name!r}: expected inputs {expected} after the batch axis, "
            f"got {[shape[1:] for shape in inputs]}"
        )
    shapes = _walk(layer.model, dict(zip(_input_names(layer.model), inputs, strict=True)))
    return shapes[layer.model.outputs[0]]


def tensor_shapes(architecture: Architecture) -> dict[str, Shape]:
    """Return the shape of every tensor of an architecture by its name, inputs included.

    Raises:
        InvalidCase: a call names a tensor or layer that is not there, or shapes do not fit.
    """
    inputs = {i.name: (i.batch_size, *i.shape) for i in architecture.inputs}
    return _walk(architecture, inputs)


def _input_names(architecture: Architecture) -> list[str]:
    return [input_.name for input_ in architecture.inputs]


def _walk(architecture: Architecture, inputs: Mapping[str, Shape]) -> dict[str, Shape]:
    shapes = dict(inputs)
    layers = {layer.name: layer for layer in architecture.layers}
    for call in architecture.calls:
        where = f"architecture {architecture.name!r}, call that gives {call.output!r}"
        if call.layer not in layers:
            raise InvalidCase(f"{where}: no layer {call.layer!r}; there are {sorted(layers)}")
        missing = [name for name in call.inputs if name not in shapes]
        if missing:
            raise InvalidCase(f"{where}: no tensor {missing[0]!r} so far; {sorted(shapes)}")
        shapes[call.output] = layer_shape(layers[call.layer], [shapes[n] for n in call.inputs])
    missing = [name for name in architecture.outputs if name not in shapes]
    if missing:
        raise InvalidCase(
            f"architecture {architecture.name!r}: no tensor {missing[0]!r} for an output; "
            f"there are {sorted(shapes)}"
        )
    return shapes


def _same(_: Config, inputs: Sequence[Shape]) -> Shape:
    return inputs[0]


def _dense(config: Config, inputs: Sequence[Shape]) -> Shape:
    return (*inputs[0][:-1], int(config["units"]))


def _flatten(_: Config, inputs: Sequence[Shape]) -> Shape:
    if inputs[0] == UNKNOWN:
        return UNKNOWN
    return (inputs[0][0], _size(inputs[0][1:]))


def _reshape(config: Config, inputs: Sequence[Shape]) -> Shape:
    target = tuple(config["target_shape"])
    size = _size(inputs[0][1:])
    known = prod(n for n in target if n != -1)
    if target.count(-1) > 1 or known == 0 or size % known or (-1 not in target and known != size):
        raise InvalidCase(
            f"Reshape {config.get('name')!r}: cannot reshape {inputs[0][1:]} to {target}"
        )
    return (inputs[0][0], *(size // known if n == -1 else n for n in target))


def _embedding(config: Config, inputs: Sequence[Shape]) -> Shape:
    return (*inputs[0], int(config["output_dim"]))


def _convolution(config: Config, inputs: Sequence[Shape]) -> Shape:
    return (
        inputs[0][0],
        *_window_counts(config, inputs[0][1:-1], config["kernel_size"], config.get("strides", 1)),
        int(config["filters"]),
    )


def _depthwise(config: Config, inputs: Sequence[Shape]) -> Shape:
    channels = inputs[0][-1]
    made = None if channels is None else channels * int(config.get("depth_multiplier", 1))
    counts = _window_counts(
        config, inputs[0][1:-1], config["kernel_size"], config.get("strides", 1)
    )
    return (inputs[0][0], *counts, made)


def _zero_padding(config: Config, inputs: Sequence[Shape]) -> Shape:
    batch, *lengths, channels = inputs[0]
    padding = config.get("padding", 1)
    if isinstance(padding, int):
        padding = [padding] * len(lengths)
    elif len(lengths) == 1:
        padding = [padding]
    added = [2 * one if isinstance(one, int) else sum(one) for one in padding]
    longer = [None if n is None else n + more for n, more in zip(lengths, added, strict=True)]
    return (batch, *longer, channels)


def _pooling(config: Config, inputs: Sequence[Shape]) -> Shape:
    size = config.get("pool_size", 2)
    strides = config.get("strides")
    counts = _window_counts(config, inputs[0][1:-1], size, size if strides is None else strides)
    return (inputs[0][0], *counts, inputs[0][-1])


def _window_counts(
    config: Config, lengths: Sequence[int | None], size: int | list[int], stride: int | list[int]
) -> Shape:
    """Return how many windows fit along each axis.

    'valid' gives ceil((n - (k - 1) d) / s), 'same' and 'causal' ceil(n / s): Dumoulin and Visin,
    "A guide to convolution arithmetic for deep learning", relationships 6 and 15.
    """
    axes = len(lengths)
    sizes, steps = _per_axis(size, axes), _per_axis(stride, axes)
    dilations = _per_axis(config.get("dilation_rate", 1), axes)
    padded = config.get("padding", "valid") != "valid"
    counts: list[int | None] = []
    for n, k, s, d in zip(lengths, sizes, steps, dilations, strict=True):
        span = 0 if padded else (k - 1) * d
        if n is not None and n <= span:
            raise InvalidCase(
                f"{config.get('name')!r}: a window of {span + 1} does not fit into length {n}"
            )
        counts.append(None if n is None else -((span - n) // s))
    return tuple(counts)


def _per_axis(value: int | list[int], axes: int) -> list[int]:
    return [value] * axes if isinstance(value, int) else list(value)


def _global_pooling(config: Config, inputs: Sequence[Shape]) -> Shape:
    batch, *lengths, features = inputs[0]
    return (batch, *([1] * len(lengths) if config.get("keepdims") else []), features)


def _recurrent(config: Config, inputs: Sequence[Shape]) -> Shape:
    batch, steps, _ = inputs[0]
    units = int(config["units"])
    return (batch, steps, units) if config.get("return_sequences") else (batch, units)


def _bidirectional(config: Config, inputs: Sequence[Shape]) -> Shape:
    *leading, units = _recurrent(config["layer"]["config"], inputs)
    joined = config.get("merge_mode", "concat") == "concat"
    return (*leading, 2 * units if joined and units is not None else units)


def _elementwise(config: Config, inputs: Sequence[Shape]) -> Shape:
    if len(set(inputs)) > 1:
        raise InvalidCase(f"{config.get('name')!r}: expected equal shapes, got {tuple(inputs)}")
    return inputs[0]


def _concatenate(config: Config, inputs: Sequence[Shape]) -> Shape:
    axis = config.get("axis", -1) % len(inputs[0])
    others = {(*shape[:axis], *shape[axis + 1 :]) for shape in inputs}
    if len(others) > 1:
        raise InvalidCase(
            f"Concatenate {config.get('name')!r}: expected shapes equal but for axis {axis}, "
            f"got {tuple(inputs)}"
        )
    joined = _total([shape[axis] for shape in inputs])
    return (*inputs[0][:axis], joined, *inputs[0][axis + 1 :])


def _total(lengths: Sequence[int | None]) -> int | None:
    known = [n for n in lengths if n is not None]
    return sum(known) if len(known) == len(lengths) else None


def _size(shape: Sequence[int | None]) -> int:
    known = [n for n in shape if n is not None]
    if len(known) != len(shape):
        raise InvalidCase(f"expected a shape with every length known, got {tuple(shape)}")
    return prod(known)


Rule = tuple[int | None, bool, Callable[[Config, Sequence[Shape]], Shape]]

RULES: dict[str, Rule] = {
    "Dense": (None, False, _dense),
    "Activation": (None, False, _same),
    "Dropout": (None, False, _same),
    "Flatten": (None, False, _flatten),
    "Reshape": (None, False, _reshape),
    "BatchNormalization": (None, False, _same),
    "LayerNormalization": (None, False, _same),
    "Embedding": (None, False, _embedding),
    "Conv1D": (3, False, _convolution),
    "Conv2D": (4, False, _convolution),
    "DepthwiseConv1D": (3, False, _depthwise),
    "DepthwiseConv2D": (4, False, _depthwise),
    "SeparableConv1D": (3, False, _convolution),
    "SeparableConv2D": (4, False, _convolution),
    "ZeroPadding1D": (3, False, _zero_padding),
    "ZeroPadding2D": (4, False, _zero_padding),
    "MaxPooling1D": (3, False, _pooling),
    "MaxPooling2D": (4, False, _pooling),
    "AveragePooling1D": (3, False, _pooling),
    "AveragePooling2D": (4, False, _pooling),
    "GlobalAveragePooling1D": (3, False, _global_pooling),
    "GlobalAveragePooling2D": (4, False, _global_pooling),
    "SimpleRNN": (3, False, _recurrent),
    "LSTM": (3, False, _recurrent),
    "GRU": (3, False, _recurrent),
    "Bidirectional": (3, False, _bidirectional),
    "ReLU": (None, False, _same),
    "LeakyReLU": (None, False, _same),
    "PReLU": (None, False, _same),
    "Softmax": (None, False, _same),
    "Add": (None, True, _elementwise),
    "Multiply": (None, True, _elementwise),
    "Concatenate": (None, True, _concatenate),
}
"""Class name → (rank of the inputs or None for any, takes several inputs, rule)."""
