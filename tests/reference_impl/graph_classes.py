"""Classes of models that are functional or sequential, made in the ways of programs."""

import numpy as np

from saveproof import reference_impl as keras


class Scale(keras.layers.Layer):
    def __init__(self, by=2.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs):
        return inputs * self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def chain(units, given):
    return keras.layers.Dense(units)(Scale(3.0)(keras.layers.Dense(4)(given)))


class Own(keras.Model):
    """Makes its graph itself."""

    def __init__(self, units=2):
        given = keras.Input((3,))
        super().__init__(given, chain(units, given))


class Named(keras.Model):
    """Passes on what it is given besides."""

    def __init__(self, units=2, **kwargs):
        given = keras.Input((3,))
        super().__init__(inputs=given, outputs=chain(units, given), **kwargs)


class Stated(Own):
    def __init__(self, units):
        super().__init__(units)
        self.units = units

    def get_config(self):
        return {"units": self.units}


class Extended(Named):
    """States more than it inherits."""

    def get_config(self):
        return {**super().get_config(), "units": self.output_shape[-1]}


class Given(keras.Model):
    """Is given its tensors."""


class Silent(Own):
    def get_config(self):
        raise NotImplementedError


def given():
    tensor = keras.Input((3,))
    return Given(tensor, chain(2, tensor))


class More(Own):
    """Holds and computes more than its graph."""

    def __init__(self, units=2):
        super().__init__(units)
        self.more = keras.layers.Dense(units)
        self.more.build((None, 3))

    def call(self, inputs):
        return super().call(inputs) + self.more(inputs)


class Stack(keras.Sequential):
    def extra(self):
        return 42


class OwnStack(keras.Sequential):
    def __init__(self, units=2):
        super().__init__([keras.Input((3,)), keras.layers.Dense(units)])


def around(model):
    """Return the model inside a stack inside a graph."""
    tensor = keras.Input((3,))
    return keras.Model(tensor, keras.Sequential([model, Scale(0.5)])(tensor))


MODELS = {
    "own": lambda: Own(),
    "own with an argument": lambda: Own(units=np.int64(5)),
    "named": lambda: Named(3, name="mine", trainable=False),
    "stated": lambda: Stated(3),
    "extended": lambda: Extended(3, name="mine"),
    "given": given,
}

KINDS = (Scale, Own, Named, Stated, Extended, Given, Silent, More, Stack, OwnStack)
CUSTOM = {kind.__name__: kind for kind in KINDS}
