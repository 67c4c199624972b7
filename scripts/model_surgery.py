"""Surgery on TFLite graphs: makes a model cheaper to run without changing what it computes.

Every pass edits the flatbuffer's object form in place and is exact, or exact up to float32 rounding where its
docstring says so. No training framework is needed: the schema that LiteRT ships is enough. Input is a file
whose SHA-256 the caller has already checked; a graph that does not look as a pass expects is refused or left
alone.
"""

from collections.abc import Callable, Iterable, Iterator
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

DENORMAL_LIMIT = 1e-30
DEAD_LIMIT = 1e-6
CHANNEL_MULTIPLE = 8

Array = np.ndarray[Any, Any]
Model = Any  # schema.ModelT and its parts: generated code without types
Graph = Any
Operator = Any
Pass = Callable[[Model], int]


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


def lift_operator_codes(model: Model) -> int:
    """Move operator codes out of the deprecated field: who reads only the new one sees ADD everywhere."""
    lifted = 0
    for code in model.operatorCodes:
        actual = max(code.builtinCode, code.deprecatedBuiltinCode)
        lifted += code.builtinCode != actual
        code.builtinCode = actual
        code.deprecatedBuiltinCode = min(actual, 127)
    return lifted


def fold_dequantised_constants(model: Model) -> int:
    """Store fp16 constants as the float32 that DEQUANTIZE makes of them at every start (exact, and larger)."""
    graph = model.subgraphs[0]
    folded = []
    for operator in _operators(model, OP.DEQUANTIZE):
        source, target = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        if (
            source.type != TENSOR.FLOAT16
            or source.sparsity is not None
            or not _is_constant(model, operator.inputs[0])
        ):
            continue
        values = constant(model, operator.inputs[0])
        target.buffer = _add_buffer(model, values.astype(np.float32))
        folded.append(operator)
    _remove(graph, folded)
    return len(folded)


def fuse_prelu(model: Model) -> int:
    """Replace relu(x) + a * (x - |x|), five operators, by PRELU with slope 2a (exact, as doubling is)."""
    graph = model.subgraphs[0]
    fused = 0
    for total in list(_operators(model, OP.ADD)):
        match = _match_prelu(model, total)
        if match is None:
            continue
        x, slope, parts = match
        operator = schema.OperatorT(
            opcodeIndex=_opcode(model, OP.PRELU),
            inputs=np.array([x, _prelu_slope(model, slope)], np.int32),
            outputs=total.outputs,
            builtinOptionsType=schema.BuiltinOptions.NONE,
        )
        graph.operators[_position(graph, total)] = operator
        _remove(graph, parts)
        fused += 1
    return fused


def _match_prelu(model: Model, total: Operator) -> tuple[int, int, list[Operator]] | None:
    """The (x, slope constant, operators to drop) of a spelled-out PReLU that ends in `total`, or None."""
    positive, negative = (_producer(model, index) for index in total.inputs)
    if _kind(model, positive) != OP.RELU or _kind(model, negative) != OP.MUL:
        return None
    slopes = [index for index in negative.inputs if _is_constant(model, index)]
    differences = [_producer(model, index) for index in negative.inputs if not _is_constant(model, index)]
    if len(slopes) != 1 or len(differences) != 1 or _kind(model, differences[0]) != OP.SUB:
        return None
    difference = differences[0]
    magnitude = _producer(model, difference.inputs[1])
    x = int(positive.inputs[0])
    if _kind(model, magnitude) != OP.ABS or not x == difference.inputs[0] == magnitude.inputs[0]:
        return None
    parts = [positive, magnitude, difference, negative]
    if any(len(_consumers(model, part.outputs[0])) != 1 for part in parts):
        return None
    if any(_activation(part) != ACTIVATION.NONE for part in (difference, negative, total)):
        return None
    return x, int(slopes[0]), parts


def _prelu_slope(model: Model, tensor: int) -> int:
    """A new constant of shape (1, 1, C) with twice the values of constant `tensor`."""
    values = constant(model, tensor) * np.float32(2)
    return _add_constant(model, values.reshape(1, 1, -1), _name(model, tensor) + b"/slope")


def fuse_relu(model: Model) -> int:
    """Move a RELU into the convolution or addition before it, where that is its only consumer (exact)."""
    graph = model.subgraphs[0]
    fused = []
    for relu in _operators(model, OP.RELU):
        before = _producer(model, relu.inputs[0])
        if _kind(model, before) not in (OP.CONV_2D, OP.DEPTHWISE_CONV_2D, OP.ADD) or _activation(before):
            continue
        if len(_consumers(model, relu.inputs[0])) != 1:
            continue
        before.builtinOptions.fusedActivationFunction = ACTIVATION.RELU
        before.outputs = relu.outputs
        fused.append(relu)
    _remove(graph, fused)
    return len(fused)


def merge_pointwise(model: Model) -> int:
    """Multiply out two 1x1 convolutions in a row with nothing between them, where that saves work.

    W = W2 W1 and b = W2 b1 + b2, computed in float64: equal up to float32 rounding.
    """
    graph = model.subgraphs[0]
    merged = 0
    for second in list(_operators(model, OP.CONV_2D)):
        first = _producer(model, second.inputs[0])
        if not (_is_linear_pointwise(model, first) and _is_pointwise(model, second)):
            continue
        if len(_consumers(model, second.inputs[0])) != 1:
            continue
        (w1, b1), (w2, b2) = (_weights(model, operator) for operator in (first, second))
        if w2.shape[0] * w1.shape[1] > w1.size + w2.size:
            continue
        weights = (w2 @ w1).astype(np.float32).reshape(w2.shape[0], 1, 1, w1.shape[1])
        name = _name(model, second.inputs[1])
        kernel = _add_constant(model, weights, name + b"/merged")
        bias = _add_constant(model, (w2 @ b1 + b2).astype(np.float32), name + b"/merged_bias")
        second.inputs = np.array([first.inputs[0], kernel, bias], np.int32)
        _remove(graph, [first])
        merged += 1
    return merged


def set_batch(batch: int) -> Pass:
    """A pass that gives every activation, and every constant reshape, the batch size `batch` (exact)."""

    def apply(model: Model) -> int:
        graph = model.subgraphs[0]
        before = int(graph.tensors[graph.inputs[0]].shape[0])
        if before == batch:
            return 0
        for operator in graph.operators:
            for index in {*map(int, operator.inputs), *map(int, operator.outputs)}:
                if not _is_constant(model, index):
                    _set_first(graph.tensors[index], "shape", batch, before)
        for operator in _operators(model, OP.RESHAPE):
            _set_first(operator.builtinOptions, "newShape", batch, before)
            wanted = constant(model, operator.inputs[1]).copy()
            wanted[0] = batch
            operator.inputs[1] = _add_constant(model, wanted, _name(model, operator.inputs[1]))
        return before

    return apply


def _set_first(part: Any, field: str, value: int, expected: int) -> None:
    """Set the first element of an integer vector, which must be `expected` or already `value`."""
    vector = np.array(getattr(part, field), np.int32)
    if vector[0] not in (expected, value):
        raise SurgeryError(f"{field} {vector.tolist()} does not start with the batch size {expected}")
    vector[0] = value
    setattr(part, field, vector)


def flush_denormals(model: Model) -> int:
    """Set weights below 1e-30 to zero: denormal numbers make some processors ten times slower."""
    flushed = 0
    for operator in _operators(model, OP.CONV_2D, OP.DEPTHWISE_CONV_2D):
        for place, index in enumerate(operator.inputs[1:], start=1):
            values = constant(model, index)
            tiny = (np.abs(values) < DENORMAL_LIMIT) & (values != 0)
            if tiny.any():
                rounded = np.where(tiny, np.float32(0), values).astype(np.float32)
                operator.inputs[place] = _add_constant(model, rounded, _name(model, index))
                flushed += int(tiny.sum())
    return flushed


def drop_dead_channels(model: Model) -> int:
    """Remove channels of a bottleneck whose depthwise filter is zero: what they carry is a constant.

    In convolution, PReLU, depthwise convolution, PReLU, projection, such a channel is its depthwise bias
    whatever the picture shows, so it moves into the projection's bias. Filters below 1e-6 count as zero; the
    channels that stay are rounded up to a multiple of 8, the width of a vector register.
    """
    dropped = 0
    for depthwise in list(_operators(model, OP.DEPTHWISE_CONV_2D)):
        chain = _bottleneck(model, depthwise)
        if chain is None:
            continue
        kernel, bias = (constant(model, index) for index in depthwise.inputs[1:3])
        dead = np.abs(kernel).reshape(-1, kernel.shape[3]).max(axis=0) < DEAD_LIMIT
        dead[np.flatnonzero(dead)[: -int((~dead).sum()) % CHANNEL_MULTIPLE]] = False
        if dead.any():
            slope = constant(model, chain[2].inputs[1]).reshape(-1)
            _drop_channels(
                model, (chain[0], chain[1], depthwise, *chain[2:]), dead, np.where(bias > 0, bias, bias * slope)
            )
            dropped += int(dead.sum())
    return dropped


def _bottleneck(model: Model, depthwise: Operator) -> tuple[Operator, Operator, Operator, Operator] | None:
    """(expansion, PReLU, PReLU, projection) around a depthwise convolution that nobody else reads from."""
    before = [_producer(model, depthwise.inputs[0])]
    if _kind(model, before[0]) == OP.PAD:
        before = [_producer(model, before[0].inputs[0])]
    before.append(_producer(model, before[0].inputs[0]) if _kind(model, before[0]) == OP.PRELU else None)
    after = [*_consumers(model, depthwise.outputs[0])]
    after += _consumers(model, after[0].outputs[0]) if _kind(model, after[0]) == OP.PRELU else []
    kinds = [_kind(model, operator) for operator in (before[0], before[1], *after)]
    if kinds != [OP.PRELU, OP.CONV_2D, OP.PRELU, OP.CONV_2D] or not _is_pointwise(model, after[1]):
        return None
    inner = [before[1].outputs[0], before[0].outputs[0], depthwise.inputs[0], after[0].outputs[0]]
    if any(len(_consumers(model, index)) != 1 for index in inner):
        return None
    return before[1], before[0], after[0], after[1]


def _drop_channels(model: Model, chain: tuple[Operator, ...], dead: Array, value: Array) -> None:
    """Cut the `dead` channels out of a bottleneck; `value` is what each carries into the projection."""
    expansion, first, depthwise, second, projection = chain
    for operator, inputs, axis in (
        (expansion, (1, 2), 0),
        (first, (1,), -1),
        (depthwise, (1, 2), -1),
        (second, (1,), -1),
        (projection, (1,), -1),
    ):
        for place in inputs:
            index = int(operator.inputs[place])
            kept = np.compress(~dead, constant(model, index), axis=axis)
            if operator is projection:
                weights, bias = _weights(model, projection)
                moved = (bias + weights[:, dead] @ value[dead].astype(np.float64)).astype(np.float32)
                operator.inputs[2] = _add_constant(model, moved, _name(model, operator.inputs[2]))
            operator.inputs[place] = _add_constant(model, kept, _name(model, index))
    graph, channels = model.subgraphs[0], int((~dead).sum())
    pad = _producer(model, depthwise.inputs[0])
    for operator in (expansion, first, pad, depthwise, second):
        shape = graph.tensors[operator.outputs[0]].shape.copy()
        shape[-1] = channels
        graph.tensors[operator.outputs[0]].shape = shape


def halve_weights(model: Model) -> int:
    """Store float32 convolution kernels as fp16 behind a DEQUANTIZE, which XNNPACK unpacks when it starts.

    Rounds the weights to 11 bits of precision: the caller measures what that costs.
    """
    graph = model.subgraphs[0]
    halved: dict[int, int] = {}
    front = []
    for operator in _operators(model, OP.CONV_2D, OP.DEPTHWISE_CONV_2D):
        for place, index in enumerate(operator.inputs[1:], start=1):
            source = int(index)
            if source not in halved:
                values = constant(model, source).astype(np.float16)
                half = _add_constant(model, values, _name(model, source) + b"/half")
                halved[source] = _add_tensor(model, _name(model, source), values.shape, TENSOR.FLOAT32, 0)
                front.append(
                    schema.OperatorT(
                        opcodeIndex=_opcode(model, OP.DEQUANTIZE),
                        inputs=np.array([half], np.int32),
                        outputs=np.array([halved[source]], np.int32),
                        builtinOptionsType=schema.BuiltinOptions.NONE,
                    )
                )
            operator.inputs[place] = halved[source]
    graph.operators = front + graph.operators
    return len(front)


def prune(model: Model) -> int:
    """Drop tensors, buffers, operator codes and metadata that nothing uses; merge equal buffers (exact)."""
    graph = model.subgraphs[0]
    before = len(graph.tensors) + len(model.buffers)
    used = {int(i) for i in (*graph.inputs, *graph.outputs)}
    for operator in graph.operators:
        used |= {int(i) for i in (*operator.inputs, *operator.outputs) if i >= 0}
    kept = sorted(used)
    renumbered = {-1: -1} | {old: new for new, old in enumerate(kept)}
    graph.tensors = [graph.tensors[index] for index in kept]
    for part in (graph, *graph.operators):
        part.inputs = np.array([renumbered[int(i)] for i in part.inputs], np.int32)
        part.outputs = np.array([renumbered[int(i)] for i in part.outputs], np.int32)
    _prune_buffers(model, graph)
    _prune_codes(model, graph)
    model.metadata, model.metadataBuffer = None, None
    return before - len(graph.tensors) - len(model.buffers)


def _prune_buffers(model: Model, graph: Graph) -> None:
    """Keep one empty buffer at 0 (the schema's rule) and one buffer a distinct constant, in order of use."""
    places: dict[bytes, int] = {b"": 0}
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        content = b"" if data is None else bytes(np.asarray(data, np.uint8))
        tensor.buffer = places.setdefault(content, len(places))
    model.buffers = [schema.BufferT(data=np.frombuffer(content, np.uint8)) for content in places]


def _prune_codes(model: Model, graph: Graph) -> None:
    """Keep the operator codes in use, ordered by code, so that the order of passes leaves no trace."""
    codes = {operator.opcodeIndex for operator in graph.operators}
    kept = sorted(codes, key=lambda index: model.operatorCodes[index].builtinCode)
    for operator in graph.operators:
        operator.opcodeIndex = kept.index(operator.opcodeIndex)
    model.operatorCodes = [model.operatorCodes[index] for index in kept]


def constant(model: Model, tensor: int) -> Array:
    """The value of a constant tensor, as an array of its own shape and dtype (fp16, float32 or int32)."""
    kinds = {TENSOR.FLOAT32: np.float32, TENSOR.FLOAT16: np.float16, TENSOR.INT32: np.int32}
    described = model.subgraphs[0].tensors[tensor]
    data = model.buffers[described.buffer].data
    if data is None or described.type not in kinds:
        raise SurgeryError(f"tensor {tensor} ({described.name!r}) is no constant of a dtype that surgery reads")
    shape = () if described.shape is None else tuple(described.shape)
    return np.frombuffer(bytes(np.asarray(data, np.uint8)), kinds[described.type]).reshape(shape)


def _operators(model: Model, *kinds: int) -> Iterator[Operator]:
    return (operator for operator in model.subgraphs[0].operators if _kind(model, operator) in kinds)


def _kind(model: Model, operator: Operator | None) -> int | None:
    if operator is None:
        return None
    code = model.operatorCodes[operator.opcodeIndex]
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def _producer(model: Model, tensor: int) -> Operator | None:
    return next((op for op in model.subgraphs[0].operators if tensor in op.outputs), None)


def _consumers(model: Model, tensor: int) -> list[Operator | None]:
    """Operators that read `tensor`; None stands for the graph's own output."""
    graph = model.subgraphs[0]
    readers: list[Operator | None] = [op for op in graph.operators if tensor in op.inputs]
    return readers + [None for index in graph.outputs if index == tensor]


def _activation(operator: Operator) -> int:
    return int(getattr(operator.builtinOptions, "fusedActivationFunction", ACTIVATION.NONE))


def _is_constant(model: Model, tensor: int) -> bool:
    data = model.buffers[model.subgraphs[0].tensors[tensor].buffer].data
    return data is not None and len(data) > 0


def _is_pointwise(model: Model, operator: Operator | None) -> bool:
    if operator is None or _kind(model, operator) != OP.CONV_2D or len(operator.inputs) != 3:
        return False
    options, kernel = operator.builtinOptions, model.subgraphs[0].tensors[operator.inputs[1]]
    strides = (options.strideH, options.strideW)
    constants = all(_is_constant(model, index) for index in operator.inputs[1:])
    return (
        constants and strides == (1, 1) and tuple(kernel.shape[1:3]) == (1, 1) and kernel.type == TENSOR.FLOAT32
    )


def _is_linear_pointwise(model: Model, operator: Operator | None) -> bool:
    return operator is not None and _is_pointwise(model, operator) and _activation(operator) == ACTIVATION.NONE


def _weights(model: Model, operator: Operator) -> tuple[Array, Array]:
    """Kernel (out, in) and bias (out,) of a 1x1 convolution, in float64."""
    kernel, bias = (constant(model, index).astype(np.float64) for index in operator.inputs[1:3])
    return kernel.reshape(kernel.shape[0], kernel.shape[3]), bias


def _opcode(model: Model, builtin: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
            return index
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=min(builtin, 127), version=1)
    )
    return len(model.operatorCodes) - 1


def _add_buffer(model: Model, values: Array) -> int:
    model.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
    return len(model.buffers) - 1


def _add_constant(model: Model, values: Array, name: bytes) -> int:
    kinds = {"float32": TENSOR.FLOAT32, "float16": TENSOR.FLOAT16, "int32": TENSOR.INT32}
    return _add_tensor(model, name, values.shape, kinds[values.dtype.name], _add_buffer(model, values))


def _add_tensor(model: Model, name: bytes, shape: Iterable[int], kind: int, buffer: int) -> int:
    tensors = model.subgraphs[0].tensors
    tensors.append(schema.TensorT(shape=np.array(tuple(shape), np.int32), type=kind, buffer=buffer, name=name))
    return len(tensors) - 1


def _name(model: Model, tensor: int) -> bytes:
    return bytes(model.subgraphs[0].tensors[tensor].name)


def _position(graph: Graph, operator: Operator) -> int:
    return next(i for i, candidate in enumerate(graph.operators) if candidate is operator)


def _remove(graph: Graph, operators: list[Operator]) -> None:
    graph.operators = [op for op in graph.operators if not any(op is gone for gone in operators)]
