"""Cloning: the same architecture anew, with fresh weights."""

from reference_impl.limits import allow_size
from reference_impl.models.model import Model
from reference_impl.serialization import deserialize_layer, serialize_layer


def clone_model(model: Model) -> Model:
    """Return a functional or sequential model of the same configuration, with fresh weights.

    Raises:
        ValueError: for a subclassed model.
    """
    if model.graph is None and type(model).get_config is Model.get_config:
        raise ValueError(
            f"model {model.name!r}: expected a functional or sequential model to clone, found a "
            "subclassed one"
        )
    with allow_size(sum(weight.value.nbytes for weight in model.weights)):
        clone = deserialize_layer(serialize_layer(model))
    if not isinstance(clone, Model):
        raise TypeError(f"model {model.name!r}: its class gave a {type(clone).__name__}")
    return clone
