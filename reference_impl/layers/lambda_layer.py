"""Lambda, which is refused: its config is Python code."""

from typing import Any

from saveproof.reference_impl.layers.arguments import UnsupportedArgumentError
from saveproof.reference_impl.layers.base import Layer


class Lambda(Layer):
    """Refused when it is made and when a file names it.

    Keras writes the function as marshalled bytecode, which runs as the loading program does and
    which another Python release can't read: https://keras.io/api/layers/core_layers/lambda/.
    """

    def __init__(self, *_: object, **kwargs: Any) -> None:
        raise UnsupportedArgumentError(
            f"layer {kwargs.get('name') or 'Lambda'!r}: a Lambda layer is not offered, since a "
            "file holds its function as Python code that a load would run; write the function "
            "as the call() of a subclass of Layer, and pass that in custom_objects"
        )
