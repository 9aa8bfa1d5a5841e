"""Batches as a user writes them."""

import numpy as np


def batch(step):
    draw = np.random.default_rng(step)
    x = draw.normal(size=(8, 4)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def other_each_time():
    x = np.random.default_rng().normal(size=(8, 4)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def no_batch():
    return np.zeros((8, 4))
