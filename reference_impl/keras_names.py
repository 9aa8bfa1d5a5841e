"""Classes of Keras by name, beside those always offered here: a file may hold them too."""

from collections.abc import Mapping
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
Adafactor Ftrl Lamb Lion LossScaleOptimizer LossScaleOptimizerV3 Muon TFOptimizer
BinaryFocalCrossentropy CTC CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy Circle
Dice Tversky AUC BinaryIoU ConcordanceCorrelation F1Score FBetaScore FalseNegatives FalsePositives
IoU MeanIoU MeanRelativeError MeanTensor OneHotIoU OneHotMeanIoU PearsonCorrelation
PrecisionAtRecall R2Score RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity
TrueNegatives TruePositives STFT
"""

KERAS_CLASSES = frozenset(_LAYERS.split() + _OTHERS.split())
"""Those of Keras 2 and 3 that a file can name; asked only about a name that is not known here."""


def of_keras(name: str, entry: Mapping[str, Any]) -> bool:
    """Return whether a class that an entry names, and that is not offered, is one of Keras's own.

    An entry of `.keras` has its module beside it; other formats have the name alone.
    """
    module = str(entry.get("module") or "").partition(".")[0]
    return name in KERAS_CLASSES or module in ("keras", "tf_keras")


def advice(name: str) -> str:
    """Return what can be done about a class of Keras that is not offered here."""
    return (
        f"{name!r} is a class of Keras that is not offered here: load the file with Keras, or pass "
        f"custom_objects={{{name!r}: <a class of yours that does the same>}}"
    )
