"""Cloning: a model of the same architecture with fresh weights."""

from saveproof.reference_impl.engine.flags import flags_of, paired, set_flags
from saveproof.reference_impl.engine.graph_config import graph_config, graph_from_config
from saveproof.reference_impl.engine.model import beyond_graph
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.limits import allow_size
from saveproof.reference_impl.model import Model, Sequential


def clone_model(model: Model) -> Model:
    """Return a model of the same architecture, with fresh weights.

    As in tf_keras, the clone of a subclass that builds its own functional graph is a plain
    `Model`, and the clone of a subclass of `Sequential` is a plain `Sequential` unless the subclass
    defines `get_config`. Classes are never looked up by name.

    Raises:
        ValueError: for a subclassed model whose class defines no `get_config`.
    """
    own_config = type(model).get_config not in (Model.get_config, Sequential.get_config)
    if model.graph is None and not own_config and not isinstance(model, Sequential):
        raise ValueError(
            f"model {model.name!r}: expected a functional or sequential model to clone, found a "
            f"subclassed one; define {type(model).__name__}.get_config()"
        )
    with allow_size(sum(weight.value.nbytes for weight in model.weights)):
        clone = _clone(model)
    if not isinstance(clone, Model):
        raise TypeError(
            f"model {model.name!r}: expected from_config() to return a model, "
            f"found a {type(clone).__name__}"
        )
    return clone


def _clone(layer: Layer) -> Layer:
    """Return a layer of the same class, configuration and name."""
    clone: Layer
    if isinstance(layer, Sequential) and type(layer).get_config is Sequential.get_config:
        clone = Sequential([_clone(one) for one in layer.sublayers()], name=layer.name)
    elif isinstance(layer, Model) and layer.graph and _is_its_graph(layer):
        clone = _clone_graph(layer)
    else:
        clone = type(layer).from_config(layer.get_config())
        clone.rename(layer.name)
    # The clone holds as many layers, unless the class's own configuration says otherwise.
    set_flags(paired(clone, [flag for _, flag in flags_of(layer)]) or [])
    return clone


def _is_its_graph(model: Model) -> bool:
    """Return whether the graph describes the model, or its constructor takes inputs and outputs."""
    inherited = type(model).get_config is Model.get_config
    return inherited and not (model.makes_own_graph and beyond_graph(model))


def _clone_graph(model: Model) -> Model:
    assert model.graph is not None
    layers = {layer.name: _clone(layer) for layer in model.graph.layers}
    config = graph_config(model.graph, entry=lambda layer: {"config": {"name": layer.name}})
    inputs, outputs = graph_from_config(config, layers)
    kind = Model if model.makes_own_graph else type(model)
    return kind(inputs, outputs, name=model.name)
