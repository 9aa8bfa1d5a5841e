"""The layers, by their Keras names."""

from saveproof.reference_impl.keras_names import refusing
from saveproof.reference_impl.layers.activation_layers import (
    ELU,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
    ThresholdedReLU,
)
from saveproof.reference_impl.layers.attention import (
    Attention,
)
from saveproof.reference_impl.layers.base import (
    Layer,
)
from saveproof.reference_impl.layers.convolutional import (
    Conv1D,
    Conv2D,
)
from saveproof.reference_impl.layers.core import (
    Activation,
    Dense,
    Flatten,
    Reshape,
)
from saveproof.reference_impl.layers.depthwise import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from saveproof.reference_impl.layers.dot import (
    Dot,
)
from saveproof.reference_impl.layers.dropout import (
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
)
from saveproof.reference_impl.layers.embedding import (
    Embedding,
)
from saveproof.reference_impl.layers.group_normalization import (
    GroupNormalization,
    UnitNormalization,
)
from saveproof.reference_impl.layers.input_layer import (
    Input,
    InputLayer,
)
from saveproof.reference_impl.layers.lambda_layer import (
    Lambda,
)
from saveproof.reference_impl.layers.masking import (
    Masking,
)
from saveproof.reference_impl.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from saveproof.reference_impl.layers.multi_head_attention import (
    MultiHeadAttention,
)
from saveproof.reference_impl.layers.normalization import (
    BatchNormalization,
    LayerNormalization,
)
from saveproof.reference_impl.layers.padding import (
    ZeroPadding1D,
    ZeroPadding2D,
)
from saveproof.reference_impl.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from saveproof.reference_impl.layers.rearranging import (
    Cropping1D,
    Cropping2D,
    Permute,
    RepeatVector,
    UpSampling1D,
    UpSampling2D,
)
from saveproof.reference_impl.layers.recurrent import (
    GRU,
    LSTM,
    SimpleRNN,
)
from saveproof.reference_impl.layers.regularization import (
    ActivityRegularization,
)
from saveproof.reference_impl.layers.time_distributed import (
    TimeDistributed,
)
from saveproof.reference_impl.layers.transposed import (
    Conv1DTranspose,
    Conv2DTranspose,
)
from saveproof.reference_impl.layers.wrappers import (
    Bidirectional,
)

LAYERS: dict[str, type[Layer]] = {
    "Activation": Activation,
    "ActivityRegularization": ActivityRegularization,
    "Add": Add,
    "Attention": Attention,
    "Average": Average,
    "AveragePooling1D": AveragePooling1D,
    "AveragePooling2D": AveragePooling2D,
    "BatchNormalization": BatchNormalization,
    "Bidirectional": Bidirectional,
    "Concatenate": Concatenate,
    "Conv1D": Conv1D,
    "Conv1DTranspose": Conv1DTranspose,
    "Conv2D": Conv2D,
    "Conv2DTranspose": Conv2DTranspose,
    "Cropping1D": Cropping1D,
    "Cropping2D": Cropping2D,
    "Dense": Dense,
    "DepthwiseConv1D": DepthwiseConv1D,
    "DepthwiseConv2D": DepthwiseConv2D,
    "Dot": Dot,
    "Dropout": Dropout,
    "ELU": ELU,
    "Embedding": Embedding,
    "Flatten": Flatten,
    "GRU": GRU,
    "GaussianDropout": GaussianDropout,
    "GaussianNoise": GaussianNoise,
    "GlobalAveragePooling1D": GlobalAveragePooling1D,
    "GlobalAveragePooling2D": GlobalAveragePooling2D,
    "GlobalMaxPooling1D": GlobalMaxPooling1D,
    "GlobalMaxPooling2D": GlobalMaxPooling2D,
    "GroupNormalization": GroupNormalization,
    "InputLayer": InputLayer,
    "LSTM": LSTM,
    "Lambda": Lambda,
    "LayerNormalization": LayerNormalization,
    "LeakyReLU": LeakyReLU,
    "Masking": Masking,
    "MaxPooling1D": MaxPooling1D,
    "MaxPooling2D": MaxPooling2D,
    "Maximum": Maximum,
    "Minimum": Minimum,
    "MultiHeadAttention": MultiHeadAttention,
    "Multiply": Multiply,
    "PReLU": PReLU,
    "Permute": Permute,
    "ReLU": ReLU,
    "RepeatVector": RepeatVector,
    "Reshape": Reshape,
    "SeparableConv1D": SeparableConv1D,
    "SeparableConv2D": SeparableConv2D,
    "SimpleRNN": SimpleRNN,
    "Softmax": Softmax,
    "SpatialDropout1D": SpatialDropout1D,
    "SpatialDropout2D": SpatialDropout2D,
    "Subtract": Subtract,
    "ThresholdedReLU": ThresholdedReLU,
    "TimeDistributed": TimeDistributed,
    "UnitNormalization": UnitNormalization,
    "UpSampling1D": UpSampling1D,
    "UpSampling2D": UpSampling2D,
    "ZeroPadding1D": ZeroPadding1D,
    "ZeroPadding2D": ZeroPadding2D,
}

__all__ = [
    "ELU",
    "GRU",
    "LAYERS",
    "LSTM",
    "Activation",
    "ActivityRegularization",
    "Add",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SimpleRNN",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Subtract",
    "ThresholdedReLU",
    "TimeDistributed",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
]

__getattr__ = refusing("layers", __all__)
