import subprocess
import sys

import pytest
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, wrappers_pb2

from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES, decoded, encoded
from saveproof.reference_impl.saving.errors import UnreadableFile

IN_TENSORFLOW = {
    "AttrListValue": "AttrValue.ListValue",
    "Dim": "TensorShapeProto.Dim",
    "Extent": "TensorSliceProto.Extent",
    "TrackableObject": "TrackableObjectGraph.TrackableObject",
    "ObjectReference": "TrackableObjectGraph.TrackableObject.ObjectReference",
    "SerializedTensor": "TrackableObjectGraph.TrackableObject.SerializedTensor",
    "SlotVariableReference": "TrackableObjectGraph.TrackableObject.SlotVariableReference",
    "DtypeAndShape": "ResourceHandleProto.DtypeAndShape",
    "ArgDef": "OpDef.ArgDef",
    "AttrDef": "OpDef.AttrDef",
    "ArgAttrs": "FunctionDef.ArgAttrs",
    "ExperimentalDebugInfo": "NodeDef.ExperimentalDebugInfo",
    "MetaInfoDef": "MetaGraphDef.MetaInfoDef",
    "CooSparse": "TensorInfo.CooSparse",
    "CompositeTensor": "TensorInfo.CompositeTensor",
}
"""Messages that TensorFlow has inside others."""

BYTES, MESSAGE = 12, 11

OF_KERAS = {"SavedMetadata": "SavedMetadata", "SavedMetadataObject": "SavedObject"}
OF_PROTOBUF = {
    "Any": any_pb2.Any.DESCRIPTOR,
    "BoolValue": wrappers_pb2.BoolValue.DESCRIPTOR,
}


def fields(descriptor):
    """Return what decides about the bytes of a message: number, name and type of each field."""
    described = descriptor_pb2.DescriptorProto()
    descriptor.CopyToProto(described)
    return {
        field.number: (
            field.name,
            # An enum is an int32 on the wire.
            field.TYPE_INT32 if field.type == field.TYPE_ENUM else field.type,
            field.label,
            # Whether it is one of several; what these are called is not on the wire.
            field.HasField("oneof_index"),
        )
        for field in described.field
    }


def differing(ours, theirs):
    """Return the fields that are on the wire otherwise; bytes may stand for a message."""
    ours, theirs = fields(ours), fields(theirs)
    return {
        number: (ours.get(number), theirs[number])
        for number in theirs
        if ours.get(number) != theirs[number]
        and not (ours.get(number) and (ours[number][1], theirs[number][1]) == (BYTES, MESSAGE))
    }


def name_outside(name):
    if name in OF_KERAS:
        return f"third_party.py.tf_keras.protobuf.{OF_KERAS[name]}"
    if name in OF_PROTOBUF:
        return OF_PROTOBUF[name].full_name
    return f"tensorflow.{IN_TENSORFLOW.get(name, name)}"


def test_a_message_has_the_bytes_of_its_fields():
    entry = MESSAGES["BundleEntryProto"](dtype=1, offset=300, size=8, crc32c=1)
    entry.shape.SetInParent()

    assert encoded(entry) == bytes.fromhex("08 01 12 00 20 ac 02 28 08 35 01 00 00 00")


def test_maps_are_written_in_the_order_of_their_keys():
    one, other = MESSAGES["NodeDef"](), MESSAGES["NodeDef"]()
    for name in "abcdefgh":
        one.attr[name].i = 1
    for name in reversed("abcdefgh"):
        other.attr[name].i = 1

    assert encoded(one) == encoded(other)


def test_an_attribute_of_zero_is_not_one_that_is_not_set():
    zero = decoded("AttrValue", encoded(MESSAGES["AttrValue"](i=0)), where="attr")

    assert zero.WhichOneof("value") == "i"


def test_fields_of_later_releases_survive():
    data = encoded(MESSAGES["VersionDef"](producer=3)) + b"\xba\x3e\x02ab"

    assert encoded(decoded("VersionDef", data, where="version")) == data


@pytest.mark.parametrize("data", [b"\x08", b"\x0a\x05ab", b"\xff\xff"])
def test_bytes_that_hold_no_message_are_refused(data):
    with pytest.raises(UnreadableFile, match=r"x\.index: not a TrackableObjectGraph"):
        decoded("TrackableObjectGraph", data, where="x.index")


@pytest.mark.frameworks
def test_every_message_is_tensorflows_on_the_wire():
    pytest.importorskip("tensorflow")
    pytest.importorskip("tf_keras.protobuf.saved_metadata_pb2")
    for module in ("tensor_bundle", "fingerprint", "saved_model"):
        pytest.importorskip(f"tensorflow.core.protobuf.{module}_pb2")
    pool = descriptor_pool.Default()
    found = {
        name: differing(message.DESCRIPTOR, pool.FindMessageTypeByName(name_outside(name)))
        for name, message in MESSAGES.items()
    }
    parted = {name: differences for name, differences in found.items() if differences}

    assert not parted


OURS = "from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES"
TENSORFLOW = "import tensorflow as tf"
BOTH = """
model = MESSAGES["SavedModel"](saved_model_schema_version=1)
model.meta_graphs.add().meta_info_def.tags.append("serve")
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
theirs = SavedModel.FromString(model.SerializeToString())
assert theirs.meta_graphs[0].meta_info_def.tags == ["serve"]
assert tf.constant(1).numpy() == 1
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("order", [(OURS, TENSORFLOW), (TENSORFLOW, OURS)])
def test_the_messages_stand_beside_tensorflows_in_either_order_of_import(order):
    pytest.importorskip("tensorflow")
    script = "\n".join((*order, BOTH))

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
