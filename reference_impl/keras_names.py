"""Names of Keras classes that the reference does not implement, for messages about files."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_LAYERS = """
AbstractRNNCell ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D
AdditiveAttention AlphaDropout Attention AugMix AutoContrast AveragePooling1D AveragePooling2D
AveragePooling3D Bidirectional CategoryEncoding CenterCrop Conv1DTranspose Conv2DTranspose Conv3D
Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D CuDNNGRU
CuDNNLSTM CutMix DenseFeatures DepthwiseConv1D DepthwiseConv2D Discretization Dot ELU EinsumDense
Equalization GRUCell GaussianDropout GaussianNoise GlobalAveragePooling3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing
Identity IntegerLookup LSTMCell Lambda LeakyReLU LocallyConnected1D LocallyConnected2D Masking
MaxPooling1D MaxPooling3D MelSpectrogram MixUp MultiHeadAttention Normalization PReLU Permute
RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization
RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth
RandomZoom ReLU RepeatVector Rescaling Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D
SeparableConv2D SimpleRNNCell SlicingOpLambda Softmax Solarization SpatialDropout1D
SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup
SyncBatchNormalization TFOpLambda TFSMLayer TensorFlowOpLayer TextVectorization ThresholdedReLU
TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
ZeroPadding2D ZeroPadding3D
"""

_OTHERS = """
Lamb Muon TFOptimizer
BinaryFocalCrossentropy CTC CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy Circle
Dice Tversky AUC BinaryIoU ConcordanceCorrelation F1Score FBetaScore FalseNegatives FalsePositives
IoU MeanIoU MeanRelativeError MeanTensor OneHotIoU OneHotMeanIoU PearsonCorrelation
PrecisionAtRecall R2Score RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity
TrueNegatives TruePositives STFT
Any ConvertToTensor ExpandDims LogicalAnd LogicalOr NotEqual OnesLike ZerosLike
"""

KERAS_CLASSES = frozenset(_LAYERS.split() + _OTHERS.split())
"""Class names of Keras 2 and 3 that a file may contain."""


def of_keras(name: str, entry: Mapping[str, Any]) -> bool:
    """Return whether an entry names a Keras class that the reference does not implement.

    `.keras` entries also give the module; other formats give only the name.
    """
    module = str(entry.get("module") or "").partition(".")[0]
    return name in KERAS_CLASSES or module in ("keras", "tf_keras")


def not_offered(namespace: str, name: str, offered: Iterable[str]) -> str:
    """Return the sentence about a name that a namespace such as `layers` does not have."""
    return f"reference_impl has no {namespace}.{name}; it offers {', '.join(sorted(offered))}"


def refusing(namespace: str, offered: Sequence[str]) -> Callable[[str], Any]:
    """Return a module's `__getattr__`, which names what the module offers instead.

    >>> refusing("layers", ["Dense", "Add"])("ConvLSTM2D")
    Traceback (most recent call last):
    AttributeError: reference_impl has no layers.ConvLSTM2D; it offers Add, Dense
    """

    def __getattr__(name: str) -> Any:
        module = sys.modules.get(f"{__package__}.{namespace}")
        raise AttributeError(not_offered(namespace, name, offered), name=name, obj=module)

    return __getattr__


def in_file(namespace: str, name: str, offered: Iterable[str]) -> str:
    """Return the message about a file with a Keras class that the reference does not have."""
    return (
        f"{not_offered(namespace, name, offered)}; load the file with Keras, or pass "
        f"custom_objects={{{name!r}: <a class of yours that does the same>}}"
    )
