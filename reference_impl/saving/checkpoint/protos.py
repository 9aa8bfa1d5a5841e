"""TensorFlow's messages (checkpoint, graph, SavedModel, Keras metadata) in a separate pool.

Compiled modules would pin a protobuf release and clash with TensorFlow's when both are imported;
classes generated from this table do neither. The encoding is TensorFlow's: same numbers and types;
enums are int32, and messages that are never read (CollectionDef, GraphDebugInfo) are bytes.
Source: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core (framework, protobuf)
"""

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from saveproof.reference_impl.saving.checkpoint.proto_sizes import check_messages
from saveproof.reference_impl.saving.errors import UnreadableFile

__all__ = ["MESSAGES", "SCHEMA", "decoded", "encoded"]

PACKAGE = "saveproof.tensorflow"

SCHEMA = """
ObjectReference: 1 node_id int32, 2 local_name string
SlotVariableReference: 1 original_variable_node_id int32, 2 slot_name string,
  3 slot_variable_node_id int32
TrackableObjectGraph: 1 nodes *TrackableObject
TrackableObject: 1 children *ObjectReference, 2 attributes *SerializedTensor,
  3 slot_variables *SlotVariableReference, 4 registered_saver RegisteredSaver,
  5 has_checkpoint_values BoolValue
SerializedTensor: 1 name string, 2 full_name string, 3 checkpoint_key string
RegisteredSaver: 1 name string, 2 object_name string
BundleHeaderProto: 1 num_shards int32, 2 endianness int32, 3 version VersionDef
BundleEntryProto: 1 dtype int32, 2 shape TensorShapeProto, 3 shard_id int32, 4 offset int64,
  5 size int64, 6 crc32c fixed32, 7 slices *TensorSliceProto
CheckpointState: 1 model_checkpoint_path string, 2 all_model_checkpoint_paths *string,
  3 all_model_checkpoint_timestamps *double, 4 last_preserved_timestamp double
TensorShapeProto: 2 dim *Dim, 3 unknown_rank bool
Dim: 1 size int64, 2 name string
TensorSliceProto: 1 extent *Extent
Extent: 1 start int64, has_length_hack(2 length int64)
VersionDef: 1 producer int32, 2 min_consumer int32, 3 bad_consumers *int32
TensorProto: 1 dtype int32, 2 tensor_shape TensorShapeProto, 3 version_number int32,
  4 tensor_content bytes, 5 float_val *float, 6 double_val *double, 7 int_val *int32,
  8 string_val *bytes, 9 scomplex_val *float, 10 int64_val *int64, 11 bool_val *bool,
  12 dcomplex_val *double, 13 half_val *int32, 14 resource_handle_val *ResourceHandleProto,
  15 variant_val *VariantTensorDataProto, 16 uint32_val *uint32, 17 uint64_val *uint64,
  18 float8_val bytes
VariantTensorDataProto: 1 type_name string, 2 metadata bytes, 3 tensors *TensorProto
DtypeAndShape: 1 dtype int32, 2 shape TensorShapeProto
ResourceHandleProto: 1 device string, 2 container string, 3 name string, 4 hash_code uint64,
  5 maybe_type_name string, 6 dtypes_and_shapes *DtypeAndShape
AttrValue: value(1 list AttrListValue, 2 s bytes, 3 i int64, 4 f float, 5 b bool, 6 type int32,
  7 shape TensorShapeProto, 8 tensor TensorProto, 9 placeholder string, 10 func NameAttrList)
AttrListValue: 2 s *bytes, 3 i *int64, 4 f *float, 5 b *bool, 6 type *int32,
  7 shape *TensorShapeProto, 8 tensor *TensorProto, 9 func *NameAttrList
NameAttrList: 1 name string, 2 attr {string: AttrValue}
FullTypeDef: 1 type_id int32, 2 args *FullTypeDef, attr(3 s string, 4 i int64)
OpList: 1 op *OpDef
OpDef: 1 name string, 2 input_arg *ArgDef, 3 output_arg *ArgDef, 4 attr *AttrDef, 5 summary string,
  6 description string, 8 deprecation OpDeprecation, 16 is_aggregate bool, 17 is_stateful bool,
  18 is_commutative bool, 19 allows_uninitialized_input bool, 20 control_output *string,
  21 is_distributed_communication bool
ArgDef: 1 name string, 2 description string, 3 type int32, 4 type_attr string, 5 number_attr string,
  6 type_list_attr string, 7 handle_data *DtypeAndShape, 16 is_ref bool,
  17 experimental_full_type FullTypeDef
AttrDef: 1 name string, 2 type string, 3 default_value AttrValue, 4 description string,
  5 has_minimum bool, 6 minimum int64, 7 allowed_values AttrValue
OpDeprecation: 1 version int32, 2 explanation string
NodeDef: 1 name string, 2 op string, 3 input *string, 4 device string, 5 attr {string: AttrValue},
  6 experimental_debug_info ExperimentalDebugInfo, 7 experimental_type FullTypeDef
ExperimentalDebugInfo: 1 original_node_names *string, 2 original_func_names *string
FunctionDefLibrary: 1 function *FunctionDef, 2 gradient *GradientDef,
  3 registered_gradients *RegisteredGradient
FunctionDef: 1 signature OpDef, 3 node_def *NodeDef, 4 ret {string: string},
  5 attr {string: AttrValue}, 6 control_ret {string: string}, 7 arg_attr {uint32: ArgAttrs},
  8 resource_arg_unique_id {uint32: uint32}
ArgAttrs: 1 attr {string: AttrValue}
GradientDef: 1 function_name string, 2 gradient_func string
RegisteredGradient: 1 gradient_func string, 2 registered_op_type string
MetaGraphDef: 1 meta_info_def MetaInfoDef, 2 graph_def GraphDef, 3 saver_def SaverDef,
  4 collection_def {string: bytes}, 5 signature_def {string: SignatureDef},
  6 asset_file_def *AssetFileDef, 7 object_graph_def SavedObjectGraph
MetaInfoDef: 1 meta_graph_version string, 2 stripped_op_list OpList, 3 any_info Any, 4 tags *string,
  5 tensorflow_version string, 6 tensorflow_git_version string, 7 stripped_default_attrs bool,
  8 function_aliases {string: string}
GraphDef: 1 node *NodeDef, 2 library FunctionDefLibrary, 3 version int32, 4 versions VersionDef,
  5 debug_info bytes
SignatureDef: 1 inputs {string: TensorInfo}, 2 outputs {string: TensorInfo}, 3 method_name string,
  4 defaults {string: TensorProto}
TensorInfo: encoding(1 name string), 2 dtype int32, 3 tensor_shape TensorShapeProto,
  encoding(4 coo_sparse CooSparse, 5 composite_tensor CompositeTensor)
CooSparse: 1 values_tensor_name string, 2 indices_tensor_name string,
  3 dense_shape_tensor_name string
CompositeTensor: 1 type_spec TypeSpecProto, 2 components *TensorInfo
AssetFileDef: 1 tensor_info TensorInfo, 2 filename string
SavedObjectGraph: 1 nodes *SavedObject, 2 concrete_functions {string: SavedConcreteFunction}
SavedObject: 1 children *ObjectReference, 3 slot_variables *SlotVariableReference,
  kind(4 user_object SavedUserObject, 5 asset SavedAsset, 6 function SavedFunction,
  7 variable SavedVariable, 8 bare_concrete_function SavedBareConcreteFunction,
  9 constant SavedConstant, 10 resource SavedResource),
  11 saveable_objects {string: SaveableObject}, kind(12 captured_tensor CapturedTensor),
  13 registered_name string, 14 serialized_user_proto Any, 15 dependencies *ObjectReference,
  16 registered_saver string
SavedUserObject: 1 identifier string, 2 version VersionDef, 3 metadata string
SavedAsset: 1 asset_file_def_index int32
SavedFunction: 1 concrete_functions *string, 2 function_spec FunctionSpec
FunctionSpec: 1 fullargspec StructuredValue, 2 is_method bool, 5 input_signature StructuredValue,
  6 jit_compile int32
SavedVariable: 1 dtype int32, 2 shape TensorShapeProto, 3 trainable bool, 4 synchronization int32,
  5 aggregation int32, 6 name string, 7 device string,
  8 experimental_distributed_variable_components *SavedVariable
SavedBareConcreteFunction: 1 concrete_function_name string, 2 argument_keywords *string,
  3 allowed_positional_arguments int64, 4 function_spec FunctionSpec
SavedConstant: 1 operation string
SavedResource: 1 device string
SaveableObject: 2 save_function int32, 3 restore_function int32
CapturedTensor: 1 name string, 2 concrete_function string
SavedConcreteFunction: 2 bound_inputs *int32, 3 canonicalized_input_signature StructuredValue,
  4 output_signature StructuredValue
SaverDef: 1 filename_tensor_name string, 2 save_tensor_name string, 3 restore_op_name string,
  4 max_to_keep int32, 5 sharded bool, 6 keep_checkpoint_every_n_hours float, 7 version int32
SavedModel: 1 saved_model_schema_version int64, 2 meta_graphs *MetaGraphDef
TypeSpecProto: 1 type_spec_class int32, 2 type_state StructuredValue, 3 type_spec_class_name string,
  4 num_flat_components int32
StructuredValue: kind(1 none_value NoneValue, 11 float64_value double, 12 int64_value sint64,
  13 string_value string, 14 bool_value bool, 31 tensor_shape_value TensorShapeProto,
  32 tensor_dtype_value int32, 33 tensor_spec_value TensorSpecProto,
  34 type_spec_value TypeSpecProto, 35 bounded_tensor_spec_value BoundedTensorSpecProto,
  51 list_value ListValue, 52 tuple_value TupleValue, 53 dict_value DictValue,
  54 named_tuple_value NamedTupleValue, 55 tensor_value TensorProto, 56 numpy_value TensorProto)
NoneValue:
TensorSpecProto: 1 name string, 2 shape TensorShapeProto, 3 dtype int32
BoundedTensorSpecProto: 1 name string, 2 shape TensorShapeProto, 3 dtype int32,
  4 minimum TensorProto, 5 maximum TensorProto
ListValue: 1 values *StructuredValue
TupleValue: 1 values *StructuredValue
DictValue: 1 fields {string: StructuredValue}
NamedTupleValue: 1 name string, 2 values *PairValue
PairValue: 1 key string, 2 value StructuredValue
SavedMetadata: 1 nodes *SavedMetadataObject
SavedMetadataObject: 2 node_id int32, 3 node_path string, 4 identifier string, 5 metadata string,
  6 version VersionDef
FingerprintDef: 1 saved_model_checksum uint64, 2 graph_def_program_hash uint64,
  3 signature_def_hash uint64, 4 saved_object_graph_hash uint64, 5 checkpoint_hash uint64,
  6 version VersionDef, 7 uuid string
BoolValue: 1 value bool
Any: 1 type_url string, 2 value bytes
"""
"""One message per line: number, name and type of its fields.

`*` marks a repeated field, `{key: value}` a map, and `name(...)` a oneof.
"""

_FIELD = re.compile(r"(?:(\w+)\()?(\d+) (\w+) (\*?)(\w+|\{\w+: \w+\})(\))?(?:, |$)")

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "double": _Field.TYPE_DOUBLE,
    "fixed32": _Field.TYPE_FIXED32,
    "float": _Field.TYPE_FLOAT,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "sint64": _Field.TYPE_SINT64,
    "string": _Field.TYPE_STRING,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
}


def encoded(message: Any) -> bytes:
    """Return the encoded message; maps are sorted by key, so equal messages have equal bytes."""
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def decoded(kind: str, data: bytes | memoryview, *, where: str) -> Any:
    """Return a decoded message of that kind.

    Raises:
        UnreadableFile: naming `where`, if the bytes are not such a message.
        WrongPart: if it contains far more messages than a graph does.
    """
    message = MESSAGES[kind]()
    check_messages(message.DESCRIPTOR, bytes(data), where=where)
    try:
        message.ParseFromString(bytes(data))
    except DecodeError as error:
        raise UnreadableFile(f"{where}: not a {kind}: {error}") from error
    return message


def _message_classes(schema: str) -> dict[str, Any]:
    """Return the message classes of a schema, by name."""
    file = descriptor_pb2.FileDescriptorProto(
        name="saveproof/tensorflow.proto", package=PACKAGE, syntax="proto3"
    )
    for line in schema.strip().replace("\n  ", " ").split("\n"):
        name, _, fields = line.partition(":")
        _describe(file.message_type.add(name=name), fields.strip())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        message.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{PACKAGE}.{message.name}")
        )
        for message in file.message_type
    }


def _describe(message: Any, fields: str) -> None:
    """Add the fields, written as in the schema, to a message's description."""
    group: str | None = None
    for opened, number, name, star, kind, closed in _FIELD.findall(fields):
        group = opened or group
        field = message.field.add(name=name, number=int(number), label=_label(star or kind))
        if kind.startswith("{"):
            _set_type(field, _map_entry(message, name, kind))
        else:
            _set_type(field, kind)
        if group is not None:
            field.oneof_index = _oneof_index(message, group)
        group = None if closed else group


def _label(mark: str) -> Any:
    return _Field.LABEL_REPEATED if mark[0] in "*{" else _Field.LABEL_OPTIONAL


def _map_entry(message: Any, name: str, kind: str) -> str:
    """Add the entry type of a map to the message and return its name."""
    entry_name = "".join(part.title() for part in name.split("_")) + "Entry"
    entry = message.nested_type.add(name=entry_name)
    entry.options.map_entry = True
    for number, (part, part_kind) in enumerate(
        zip(("key", "value"), kind.strip("{}").split(": "), strict=True), start=1
    ):
        field = entry.field.add(name=part, number=number, label=_Field.LABEL_OPTIONAL)
        _set_type(field, part_kind)
    return f"{message.name}.{entry_name}"


def _set_type(field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"


def _oneof_index(message: Any, name: str) -> int:
    names: list[str] = [oneof.name for oneof in message.oneof_decl]
    if name not in names:
        message.oneof_decl.add(name=name)
        names.append(name)
    return names.index(name)


MESSAGES = _message_classes(SCHEMA)
"""The message classes by name: `MESSAGES["NodeDef"](name="x", op="Placeholder")`."""
