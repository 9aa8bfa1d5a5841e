"""Models whose checkpoints are exchanged, written once for every implementation of Keras's API."""

import numpy as np

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(8, 4)).astype("float32")
STEPS = RANDOM.integers(0, 7, (8, 5))
IMAGES = RANDOM.normal(size=(8, 5, 4, 2)).astype("float32")
TARGETS = RANDOM.normal(size=(8, 2)).astype("float32")


def chain(keras):
    return keras.Sequential(
        [
            keras.layers.Dense(5, activation="tanh", input_shape=(4,)),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("relu"),
            keras.layers.Dense(2, use_bias=False),
        ]
    )


def network(keras):
    """Recurrent layers, which keep their weights in cells, and a nested model used twice."""
    words = keras.Input((5,), name="words")
    x = keras.layers.Embedding(7, 4)(words)
    x = keras.layers.LSTM(3, return_sequences=True)(x)
    x = keras.layers.GRU(3, return_sequences=True)(x)
    x = keras.layers.SimpleRNN(3)(x)
    inner = keras.Sequential(
        [keras.layers.Dense(3, input_shape=(3,)), keras.layers.LayerNormalization()], name="inner"
    )
    x = keras.layers.Add()([inner(x), inner(inner(x))])
    return keras.Model(words, keras.layers.Dense(2)(x))


def image(keras):
    given = keras.Input((5, 4, 2))
    x = keras.layers.Conv2D(3, 2, padding="same")(given)
    x = keras.layers.Reshape((-1, 3))(keras.layers.MaxPooling2D(2)(x))
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Conv1D(4, 2)(x))
    return keras.Model(given, keras.layers.Dense(2)(x))


def subclassed(keras):
    """Layers in attributes, lists, tuples and dictionaries, and a weight of the model's own."""

    class Scale(keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight("by", shape=(input_shape[-1],), initializer="ones")
            self.built = True

        def call(self, inputs):
            return inputs * self.scale

    class Blocks(keras.Model):
        def __init__(self):
            super().__init__()
            self.zed = keras.layers.Dense(3)
            self.blocks = [keras.layers.Dense(3), [keras.layers.Dense(3)], 7]
            self.by_name = {"b": keras.layers.Dense(3), "a.x/y": Scale()}
            self.pair = (keras.layers.Dense(3), self.zed)
            self.stack = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2)])

        def call(self, inputs):
            x = self.zed(inputs)
            x = self.pair[0](self.by_name["b"](self.blocks[1][0](self.blocks[0](x))))
            return self.stack(self.by_name["a.x/y"](x))

    return Blocks()


MODELS = {
    "chain": (chain, ROWS),
    "network": (network, STEPS),
    "image": (image, IMAGES),
    "subclassed": (subclassed, ROWS),
}

OPTIMIZERS = {
    "sgd": lambda module: module.SGD(0.05),
    "momentum": lambda module: module.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda module: module.Adam(0.01, beta_1=0.8),
    "amsgrad": lambda module: module.Adam(0.01, amsgrad=True),
    "ema": lambda module: module.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
    "rmsprop": lambda module: module.RMSprop(0.01),
    "centered": lambda module: module.RMSprop(0.01, momentum=0.9, centered=True),
    "adamw": lambda module: module.AdamW(0.01, weight_decay=0.1),
    "adamax": lambda module: module.Adamax(0.01),
    "nadam": lambda module: module.Nadam(0.01),
    "adagrad": lambda module: module.Adagrad(0.1),
    "adadelta": lambda module: module.Adadelta(0.5),
    "lion": lambda module: module.Lion(0.001),
    "adafactor": lambda module: module.Adafactor(0.05),
    "ftrl": lambda module: module.Ftrl(0.05, l1_regularization_strength=0.01),
    "scheduled": lambda module: module.Adam(module.schedules.ExponentialDecay(0.1, 2, 0.5)),
}

LEGACY = {
    "adam": lambda module: module.Adam(0.01, beta_1=0.8),
    "amsgrad": lambda module: module.Adam(0.01, amsgrad=True),
    "rmsprop": lambda module: module.RMSprop(0.01, momentum=0.9, centered=True),
    "sgd": lambda module: module.SGD(0.05),
    "momentum": lambda module: module.SGD(0.05, momentum=0.9),
    "adamax": lambda module: module.Adamax(0.01),
    "nadam": lambda module: module.Nadam(0.01),
    "adagrad": lambda module: module.Adagrad(0.1),
    "adadelta": lambda module: module.Adadelta(0.5),
}


def compiled(keras, kind, optimizer="adam", **arguments):
    """Return a compiled model of a kind, its optimizer by name or as it is."""
    model = MODELS[kind][0](keras)
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer](keras.optimizers)
    model.compile(optimizer, "mse", **arguments)
    return model


def trained(model, kind, *, steps):
    """Train on the kind's data, and return the losses."""
    x = MODELS[kind][1]
    return [float(model.train_on_batch(x, TARGETS)) for _ in range(steps)]


def saved(keras, folder, kind="chain", optimizer="adam", *, steps=2):
    """Return a trained model and the prefix of its checkpoint."""
    model = compiled(keras, kind, optimizer)
    trained(model, kind, steps=steps)
    model.save_weights(folder / "ck")
    return model, folder / "ck"


def everything(model):
    """Return all state of one of the reference's models, as bytes."""
    variables = list(model.weights)
    if model.optimizer is not None:
        variables += [*model.optimizer.variables, model.optimizer.learning_rate]
        variables += list(model.optimizer.extra_state.values())
    variables += [state for layer in model.flatten_layers() for state in layer.extra_state.values()]
    variables += [variable for metric in model.metrics for variable in metric.variables]
    return [variable.value.tobytes() for variable in variables]
