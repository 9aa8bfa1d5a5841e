"""Entries: how a class departs from the conventions; a class that follows them needs none.

Long because it is one table, an entry a class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from saveproof.strategies.case import Config
from saveproof.strategies.catalogue.marked import array, function, made, several
from saveproof.strategies.catalogue.values import Values


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input of a layer on which its behaviour is probed: shape without the batch axis.

    Numbers are between -1 and 1, times `scale`; with `below`, integers from 0 to that; with
    `words`, texts of these words.
    """

    shape: tuple[int, ...] = ()
    scale: float = 1.0
    below: int = 0
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """The departures of a class.

    `inputs` are those of a layer, where its name does not tell their rank; several come in a list,
    or each by its position with `apart`. `given` are arguments
    that every example has, those without a default among them. `values` replace the values of
    arguments by name. `beside` are arguments that an argument needs beside it. `left_out` has
    arguments that are never given, each with the reason; with `why`, no example has the class.
    """

    inputs: tuple[Tensor, ...] = ()
    apart: bool = field(default=False, kw_only=True)
    given: Config = field(default_factory=dict)
    values: Mapping[str, Values] = field(default_factory=dict)
    beside: Mapping[str, Config] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    why: str = ""


SEQUENCE = Tensor((6, 3))
IMAGE = Tensor((6, 6, 3))
VOLUME = Tensor((4, 4, 4, 2))
VECTOR = Tensor((3,))
PIXELS = Tensor((6, 6, 3), scale=255.0)
WORDS = Tensor((3,), words=("ab", "cd", "zz", "", "a\nb"))

BY_RANK: Mapping[int | None, Tensor] = {1: SEQUENCE, 2: IMAGE, 3: VOLUME}
"""The input of a layer by the axes that its name tells."""

ABSTRACT = "a base class: a program makes objects of the classes derived from it"
FOREIGN = "it wraps an object of another framework, which a case has no words for"
IN_PROCESS = "it holds a live object of the process, which no config could keep"
BY_CLASS = "the class itself sets it"
GRAPH_ONLY = "it declares tensors of a graph, and is no setting of the object"
BACKEND_ONLY = "it chooses an implementation, and changes no result"
CALIBRATION = "it needs a data set and a tokenizer, which a case has no words for"

LEFT_OUT: Mapping[str, str] = {
    "batch_input_shape": GRAPH_ONLY,
    "batch_shape": GRAPH_ONLY,
    "conv_op": "private: the operation of a derived class",
    "dataset": CALIBRATION,
    "expected_column_type": BY_CLASS,
    "flash_attention": BACKEND_ONLY,
    "gptq_unpacked_column_size": "written by a quantisation, never by a program",
    "input_dtype": GRAPH_ONLY,
    "input_shape": GRAPH_ONLY,
    "input_tensor": IN_PROCESS,
    "is_legacy_optimizer": "written by Keras into configs, and read by nothing",
    "native_serialization_platforms": FOREIGN,
    "quantization_config": "an object of quantizers, drawn by itself",
    "tokenizer": CALIBRATION,
    "type_spec": IN_PROCESS,
    "use_cudnn": BACKEND_ONLY,
    "weights": "initial values of weights, which a config must not keep",
}
"""Arguments that no example has, by name, with the reason."""

TWO = (SEQUENCE, SEQUENCE)
SGD = made("optimizers.SGD", learning_rate=0.05, momentum=0.3)
ADAM = made("optimizers.Adam", learning_rate=0.02, beta_1=0.7)
CELL = made("layers.LSTMCell", units=3)
FACTOR = {"factor": (0.4, several(0.1, 0.3))}
TRANSPOSED: dict[str, Config] = {"output_padding": {"strides": 2}}
SHAPE_OF_SEQUENCE: Values = ([None, 1, 3], several(2, 1, 3))
LOOKUP_LEFT_OUT = {"vocabulary_dtype": "private: an integer lookup's own"}
LORA: dict[str, Config] = {"lora_alpha": {"lora_rank": 2}}
DENSE_AXES: Config = {"equation": "ijk,kl->ijl", "output_shape": several(6, 4)}
VOCABULARY: Values = (["zz", "cd"], several("ab", "a\nb"), array(["cd", "ab"], "str"))


def _of(*names: str, entry: Entry) -> dict[str, Entry]:
    return dict.fromkeys(names, entry)


ENTRIES: Mapping[str, Entry] = {
    **_of(
        *("layers.Layer", "layers.Wrapper", "layers.AbstractRNNCell", "layers.InputSpec"),
        *(
            "optimizers.Optimizer",
            "optimizers.LegacyOptimizer",
            "optimizers.schedules.LearningRateSchedule",
            "losses.Loss",
        ),
        *("metrics.Metric", "initializers.Initializer", "initializers.RandomInitializer"),
        *("regularizers.Regularizer", "constraints.Constraint", "quantizers.Quantizer"),
        *("dtype_policies.QuantizedDTypePolicy", "quantizers.QuantizationConfig"),
        "dtype_policies.FloatDTypePolicy",
        entry=Entry(why=ABSTRACT),
    ),
    **_of(
        *("layers.FlaxLayer", "layers.JaxLayer", "layers.TorchModuleWrapper"),
        *("layers.TFSMLayer", "layers.DenseFeatures"),
        entry=Entry(why=FOREIGN),
    ),
    **_of("quantizers.AWQConfig", "quantizers.GPTQConfig", entry=Entry(why=CALIBRATION)),
    "layers.InputLayer": Entry(why="it declares a tensor of a graph: every model has one"),
    **_of(
        *("layers.Add", "layers.Average", "layers.Maximum", "layers.Minimum"),
        *("layers.Multiply", "layers.Subtract"),
        entry=Entry(TWO),
    ),
    "layers.Concatenate": Entry(TWO, values={"axis": (1, -2, 2)}),
    "layers.Dot": Entry(TWO, {"axes": 2}, {"axes": (1, [2, 2], several(1, 1), -1)}),
    "layers.Activation": Entry(given={"activation": "softplus"}),
    "layers.AdditiveAttention": Entry(TWO, values={"use_scale": (False,)}),
    "layers.Attention": Entry(TWO),
    "layers.AlphaDropout": Entry(values={"noise_shape": SHAPE_OF_SEQUENCE}),
    "layers.Dropout": Entry(values={"noise_shape": SHAPE_OF_SEQUENCE}),
    "layers.GaussianDropout": Entry(),
    "layers.BatchNormalization": Entry(
        values={
            "axis": (1, -2, 2),
            "renorm_clipping": ({"rmin": 0.5, "rmax": 2.0, "dmax": 1.0},),
            "renorm_momentum": (0.7,),
        },
        beside={
            "renorm_clipping": {"renorm": True},
            "renorm_momentum": {"renorm": True},
            "synchronized": {},
        },
        left_out={
            "adjustment": "a function of tensors, of TensorFlow 1",
            "fused": BACKEND_ONLY,
            "virtual_batch_size": "removed from Keras 2's public class",
            "synchronized": "it needs several devices",
        },
    ),
    "layers.Bidirectional": Entry(
        given={"layer": made("layers.GRU", units=3)},
        values={
            "layer": (made("layers.LSTM", units=2, dropout=0.2, seed=4),),
            "backward_layer": (made("layers.GRU", units=3, go_backwards=True, use_bias=False),),
        },
    ),
    "layers.TimeDistributed": Entry(
        (Tensor((4, 3)),),
        {"layer": made("layers.Dense", units=3)},
        {"layer": (made("layers.Dropout", rate=0.4, seed=2),)},
    ),
    "layers.SpectralNormalization": Entry(
        (VECTOR,),
        {"layer": made("layers.Dense", units=4)},
        {"layer": (made("layers.Dense", units=3, use_bias=False),)},
    ),
    "layers.RNN": Entry(
        (SEQUENCE,),
        {"cell": made("layers.SimpleRNNCell", units=3)},
        {
            "cell": (
                CELL,
                [made("layers.GRUCell", units=2), CELL],
                made("layers.StackedRNNCells", cells=[CELL, made("layers.GRUCell", units=4)]),
            )
        },
    ),
    "layers.StackedRNNCells": Entry(
        (VECTOR,),
        {"cells": [CELL, made("layers.SimpleRNNCell", units=2)]},
        {"cells": ([made("layers.GRUCell", units=2), CELL], several(CELL, CELL))},
    ),
    **_of(
        *("layers.SimpleRNNCell", "layers.GRUCell", "layers.LSTMCell"),
        entry=Entry((VECTOR,)),
    ),
    "layers.CategoryEncoding": Entry(
        (Tensor((4,), below=5),), {"num_tokens": 6}, {"output_mode": ("count", "one_hot")}
    ),
    "layers.CenterCrop": Entry((IMAGE,)),
    **_of(
        *("layers.ConvLSTM1D",),
        entry=Entry((Tensor((3, 6, 2)),), values={"data_format": ("channels_first",)}),
    ),
    "layers.ConvLSTM2D": Entry((Tensor((3, 5, 5, 2)),)),
    "layers.ConvLSTM3D": Entry((Tensor((2, 4, 4, 4, 2)),)),
    "layers.Conv1D": Entry(
        values={"padding": ("causal", "same"), "groups": (3,)},
        beside={"groups": {"filters": 6}} | LORA,
    ),
    "layers.Conv2D": Entry(
        values={
            "groups": (3,),
        },
        beside={"groups": {"filters": 6}} | LORA,
    ),
    "layers.Conv3D": Entry(
        values={
            "groups": (2,),
        },
        beside=LORA,
    ),
    "layers.Conv1DTranspose": Entry(beside=TRANSPOSED),
    "layers.Conv2DTranspose": Entry(
        values={
            "output_padding": (1, several(1, 0), [0, 1]),
        },
        beside=TRANSPOSED,
    ),
    "layers.Conv3DTranspose": Entry(
        values={
            "output_padding": (1, several(1, 0, 1)),
        },
        beside=TRANSPOSED,
    ),
    "layers.Cropping2D": Entry(values={"cropping": (1, several(1, 2), [[0, 1], [2, 0]])}),
    "layers.Cropping3D": Entry(
        values={"cropping": (1, several(1, 0, 1), [[0, 1], [1, 0], [1, 1]])}
    ),
    "layers.Dense": Entry(beside=LORA),
    "layers.Discretization": Entry(
        (SEQUENCE,),
        {"bin_boundaries": [-0.4, 0.2]},
        {"output_mode": ("multi_hot", "count")},
        left_out={
            "num_bins": "it needs `adapt`, and excludes `bin_boundaries`",
            "epsilon": "it needs `adapt`, which alone uses it",
        },
    ),
    "layers.EinsumDense": Entry(
        given=DENSE_AXES,
        values={
            "output_shape": (several(6, 5), [None, 3]),
            "equation": ("ijk,kl->ilj",),
            "bias_axes": ("l", "jl"),
        },
        beside=LORA | {"equation": {"output_shape": several(4, 6)}},
    ),
    "layers.Embedding": Entry((Tensor((4,), below=6),), beside=LORA),
    "layers.ReversibleEmbedding": Entry(
        (Tensor((4,), below=6),),
        values={"reverse_dtype": ("float64", "float16")},
        beside=LORA,
    ),
    "layers.GroupNormalization": Entry(
        (Tensor((6, 6)),), {"groups": 3}, {"groups": (2, -1), "axis": (1, -2)}
    ),
    "layers.LayerNormalization": Entry(values={"axis": ([1, 2], several(-2, -1), [-1])}),
    "layers.RMSNormalization": Entry(values={"axis": (2, [-1], several(1, 2))}),
    "layers.UnitNormalization": Entry(values={"axis": (1, [1, 2], several(-1, -2))}),
    "layers.GroupQueryAttention": Entry(
        TWO,
        {"head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2},
        {"num_query_heads": (2,), "num_key_value_heads": (4, 1)},
        apart=True,
    ),
    "layers.MultiHeadAttention": Entry(
        TWO,
        apart=True,
        values={"output_shape": (4, several(5)), "attention_axes": (1, [1], several(1))},
        left_out={"softmax_robust_masking": BACKEND_ONLY},
    ),
    "layers.HashedCrossing": Entry(
        (Tensor((), below=5), Tensor((), below=5)),
        {"num_bins": 6},
        {"output_mode": ("one_hot",)},
    ),
    "layers.Hashing": Entry(
        (Tensor((4,), below=9),),
        {"num_bins": 5},
        {"output_mode": ("one_hot", "multi_hot", "count"), "mask_value": (3, 0)},
    ),
    "layers.IntegerLookup": Entry(
        (Tensor((4,), below=9),),
        {"vocabulary": [2, 4, 5]},
        {
            "vocabulary": ([5, 2], several(3, 4, 6), array([2, 7], "int64")),
            "mask_token": (0, 9),
            "oov_token": (-7,),
            "idf_weights": ([0.4, 0.6, 0.8], array([0.3, 0.7, 0.9])),
            "max_tokens": (6, array(7, "int64")),
            "oov_method": ("farmhash",),
        },
        beside={
            "idf_weights": {"output_mode": "tf_idf"},
            "oov_token": {"invert": True},
            "pad_to_max_tokens": {"max_tokens": 8, "output_mode": "multi_hot"},
            "sparse": {"output_mode": "multi_hot"},
            "num_oov_indices": {"vocabulary": list(range(9))},
            "salt": {"oov_method": "farmhash"},
        },
        left_out=LOOKUP_LEFT_OUT,
    ),
    "layers.StringLookup": Entry(
        (WORDS,),
        {"vocabulary": ["ab", "cd", "zz"]},
        {
            "vocabulary": VOCABULARY,
            "mask_token": ("", "xx"),
            "oov_token": ("?",),
            "oov_method": ("farmhash",),
        },
        beside={
            "idf_weights": {"output_mode": "tf_idf"},
            "oov_token": {"invert": True},
            "pad_to_max_tokens": {"max_tokens": 8, "output_mode": "multi_hot"},
            "sparse": {"output_mode": "multi_hot"},
            "salt": {"oov_method": "farmhash"},
        },
        left_out=LOOKUP_LEFT_OUT,
    ),
    "layers.TextVectorization": Entry(
        (Tensor((1,), words=("ab Cd", "zz ab", "", "a.b cd ab")),),
        {"vocabulary": ["ab", "cd", "zz"]},
        {"vocabulary": VOCABULARY},
        beside={
            "idf_weights": {"output_mode": "tf_idf"},
            "pad_to_max_tokens": {"max_tokens": 8, "output_mode": "multi_hot"},
            "sparse": {"output_mode": "multi_hot"},
            "ragged": {"output_mode": "int"},
        },
    ),
    "layers.Lambda": Entry(
        given={"function": function("activations.tanh")},
        values={
            "function": (function("activations.softplus"),),
            "output_shape": (several(6, 3),),
        },
        left_out={"mask": "a function of inputs and mask, which a case has no words for"},
    ),
    "layers.Masking": Entry(values={"mask_value": (0.5, 1)}),
    "layers.MaxNumBoundingBoxes": Entry((SEQUENCE,)),
    "layers.MelSpectrogram": Entry(
        (Tensor((64,)),),
        {
            "fft_length": 16,
            "sequence_stride": 8,
            "num_mel_bins": 4,
            "sampling_rate": 100,
            "min_freq": 1.0,
        },
        {
            "fft_length": (32,),
            "sequence_stride": (4,),
            "sampling_rate": (200,),
            "min_freq": (5.0,),
            "max_freq": (40.0,),
            "sequence_length": (8,),
            "num_mel_bins": (6,),
        },
    ),
    "layers.STFTSpectrogram": Entry(
        (Tensor((64, 1)),),
        {"frame_length": 16},
        {
            "mode": ("magnitude", "angle", "real", "stft"),
            "frame_length": (8,),
            "fft_length": (32,),
            "padding": ("same",),
        },
        beside={"expand_dims": {"mode": "log"}},
    ),
    "layers.Normalization": Entry(
        given={"mean": 0.4, "variance": 0.8},
        values={
            "axis": (None, 2, [-1]),
            "mean": ([0.1, 0.2, 0.3], array([0.3, 0.1, 0.5])),
            "variance": ([0.5, 0.2, 0.3], array([0.3, 0.4, 0.5])),
        },
        beside={
            "axis": {"mean": [0.1, 0.2, 0.3], "variance": [0.4, 0.2, 0.3]},
            "mean": {"variance": [0.4, 0.2, 0.3]},
            "variance": {"mean": [0.1, 0.2, 0.3]},
        },
    ),
    "layers.PReLU": Entry(values={"shared_axes": ([1], several(1, 2), 2)}),
    "layers.Permute": Entry(given={"dims": several(2, 1)}, values={"dims": ([2, 1],)}),
    "layers.Pipeline": Entry(
        (IMAGE,),
        {"layers": [made("layers.Rescaling", scale=0.5)]},
        {
            "layers": (
                [
                    made("layers.Rescaling", scale=0.5, offset=0.2),
                    made("layers.RandomFlip", seed=3),
                ],
            )
        },
    ),
    "layers.RandomCrop": Entry((IMAGE,)),
    "layers.RepeatVector": Entry((VECTOR,)),
    "layers.RandomErasing": Entry((PIXELS,), values={**FACTOR, "scale": (several(0.1, 0.3),)}),
    "layers.RandomElasticTransform": Entry((PIXELS,), values={**FACTOR, "scale": (0.5,)}),
    "layers.RandomPerspective": Entry((PIXELS,), values={**FACTOR, "scale": (0.5,)}),
    "layers.RandomFlip": Entry((IMAGE,), values={"mode": ("horizontal", "vertical")}),
    "layers.RandomGaussianBlur": Entry(
        (PIXELS,), values={**FACTOR, "kernel_size": (5, several(3, 5))}
    ),
    "layers.RandomHue": Entry((PIXELS,), values=FACTOR),
    "layers.RandomPosterization": Entry((PIXELS,), {"factor": 4}, {"factor": (2,)}),
    "layers.RandomRotation": Entry(
        (IMAGE,),
        values={"fill_mode": ("nearest", "wrap", "constant"), "interpolation": ("nearest",)},
    ),
    "layers.RandomShear": Entry((PIXELS,), values={"interpolation": ("nearest",)}),
    "layers.RandomTranslation": Entry((IMAGE,), values={"interpolation": ("nearest",)}),
    "layers.RandomZoom": Entry((IMAGE,), values={"interpolation": ("nearest",)}),
    **_of(
        "layers.RandomHeight",
        "layers.RandomWidth",
        entry=Entry((IMAGE,), values={"interpolation": ("nearest",)}),
    ),
    "layers.Resizing": Entry(
        (IMAGE,),
        values={"interpolation": ("nearest", "bicubic"), "fill_value": (0.7,)},
        beside={"fill_value": {"pad_to_aspect_ratio": True, "height": 3, "width": 4}},
        left_out={"fill_mode": "only `constant` exists"},
    ),
    "layers.Rescaling": Entry(values={"scale": (0.5, [0.5, 0.2, 0.4], array(0.3))}),
    "layers.Softmax": Entry(
        values={"axis": (1, [1, 2], several(-1, -2))},
        left_out={"robust_masking": BACKEND_ONLY},
    ),
    "layers.UpSampling1D": Entry(values={"size": (3,)}),
    "layers.ZeroPadding1D": Entry(values={"padding": (2, several(1, 0), [0, 2])}),
    "layers.ZeroPadding2D": Entry(values={"padding": (2, several(1, 0), [[0, 1], [2, 0]])}),
    "layers.ZeroPadding3D": Entry(
        values={"padding": (2, several(1, 0, 1), [[0, 1], [2, 0], [1, 1]])}
    ),
    "optimizers.LossScaleOptimizer": Entry(
        given={"inner_optimizer": SGD},
        values={"inner_optimizer": (ADAM,)},
        left_out=dict.fromkeys(
            (
                *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema"),
                *("ema_momentum", "ema_overwrite_frequency", "loss_scale_factor"),
                "gradient_accumulation_steps",
            ),
            "it belongs to the inner optimizer, and is refused here",
        ),
    ),
    "optimizers.MultiOptimizer": Entry(
        given={"optimizer_map": made("optimizers.OptimizerMap", default_optimizer=SGD)},
        values={"optimizer_map": (made("optimizers.OptimizerMap", default_optimizer=ADAM),)},
    ),
    "optimizers.OptimizerMap": Entry(why="a part of MultiOptimizer, which has it in its examples"),
    "optimizers.schedules.PiecewiseConstantDecay": Entry(
        given={"boundaries": [2, 5], "values": [0.5, 0.2, 0.1]},
    ),
    "metrics.AUC": Entry(
        values={
            "thresholds": ([0.2, 0.5, 0.8], several(0.3, 0.6)),
            "label_weights": ([0.2, 0.5, 0.3],),
            "num_labels": (3,),
        },
        beside={
            "label_weights": {"multi_label": True, "num_labels": 3},
            "num_labels": {"multi_label": True},
        },
    ),
    "metrics.MeanMetricWrapper": Entry(
        given={"fn": function("losses.mean_squared_error")},
        values={"fn": (function("losses.mean_absolute_error"),)},
    ),
    "metrics.MeanRelativeError": Entry(
        values={"normalizer": ([1.0, 2.0, 3.0],)}, given={"normalizer": [1.0, 3.0, 2.0]}
    ),
    "metrics.MeanTensor": Entry(values={"shape": (several(2),)}),
    "initializers.VarianceScaling": Entry(values={"scale": (1.7, array(0.4))}),
    "regularizers.OrthogonalRegularizer": Entry(
        values={"mode": ("columns", "rows"), "factor": (0.2, array(0.3))}
    ),
    **_of(
        "constraints.MaxNorm",
        "constraints.MinMaxNorm",
        "constraints.UnitNorm",
        entry=Entry(values={"axis": (1, -1, [0, 1], several(0))}),
    ),
    "dtype_policies.DTypePolicy": Entry(
        given={"name": "mixed_float16"}, values={"name": ("float64", "mixed_bfloat16")}
    ),
    "mixed_precision.Policy": Entry(
        given={"name": "mixed_float16"}, values={"name": ("float64", "mixed_bfloat16")}
    ),
}
"""The departures by qualified name."""
