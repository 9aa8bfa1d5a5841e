"""Models as a user writes them: a layer of their own, a schedule, dropout."""

import keras  # noqa: TID253 - as users do


@keras.saving.register_keras_serializable("own")
class Scale(keras.layers.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("own")
class ForgetsFactor(Scale):
    def get_config(self):
        return keras.layers.Layer.get_config(self)


@keras.saving.register_keras_serializable("own")
class Written(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units, activation="relu")
        self.end = keras.layers.Dense(1)

    def call(self, x):
        return self.end(self.hidden(x))

    def get_config(self):
        return {"units": self.units}


def compiled(model):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)
    model.compile(keras.optimizers.Adam(schedule), "mse", metrics=["mae"])
    return model


def with_layer(scale):
    inputs = keras.Input((4,))
    x = keras.layers.Dense(8, activation="relu")(inputs)
    x = keras.layers.Dropout(0.3, seed=7)(scale(x))
    return compiled(keras.Model(inputs, keras.layers.Dense(1)(x)))


def right():
    return with_layer(Scale(2.0))


def lossy():
    return with_layer(ForgetsFactor(2.0))


def written():
    return compiled(Written())


def uncompiled():
    return Written()


def nothing():
    return None
