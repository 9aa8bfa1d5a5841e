"""Models with symbolic tensors given by keyword, in the words of any Keras, and data for them."""

import numpy as np

RANDOM = np.random.default_rng(15)


def numbers(*shape):
    return RANDOM.normal(size=shape).astype("float32")


def shifted_class(keras):
    class Shifted(keras.layers.Layer):
        """A layer with a second tensor and a factor, both by keyword."""

        def call(self, inputs, by=None, factor=2.0):
            return inputs * factor + (0.0 if by is None else by)

    return Shifted


def translator(keras):
    """An encoder whose states a decoder starts from."""
    source, target = keras.Input((None, 3)), keras.Input((None, 2))
    _, h, c = keras.layers.LSTM(4, return_state=True)(source)
    decoder = keras.layers.LSTM(4, return_sequences=True, return_state=True)
    outputs, _, _ = decoder(target, initial_state=[h, c])
    return keras.Model([source, target], keras.layers.Dense(2)(outputs))


def started(keras):
    steps, state = keras.Input((4, 3)), keras.Input((5,))
    return keras.Model([steps, state], keras.layers.GRU(5)(steps, initial_state=state))


def shifted(keras):
    one, other = keras.Input((3,)), keras.Input((3,))
    tensor = shifted_class(keras)()(
        keras.layers.Dense(3)(one), by=keras.layers.Dense(3)(other), factor=3.0
    )
    return keras.Model([one, other], keras.layers.Dense(2)(tensor))


DATA = {
    translator: ([numbers(5, 6, 3), numbers(5, 4, 2)], numbers(5, 4, 2)),
    started: ([numbers(5, 4, 3), numbers(5, 5)], numbers(5, 5)),
    shifted: ([numbers(5, 3), numbers(5, 3)], numbers(5, 2)),
}
"""Inputs and targets of each model."""
