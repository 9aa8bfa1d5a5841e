"""Activation functions by their Keras names."""

import math
from collections.abc import Callable

from saveproof.reference_impl.catalogue import Catalogue, UnknownNameError
from saveproof.reference_impl.numerics import autodiff as ad
from saveproof.reference_impl.numerics.autodiff import Operand, Tensor

Activation = Callable[[Tensor], Tensor]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def linear(x: Tensor) -> Tensor:
    """The input itself."""
    return x


def relu(
    x: Operand, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """The input from the threshold to `max_value`, `alpha` (x - threshold) below the threshold."""
    if alpha == 0.0 and max_value is None and threshold == 0.0:
        return ad.relu(x)
    x = x if isinstance(x, Tensor) else Tensor(x)
    above = x if max_value is None else ad.minimum(x, max_value)
    return ad.where(x.value >= threshold, above, alpha * (x - threshold))


def relu6(x: Operand) -> Tensor:
    """Min(max(x, 0), 6)."""
    return ad.minimum(ad.relu(x), 6.0)


def leaky_relu(x: Operand, alpha: float = 0.2) -> Tensor:
    """The input where positive, alpha times it elsewhere (TensorFlow's default slope, 0.2)."""
    return relu(x, alpha=alpha)


def elu(x: Operand, alpha: float = 1.0) -> Tensor:
    """The input where positive, alpha (exp(x) - 1) elsewhere. Source: Clevert et al. (2016)."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    return ad.where(x.value > 0, x, alpha * (ad.exp(ad.minimum(x, 0.0)) - 1.0))


def selu(x: Operand) -> Tensor:
    """Scaled elu. Source: Klambauer et al. (2017)."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def gelu(x: Tensor, *, approximate: bool = False) -> Tensor:
    """X times the normal distribution function of x. Source: Hendrycks and Gimpel (2016)."""
    if approximate:
        return 0.5 * x * (1.0 + ad.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1.0 + ad.erf(x / math.sqrt(2)))


def softmax(x: Operand, axis: int = -1) -> Tensor:
    """Exp(x) / sum(exp(x)) along an axis; its `logits` are x."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    probabilities = ad.softmax(x, axis)
    probabilities.logits = x
    return probabilities


def log_softmax(x: Operand, axis: int = -1) -> Tensor:
    """The logarithm of the softmax along an axis."""
    return ad.log_softmax(x, axis)


def softplus(x: Operand) -> Tensor:
    """Log(1 + exp(x))."""
    return ad.softplus(x)


def softsign(x: Operand) -> Tensor:
    """X / (1 + |x|)."""
    return ad.divide(x, 1.0 + ad.absolute(x))


def swish(x: Operand) -> Tensor:
    """X times sigmoid(x); `silu` is another name for it. Source: Ramachandran et al. (2017)."""
    return ad.multiply(x, ad.sigmoid(x))


def mish(x: Operand) -> Tensor:
    """X times tanh(softplus(x)). Source: Misra (2020)."""
    return ad.multiply(x, ad.tanh(ad.softplus(x)))


def tanh(x: Operand) -> Tensor:
    """The hyperbolic tangent."""
    return ad.tanh(x)


def sigmoid(x: Operand) -> Tensor:
    """1 / (1 + exp(-x)); its `logits` are x."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    probabilities = ad.sigmoid(x)
    probabilities.logits = x
    return probabilities


def hard_sigmoid(x: Operand) -> Tensor:
    """0.2 x + 0.5, kept within [0, 1]."""
    return ad.clip(ad.add(ad.multiply(x, 0.2), 0.5), 0.0, 1.0)


def keras_3_hard_sigmoid(x: Operand) -> Tensor:
    """X / 6 + 0.5, kept within [0, 1]: what Keras 3 calls `hard_sigmoid`."""
    return ad.clip(ad.add(ad.divide(x, 6.0), 0.5), 0.0, 1.0)


def exponential(x: Operand) -> Tensor:
    """E to the x."""
    return ad.exp(x)


ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "elu": elu,
    "exponential": exponential,
    "gelu": gelu,
    "hard_sigmoid": hard_sigmoid,
    "keras_3_hard_sigmoid": keras_3_hard_sigmoid,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_softmax": log_softmax,
    "mish": mish,
    "relu": relu,
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "softmax": softmax,
    "softplus": softplus,
    "softsign": softsign,
    "swish": swish,
    "tanh": tanh,
}

_CATALOGUE: Catalogue[Activation] = Catalogue(
    kind="activation",
    module="keras.activations",
    entries=ACTIVATIONS,
    aliases={"silu": "swish"},
)


def get(identifier: object) -> Activation:
    """Return the activation for a name, a serialized entry or a function; linear for None.

    Raises:
        UnknownNameError: If the identifier has another type or its name is unknown.
    """
    if identifier is None:
        return linear
    if hasattr(identifier, "get_config"):
        raise UnknownNameError(
            f"activation: expected a name or a function, found the layer {identifier!r}; put it "
            "into the model as a layer of its own"
        )
    found: Activation = _CATALOGUE.get(identifier)
    return found


def serialize(activation: Activation) -> object:
    """Return the name of a built-in function; for any other function, an entry with its name."""
    if activation in ACTIVATIONS.values():
        return activation.__name__
    return _CATALOGUE.serialize(activation)


def deserialize(entry: object) -> Activation:
    """Return the activation for a name or a serialized entry."""
    return get(entry)
