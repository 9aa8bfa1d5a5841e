"""Lambda, which is rejected because its config is Python code."""

from typing import Any

from saveproof.reference_impl.layers.arguments import UnsupportedArgumentError
from saveproof.reference_impl.layers.base import Layer


class Lambda(Layer):
    """Raises an error when constructed or loaded.

    Keras saves the function as marshalled bytecode, which runs with the rights of the loading
    program and which other Python releases can't read:
    https://keras.io/api/layers/core_layers/lambda/.
    """

    def __init__(self, *_: object, **kwargs: Any) -> None:
        raise UnsupportedArgumentError(
            f"layer {kwargs.get('name') or 'Lambda'!r}: Lambda layers are not supported, since a "
            "file stores the function as Python code that a load would run; write the function "
            "as the call() of a subclass of Layer, and pass the class in custom_objects"
        )
