"""Writes into a model what MediaPipe's tasks insist on: TFLite metadata that says how a picture becomes input.

MediaPipe's face detector refuses a model without it, and no package ships one that has it. Only what the task
reads is written: the colour order, and the mean and deviation of the input. The tables are those of TFLite's
metadata_schema.fbs (identifier M001); a reader finds them through the entry TFLITE_METADATA of the model.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from scripts.model_graph import Model, SurgeryError

ENTRY = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
IMAGE_PROPERTIES = 2  # of the union ContentProperties
NORMALISATION = 1  # of the union ProcessUnitOptions
RGB = 1  # of the enum ColorSpaceType
BLAZEFACE_MEAN, BLAZEFACE_STD = 127.5, 127.5


def describe_for_mediapipe(model: Model) -> int:
    """Add the metadata of a model whose only input is an RGB picture scaled to -1..1; counts entries added."""
    if model.metadata is None:
        model.metadata = []
    if any(entry.name == ENTRY for entry in model.metadata):
        return 0
    graph = model.subgraphs[0]
    if len(graph.inputs) != 1:
        raise SurgeryError(f"metadata is for a model of one input, this one has {len(graph.inputs)}")
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(_metadata(outputs=len(graph.outputs)), np.uint8)
    entry.name, entry.buffer = ENTRY, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    return 1


def _metadata(*, outputs: int) -> bytes:
    """ModelMetadata of one subgraph with one input tensor and as many output tensors as the graph has."""
    builder = flatbuffers.Builder(1024)
    picture = _table(builder, _byte(0, RGB))
    content = _table(builder, _byte(0, IMAGE_PROPERTIES), _offset(1, picture))
    mean, std = _floats(builder, BLAZEFACE_MEAN), _floats(builder, BLAZEFACE_STD)
    options = _table(builder, _offset(0, mean), _offset(1, std))
    units = _offsets(builder, _table(builder, _byte(0, NORMALISATION), _offset(1, options)))
    name = builder.CreateString("image")
    given = _offsets(builder, _table(builder, _offset(0, name), _offset(3, content), _offset(4, units)))
    taken = _offsets(builder, *(_table(builder) for _ in range(outputs)))
    graphs = _offsets(builder, _table(builder, _offset(2, given), _offset(3, taken)))
    title = builder.CreateString("BlazeFace")
    builder.Finish(_table(builder, _offset(0, title), _offset(3, graphs)), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


Field = tuple[str, int, int]


def _byte(slot: int, value: int) -> Field:
    return ("byte", slot, value)


def _offset(slot: int, value: int) -> Field:
    return ("offset", slot, value)


def _table(builder: flatbuffers.Builder, *fields: Field) -> int:
    builder.StartObject(1 + max((slot for _, slot, _ in fields), default=0))
    for kind, slot, value in fields:
        if kind == "byte":
            builder.PrependUint8Slot(slot, value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
    return int(builder.EndObject())


def _offsets(builder: flatbuffers.Builder, *items: int) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def _floats(builder: flatbuffers.Builder, value: float) -> int:
    builder.StartVector(4, 1, 4)
    builder.PrependFloat32(value)
    return int(builder.EndVector())
