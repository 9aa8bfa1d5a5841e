"""shapes.py and the reference's layers state output shapes twice on purpose: here they meet."""

from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings

from saveproof.reference_impl.layers import LAYERS
from saveproof.strategies.architectures import architectures
from saveproof.strategies.case import Architecture
from saveproof.strategies.layers import ALL
from saveproof.strategies.shapes import Shape, layer_shape, tensor_shapes


def test_the_reference_has_every_layer_that_is_generated():
    assert set(ALL) <= set(LAYERS)


@settings(
    max_examples=300, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(architectures())
def test_shapes_match_the_reference(architecture: Architecture):
    for class_name, config, inputs, expected in calls(architecture):
        layer = LAYERS[class_name].from_config(config)
        given = inputs[0] if len(inputs) == 1 else inputs

        assert tuple(layer.compute_output_shape(given)) == expected


def calls(
    architecture: Architecture,
) -> Iterator[tuple[str, dict[str, object], list[Shape], Shape]]:
    """Yield class, arguments, input shapes and output shape of every call, nested ones too."""
    shapes = tensor_shapes(architecture)
    for call in architecture.calls:
        layer = architecture.layer(call.layer)
        taken = [shapes[name] for name in call.inputs]
        if layer.model is None:
            yield layer.class_name, layer.config, taken, layer_shape(layer, taken)
        else:
            yield from calls(layer.model)
