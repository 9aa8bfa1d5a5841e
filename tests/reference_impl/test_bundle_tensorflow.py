"""Bundles that TensorFlow wrote, read and written again to the same bytes."""

import numpy as np
import pytest

from saveproof.reference_impl.saving.checkpoint.bundle_reader import open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_writer import (
    data_file,
    index_file,
    write_bundle,
)
from saveproof.reference_impl.saving.checkpoint.object_graph import (
    GRAPH_KEY,
    decoded_graph,
    numbered,
    tensors_of,
)
from saveproof.reference_impl.state import NamedArray
from tests.reference_impl.checkpoint_models import LEGACY, MODELS, compiled, trained

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def prefixes(tmp_path_factory, tf):
    """Checkpoints of models of every kind, optimizers of every class, legacy ones, and others."""
    tf_keras = pytest.importorskip("tf_keras")
    folder = tmp_path_factory.mktemp("written")
    legacy = tf_keras.optimizers.legacy
    made = [(kind, "adam") for kind in MODELS]
    made += [("chain", name) for name in ("ema", "centered", "amsgrad", "nadam", "scheduled")]
    made += [("chain", LEGACY[name](legacy)) for name in ("adam", "nadam")]
    for number, (kind, optimizer) in enumerate(made):
        model = compiled(tf_keras, kind, optimizer, run_eagerly=True)
        trained(model, kind, steps=1)
        model.save_weights(folder / f"m{number}")
    tf.train.Checkpoint(
        strings=tf.Variable(["", "one", "two" * 90]),
        half=tf.Variable([1.5, 2.5], dtype=tf.bfloat16),
        flag=tf.Variable(True),
        empty=tf.Variable(np.zeros((0, 3), np.float32)),
        complex=tf.Variable([1 + 2j]),
    ).write(str(folder / "types"))
    # More keys than one block of the index holds.
    tf.raw_ops.SaveV2(
        prefix=str(folder / "many"),
        tensor_names=[f"name{number:05d}" + "x" * (number % 90) for number in range(9000)],
        shape_and_slices=[""] * 9000,
        tensors=[tf.constant(number) for number in range(9000)],
    )
    return sorted({file.with_suffix("") for file in folder.glob("*.index")})


def in_order(bundle):
    """Return the tensors as they lie in the data."""
    entries = bundle.entries.items()
    keys = [key for key, _ in sorted(entries, key=lambda item: (item[1].offset, item[1].size))]
    return [NamedArray(key, bundle.read(key)) for key in keys]


def test_what_tensorflow_wrote_is_written_again_to_the_same_bytes(tmp_path, prefixes):
    for prefix in prefixes:
        again = tmp_path / prefix.name
        write_bundle(again, in_order(open_bundle(prefix)))

        assert index_file(again).read_bytes() == index_file(prefix).read_bytes(), prefix
        assert data_file(again, 0, 1).read_bytes() == data_file(prefix, 0, 1).read_bytes(), prefix
    assert max(index_file(prefix).stat().st_size for prefix in prefixes) > 262144


def test_an_object_graph_of_tensorflow_is_written_again_to_the_same_bytes(prefixes):
    for prefix in prefixes:
        bundle = open_bundle(prefix)
        if GRAPH_KEY not in bundle.entries:
            continue
        data = bundle.read(GRAPH_KEY).item()
        root = decoded_graph(data, where="graph")
        for node in numbered(root):
            node.value = None if node.key is None else bundle.read(node.key)
        *tensors, graph = tensors_of(root)

        assert graph.value.item() == data, prefix
        assert {tensor.name for tensor in tensors} | {GRAPH_KEY} == set(bundle.entries), prefix


def test_tensorflow_reads_tensors_of_every_kind(tmp_path, tf, prefixes):
    tensors = in_order(open_bundle(next(prefix for prefix in prefixes if prefix.name == "types")))
    write_bundle(tmp_path / "ck", tensors)
    reader = tf.train.load_checkpoint(str(tmp_path / "ck"))

    for tensor in tensors:
        found = reader.get_tensor(tensor.name)
        assert np.array_equal(found, tensor.value), tensor.name


def test_several_data_files_that_tensorflow_wrote_are_read(tmp_path, tf):
    prefixes = [str(tmp_path / f"part{number}") for number in range(2)]
    for number, prefix in enumerate(prefixes):
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=[f"t{number}"],
            shape_and_slices=[""],
            tensors=[tf.constant([number, 5])],
        )
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=prefixes, destination_prefix=str(tmp_path / "ck")
    )
    bundle = open_bundle(tmp_path / "ck")

    assert bundle.shards == 2
    assert [bundle.read(f"t{number}").tolist() for number in range(2)] == [[0, 5], [1, 5]]
