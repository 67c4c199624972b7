"""A TFLite file in its object form, and the questions that surgery asks of its graph.

The schema that LiteRT ships reads and writes the flatbuffer; its code is generated and has no types. Files read
here come from a package whose SHA-256 has been checked; what is no TFLite model of one subgraph is refused.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

OP = schema.BuiltinOperator
TENSOR = schema.TensorType
ACTIVATION = schema.ActivationFunctionType
FILE_IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16
"""The schema's `force_align` for buffers, which the generated Python packer ignores."""

Array = np.ndarray[Any, Any]
Model = Any  # schema.ModelT and its parts: generated code without types
Graph = Any
Operator = Any


class SurgeryError(Exception):
    """The graph is not the one this surgery was written for."""


def read_model(content: bytes) -> Model:
    """Unpack a .tflite file into the schema's object form (a `ModelT`)."""
    if content[4:8] != FILE_IDENTIFIER:
        raise SurgeryError("not a TFLite model: the file identifier TFL3 is missing at byte 4")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    if len(model.subgraphs) != 1:
        raise SurgeryError(f"expected one subgraph, found {len(model.subgraphs)}")
    for operator in model.subgraphs[
        0
    ].operators:  # the packer's arrays are views of the file, which is read-only
        operator.inputs, operator.outputs = operator.inputs.copy(), operator.outputs.copy()
    return model


def write_model(model: Model) -> bytes:
    """Pack a `ModelT` into bytes; the same model gives the same bytes every time."""
    model.buffers = [_AlignedBuffer(buffer.data) for buffer in model.buffers]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """A constant, packed on a 16-byte boundary as the schema demands."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802 - the generated code's name
        data = b"" if self.data is None else bytes(np.asarray(self.data, np.uint8))
        vector = None
        if data:
            builder.StartVector(1, len(data), BUFFER_ALIGNMENT)
            builder.head = builder.Head() - len(data)
            builder.Bytes[builder.Head() : builder.Head() + len(data)] = data
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


def constant(model: Model, tensor: int) -> Array:
    """The value of a constant tensor, as an array of its own shape and dtype (fp16, float32 or int32)."""
    kinds = {TENSOR.FLOAT32: np.float32, TENSOR.FLOAT16: np.float16, TENSOR.INT32: np.int32}
    described = model.subgraphs[0].tensors[tensor]
    data = model.buffers[described.buffer].data
    if data is None or described.type not in kinds:
        raise SurgeryError(f"tensor {tensor} ({described.name!r}) is no constant of a dtype that surgery reads")
    shape = () if described.shape is None else tuple(described.shape)
    return np.frombuffer(bytes(np.asarray(data, np.uint8)), kinds[described.type]).reshape(shape)


def operators_of(model: Model, *kinds: int) -> Iterator[Operator]:
    return (operator for operator in model.subgraphs[0].operators if kind_of(model, operator) in kinds)


def kind_of(model: Model, operator: Operator | None) -> int | None:
    if operator is None:
        return None
    code = model.operatorCodes[operator.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def producer_of(model: Model, tensor: int) -> Operator | None:
    return next((op for op in model.subgraphs[0].operators if tensor in op.outputs), None)


def consumers_of(model: Model, tensor: int) -> list[Operator | None]:
    """Operators that read `tensor`; None stands for the graph's own output."""
    graph = model.subgraphs[0]
    readers: list[Operator | None] = [op for op in graph.operators if tensor in op.inputs]
    return readers + [None for index in graph.outputs if index == tensor]


def activation_of(operator: Operator) -> int:
    return int(getattr(operator.builtinOptions, "fusedActivationFunction", ACTIVATION.NONE))


def is_constant(model: Model, tensor: int) -> bool:
    data = model.buffers[model.subgraphs[0].tensors[tensor].buffer].data
    return data is not None and len(data) > 0


def is_pointwise(model: Model, operator: Operator | None) -> bool:
    if operator is None or kind_of(model, operator) != OP.CONV_2D or len(operator.inputs) != 3:
        return False
    options, kernel = operator.builtinOptions, model.subgraphs[0].tensors[operator.inputs[1]]
    strides = (options.strideH, options.strideW)
    constants = all(is_constant(model, index) for index in operator.inputs[1:])
    return (
        constants and strides == (1, 1) and tuple(kernel.shape[1:3]) == (1, 1) and kernel.type == TENSOR.FLOAT32
    )


def is_linear_pointwise(model: Model, operator: Operator | None) -> bool:
    return operator is not None and is_pointwise(model, operator) and activation_of(operator) == ACTIVATION.NONE


def pointwise_weights(model: Model, operator: Operator) -> tuple[Array, Array]:
    """Kernel (out, in) and bias (out,) of a 1x1 convolution, in float64."""
    kernel, bias = (constant(model, index).astype(np.float64) for index in operator.inputs[1:3])
    return kernel.reshape(kernel.shape[0], kernel.shape[3]), bias


def opcode_of(model: Model, builtin: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
            return index
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=min(builtin, 127), version=1)
    )
    return len(model.operatorCodes) - 1


def add_buffer(model: Model, values: Array) -> int:
    model.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
    return len(model.buffers) - 1


def add_constant(model: Model, values: Array, name: bytes) -> int:
    kinds = {"float32": TENSOR.FLOAT32, "float16": TENSOR.FLOAT16, "int32": TENSOR.INT32}
    return add_tensor(model, name, values.shape, kinds[values.dtype.name], add_buffer(model, values))


def add_tensor(model: Model, name: bytes, shape: Iterable[int], kind: int, buffer: int) -> int:
    tensors = model.subgraphs[0].tensors
    tensors.append(schema.TensorT(shape=np.array(tuple(shape), np.int32), type=kind, buffer=buffer, name=name))
    return len(tensors) - 1


def name_of(model: Model, tensor: int) -> bytes:
    return bytes(model.subgraphs[0].tensors[tensor].name)


def position_of(graph: Graph, operator: Operator) -> int:
    return next(i for i, candidate in enumerate(graph.operators) if candidate is operator)


def remove_operators(graph: Graph, operators: list[Operator]) -> None:
    graph.operators = [op for op in graph.operators if not any(op is gone for gone in operators)]
