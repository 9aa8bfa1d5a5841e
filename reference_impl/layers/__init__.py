"""The layers, by their Keras names."""

from reference_impl.layers.base import Layer
from reference_impl.layers.convolutional import Conv1D, Conv2D
from reference_impl.layers.core import Activation, Dense, Dropout, Flatten, Reshape
from reference_impl.layers.embedding import Embedding
from reference_impl.layers.input_layer import Input, InputLayer
from reference_impl.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from reference_impl.layers.normalization import BatchNormalization, LayerNormalization
from reference_impl.layers.pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    MaxPooling2D,
)
from reference_impl.layers.recurrent import GRU, LSTM, SimpleRNN

LAYERS: dict[str, type[Layer]] = {
    "Activation": Activation,
    "Add": Add,
    "Average": Average,
    "BatchNormalization": BatchNormalization,
    "Concatenate": Concatenate,
    "Conv1D": Conv1D,
    "Conv2D": Conv2D,
    "Dense": Dense,
    "Dropout": Dropout,
    "Embedding": Embedding,
    "Flatten": Flatten,
    "GRU": GRU,
    "GlobalAveragePooling1D": GlobalAveragePooling1D,
    "GlobalAveragePooling2D": GlobalAveragePooling2D,
    "InputLayer": InputLayer,
    "LSTM": LSTM,
    "LayerNormalization": LayerNormalization,
    "MaxPooling2D": MaxPooling2D,
    "Maximum": Maximum,
    "Minimum": Minimum,
    "Multiply": Multiply,
    "Reshape": Reshape,
    "SimpleRNN": SimpleRNN,
    "Subtract": Subtract,
}

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "Activation",
    "Add",
    "Average",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Reshape",
    "SimpleRNN",
    "Subtract",
]
