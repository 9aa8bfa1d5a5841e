"""Models with masks, attention and layers on each step, for every implementation of Keras's API."""

import numpy as np

RANDOM = np.random.default_rng(4)
STEPS = RANDOM.normal(size=(6, 5, 4)).astype("float32")
STEPS[0, 3:] = STEPS[1, :2] = STEPS[2, 1] = STEPS[3] = 0.0
"""Sequences with steps of zeros: at the end, at the start, in the middle, and all of them."""
SHORT = STEPS[[0, 1, 2, 4, 5, 4]]
WORDS = np.array([[1, 2, 0, 0], [0, 3, 3, 0], [4, 4, 5, 6], [6, 0, 1, 0]])
ONE = RANDOM.normal(size=(6, 2)).astype("float32")
EACH = RANDOM.normal(size=(6, 5, 2)).astype("float32")
EACH_WORD = RANDOM.normal(size=(4, 4, 2)).astype("float32")
OTHER = RANDOM.normal(size=(6, 3, 6)).astype("float32")
PICTURES = RANDOM.normal(size=(3, 5, 4, 3, 2)).astype("float32")


def stack(keras, *layers, shape=(5, 4)):
    return keras.Sequential([keras.Input(shape), *layers])


def recurrent(keras, name, **arguments):
    layer = getattr(keras.layers, name)(3, **arguments)
    return stack(keras, keras.layers.Masking(), layer, keras.layers.Dense(2))


def several(keras):
    """Masks of two inputs that are added, and joined step after step."""
    one, two = keras.Input((5, 4), name="one"), keras.Input((5, 4), name="two")
    masked = keras.layers.Masking()(one)
    merged = keras.layers.Add()([masked, keras.layers.Masking(0.5)(two)])
    joined = keras.layers.Concatenate(axis=1)([merged, masked])
    return keras.Model([one, two], keras.layers.Dense(2)(keras.layers.GRU(3)(joined)))


def nested(keras):
    """A mask that a model inside the model passes on."""
    inner = stack(keras, keras.layers.Masking(), keras.layers.Dense(3))
    given = keras.Input((5, 4))
    return keras.Model(given, keras.layers.Dense(2)(keras.layers.LSTM(3)(inner(given))))


def self_attention(keras, **arguments):
    words = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(7, 6, mask_zero=True)(words)
    found = keras.layers.MultiHeadAttention(2, 3, **arguments)(x, x)
    x = keras.layers.Add()([x, found])
    return keras.Model(words, keras.layers.Dense(2)(keras.layers.LayerNormalization()(x)))


def cross_attention(keras):
    query, value = keras.Input((5, 4), name="query"), keras.Input((3, 6), name="value")
    layer = keras.layers.MultiHeadAttention(3, 2, value_dim=4, output_shape=5, use_bias=False)
    found, weights = layer(query, value, return_attention_scores=True)
    flat = keras.layers.Flatten()(weights)
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(found), flat])
    return keras.Model([query, value], keras.layers.Dense(2)(joined))


def attention(keras):
    words = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(7, 6, mask_zero=True)(words)
    x = keras.layers.Attention(use_scale=True)([keras.layers.Dense(6)(x), x])
    return keras.Model(words, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(x)))


def pictures(keras):
    """Layers on each picture of a sequence."""
    of = keras.layers
    return stack(
        keras,
        of.TimeDistributed(of.Conv2D(3, 2, use_bias=False, kernel_regularizer="l2")),
        of.TimeDistributed(of.BatchNormalization()),
        of.TimeDistributed(of.Flatten()),
        of.TimeDistributed(of.Dense(4)),
        of.LSTM(3),
        of.Dense(2),
        shape=(5, 4, 3, 2),
    )


def masked_steps(keras):
    of = keras.layers
    return stack(keras, of.Masking(), of.TimeDistributed(of.Dense(3)), of.GRU(3), of.Dense(2))


def stacked(keras, *, merge_mode="concat", **arguments):
    of = keras.layers
    first = of.Bidirectional(of.LSTM(3, return_sequences=True, **arguments), merge_mode=merge_mode)
    return stack(keras, of.Masking(), first, of.SimpleRNN(3), of.Dense(2))


def last(keras):
    of = keras.layers
    return stack(keras, of.Masking(), of.Bidirectional(of.GRU(3)), of.Dense(2))


def labels(keras):
    """A mask that reaches the loss and the metrics."""
    of = keras.layers
    return stack(keras, of.Masking(), of.LSTM(3, return_sequences=True), of.Dense(2))


def mean(keras):
    of = keras.layers
    return stack(keras, of.Masking(), of.GlobalAveragePooling1D(), of.Dense(2))


def joined_features(keras):
    given = keras.Input((5, 4))
    masked = keras.layers.Masking()(given)
    x = keras.layers.Concatenate()([masked, keras.layers.Dense(2)(given)])
    return keras.Model(given, keras.layers.Dense(2)(keras.layers.LSTM(3)(x)))


def normalized(keras):
    of = keras.layers
    steps = [of.GroupNormalization(2), of.UnitNormalization(), of.SpatialDropout1D(0.0)]
    return stack(keras, *steps, of.GlobalMaxPooling1D(), of.ELU(), of.Dense(2))


def grown(keras):
    of = keras.layers
    return stack(
        keras,
        of.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1),
        of.UpSampling2D(2),
        of.Cropping2D(((1, 0), (0, 2))),
        of.SpatialDropout2D(0.0),
        of.GaussianDropout(0.0),
        of.GlobalMaxPooling2D(),
        of.RepeatVector(3),
        of.Permute((2, 1)),
        of.Conv1DTranspose(2, 2),
        of.UpSampling1D(2),
        of.Cropping1D(1),
        of.ActivityRegularization(l2=0.01),
        of.GaussianNoise(0.0),
        of.Flatten(),
        of.Dense(2),
        shape=(4, 3, 2),
    )


def products(keras):
    one, two = keras.Input((5, 4), name="one"), keras.Input((5, 4), name="two")
    found = keras.layers.Dot(2, normalize=True)([keras.layers.Dense(4)(one), two])
    x = keras.layers.ThresholdedReLU(0.1)(keras.layers.Flatten()(found))
    return keras.Model([one, two], keras.layers.Dense(2)(x))


TWO = [STEPS, STEPS[::-1].copy()]

EXCHANGED = (
    *("zeros", "several", "self attention", "cross attention", "attention", "pictures"),
    *("Bidirectional", "normalized", "grown", "products"),
)
"""Models that have each new class once: frameworks take seconds for each."""

MODELS = {
    "SimpleRNN": (lambda keras: recurrent(keras, "SimpleRNN"), STEPS, ONE),
    "LSTM": (lambda keras: recurrent(keras, "LSTM", go_backwards=True), STEPS, ONE),
    "GRU": (lambda keras: recurrent(keras, "GRU", unroll=True), STEPS, ONE),
    "zeros": (
        lambda keras: recurrent(keras, "GRU", return_sequences=True, zero_output_for_mask=True),
        STEPS,
        EACH,
    ),
    "several": (several, TWO, ONE),
    "nested": (nested, STEPS, ONE),
    "self attention": (self_attention, WORDS, EACH_WORD),
    "cross attention": (cross_attention, [STEPS, OTHER], ONE),
    "attention": (attention, WORDS, ONE[:4]),
    "pictures": (pictures, PICTURES, ONE[:3]),
    "masked steps": (masked_steps, STEPS, ONE),
    "Bidirectional": (stacked, STEPS, ONE),
    "Bidirectional, summed": (lambda keras: stacked(keras, merge_mode="sum"), STEPS, ONE),
    "last of both": (last, STEPS, ONE),
    "labels": (labels, SHORT, EACH),
    "mean": (mean, SHORT, ONE),
    "joined features": (joined_features, STEPS, ONE),
    "normalized": (normalized, STEPS, ONE),
    "grown": (grown, RANDOM.normal(size=(6, 4, 3, 2)).astype("float32"), ONE),
    "products": (products, TWO, ONE),
}


def compiled(keras, name, **arguments):
    """Return the compiled model with that name."""
    model = MODELS[name][0](keras)
    model.compile(
        keras.optimizers.Adam(0.01),
        "mse",
        metrics=["mae"],
        weighted_metrics=["mae", "mse"],
        **arguments,
    )
    return model
