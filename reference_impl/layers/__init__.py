"""The layers, by their Keras names."""

from saveproof.reference_impl.layers.activation_layers import LeakyReLU, PReLU, ReLU, Softmax
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.convolutional import Conv1D, Conv2D
from saveproof.reference_impl.layers.core import Activation, Dense, Dropout, Flatten, Reshape
from saveproof.reference_impl.layers.depthwise import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from saveproof.reference_impl.layers.embedding import Embedding
from saveproof.reference_impl.layers.input_layer import Input, InputLayer
from saveproof.reference_impl.layers.lambda_layer import Lambda
from saveproof.reference_impl.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from saveproof.reference_impl.layers.normalization import BatchNormalization, LayerNormalization
from saveproof.reference_impl.layers.padding import ZeroPadding1D, ZeroPadding2D
from saveproof.reference_impl.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from saveproof.reference_impl.layers.recurrent import GRU, LSTM, SimpleRNN
from saveproof.reference_impl.layers.wrappers import Bidirectional

LAYERS: dict[str, type[Layer]] = {
    "Activation": Activation,
    "Add": Add,
    "Average": Average,
    "AveragePooling1D": AveragePooling1D,
    "AveragePooling2D": AveragePooling2D,
    "BatchNormalization": BatchNormalization,
    "Bidirectional": Bidirectional,
    "Concatenate": Concatenate,
    "Conv1D": Conv1D,
    "Conv2D": Conv2D,
    "Dense": Dense,
    "DepthwiseConv1D": DepthwiseConv1D,
    "DepthwiseConv2D": DepthwiseConv2D,
    "Dropout": Dropout,
    "Embedding": Embedding,
    "Flatten": Flatten,
    "GRU": GRU,
    "GlobalAveragePooling1D": GlobalAveragePooling1D,
    "GlobalAveragePooling2D": GlobalAveragePooling2D,
    "InputLayer": InputLayer,
    "LSTM": LSTM,
    "Lambda": Lambda,
    "LayerNormalization": LayerNormalization,
    "LeakyReLU": LeakyReLU,
    "MaxPooling1D": MaxPooling1D,
    "MaxPooling2D": MaxPooling2D,
    "Maximum": Maximum,
    "Minimum": Minimum,
    "Multiply": Multiply,
    "PReLU": PReLU,
    "ReLU": ReLU,
    "Reshape": Reshape,
    "SeparableConv1D": SeparableConv1D,
    "SeparableConv2D": SeparableConv2D,
    "SimpleRNN": SimpleRNN,
    "Softmax": Softmax,
    "Subtract": Subtract,
    "ZeroPadding1D": ZeroPadding1D,
    "ZeroPadding2D": ZeroPadding2D,
}

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "ReLU",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SimpleRNN",
    "Softmax",
    "Subtract",
    "ZeroPadding1D",
    "ZeroPadding2D",
]
