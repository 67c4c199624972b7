"""Surgery on TFLite graphs: makes a model cheaper to run without changing what it computes.

Every pass edits the model in place, returns how much it changed, and is exact, or exact up to float32 rounding
where its docstring says so. No training framework is needed. What does not look as expected is left alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from scripts.model_graph import (
    ACTIVATION,
    OP,
    TENSOR,
    Array,
    Graph,
    Model,
    Operator,
    SurgeryError,
    activation_of,
    add_buffer,
    add_constant,
    add_tensor,
    constant,
    consumers_of,
    is_constant,
    is_linear_pointwise,
    is_pointwise,
    kind_of,
    name_of,
    opcode_of,
    operators_of,
    pointwise_weights,
    producer_of,
    remove_operators,
)
from scripts.ordered_algebra import leading_subspace, ordered_product

DENORMAL_LIMIT = 1e-30
DEAD_LIMIT = 1e-6
CHANNEL_MULTIPLE = 8

Pass = Callable[[Model], int]


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
    for operator in operators_of(model, OP.DEQUANTIZE):
        source, target = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        if (
            source.type != TENSOR.FLOAT16
            or source.sparsity is not None
            or not is_constant(model, operator.inputs[0])
        ):
            continue
        values = constant(model, operator.inputs[0])
        target.buffer = add_buffer(model, values.astype(np.float32))
        folded.append(operator)
    remove_operators(graph, folded)
    return len(folded)


def fuse_relu(model: Model) -> int:
    """Move a RELU into the convolution or addition before it, where that is its only consumer (exact)."""
    graph = model.subgraphs[0]
    fused = []
    for relu in operators_of(model, OP.RELU):
        before = producer_of(model, relu.inputs[0])
        if kind_of(model, before) not in (OP.CONV_2D, OP.DEPTHWISE_CONV_2D, OP.ADD) or activation_of(before):
            continue
        if len(consumers_of(model, relu.inputs[0])) != 1:
            continue
        before.builtinOptions.fusedActivationFunction = ACTIVATION.RELU
        before.outputs = relu.outputs
        fused.append(relu)
    remove_operators(graph, fused)
    return len(fused)


def merge_pointwise(model: Model) -> int:
    """Multiply out two 1x1 convolutions in a row with nothing between them, where that saves work.

    W = W2 W1 and b = W2 b1 + b2, computed in float64: equal up to float32 rounding.
    """
    graph = model.subgraphs[0]
    merged = 0
    for second in list(operators_of(model, OP.CONV_2D)):
        first = producer_of(model, second.inputs[0])
        if not (is_linear_pointwise(model, first) and is_pointwise(model, second)):
            continue
        if len(consumers_of(model, second.inputs[0])) != 1:
            continue
        (w1, b1), (w2, b2) = (pointwise_weights(model, operator) for operator in (first, second))
        if w2.shape[0] * w1.shape[1] > w1.size + w2.size:
            continue
        weights = ordered_product(w2, w1).astype(np.float32).reshape(w2.shape[0], 1, 1, w1.shape[1])
        name = name_of(model, second.inputs[1])
        kernel = add_constant(model, weights, name + b"/merged")
        moved = (ordered_product(w2, b1[:, None])[:, 0] + b2).astype(np.float32)
        bias = add_constant(model, moved, name + b"/merged_bias")
        second.inputs = np.array([first.inputs[0], kernel, bias], np.int32)
        remove_operators(graph, [first])
        merged += 1
    return merged


def narrow_embedding(width: int) -> Pass:
    """A pass that turns the embedding into `width` coordinates of the subspace that it lies in.

    The last layer, y = Wx + b, of both embedders is nearly rank deficient: y hardly leaves a space of far fewer
    dimensions. With an orthonormal basis Q of the leading ones, Q^T y has the lengths and cosines of y, and
    templates, search and storage shrink with it. The models' cards have the change of cosines on real faces.
    """

    def apply(model: Model) -> int:
        graph = model.subgraphs[0]
        reshape = producer_of(model, graph.outputs[0])
        last = None if kind_of(model, reshape) != OP.RESHAPE else producer_of(model, reshape.inputs[0])
        if last is None or not is_linear_pointwise(model, last):
            raise SurgeryError("the model does not end in a linear 1x1 convolution and a reshape")
        weights, bias = pointwise_weights(model, last)
        basis = leading_subspace(np.concatenate([weights, bias[:, None]], axis=1), width)
        kernel = ordered_product(basis.T, weights).astype(np.float32).reshape(width, 1, 1, -1)
        shift = ordered_product(basis.T, bias[:, None])[:, 0].astype(np.float32)
        name = name_of(model, last.inputs[1])
        last.inputs[1] = add_constant(model, kernel, name + b"/narrow")
        last.inputs[2] = add_constant(model, shift, name + b"/narrow_bias")
        shape = np.array([1, width], np.int32)
        graph.tensors[last.outputs[0]].shape = np.array([1, 1, 1, width], np.int32)
        graph.tensors[graph.outputs[0]].shape = shape
        reshape.builtinOptions.newShape = shape
        reshape.inputs[1] = add_constant(model, shape, name_of(model, reshape.inputs[1]))
        return int(weights.shape[0]) - width

    return apply


def set_batch(batch: int) -> Pass:
    """A pass that gives every activation, and every constant reshape, the batch size `batch` (exact)."""

    def apply(model: Model) -> int:
        graph = model.subgraphs[0]
        before = int(graph.tensors[graph.inputs[0]].shape[0])
        if before == batch:
            return 0
        for operator in graph.operators:
            for index in {*map(int, operator.inputs), *map(int, operator.outputs)}:
                if not is_constant(model, index):
                    _set_first(graph.tensors[index], "shape", batch, before)
        for operator in operators_of(model, OP.RESHAPE):
            _set_first(operator.builtinOptions, "newShape", batch, before)
            wanted = constant(model, operator.inputs[1]).copy()
            wanted[0] = batch
            operator.inputs[1] = add_constant(model, wanted, name_of(model, operator.inputs[1]))
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
    for operator in operators_of(model, OP.CONV_2D, OP.DEPTHWISE_CONV_2D):
        for place, index in enumerate(operator.inputs[1:], start=1):
            values = constant(model, index)
            tiny = (np.abs(values) < DENORMAL_LIMIT) & (values != 0)
            if tiny.any():
                rounded = np.where(tiny, np.float32(0), values).astype(np.float32)
                operator.inputs[place] = add_constant(model, rounded, name_of(model, index))
                flushed += int(tiny.sum())
    return flushed


def drop_dead_channels(model: Model) -> int:
    """Remove channels of a bottleneck whose depthwise filter is zero: what they carry is a constant.

    In convolution, PReLU, depthwise convolution, PReLU, projection, such a channel is its depthwise bias
    whatever the picture shows, so it moves into the projection's bias. Filters below 1e-6 count as zero; the
    channels that stay are rounded up to a multiple of 8, the width of a vector register.
    """
    dropped = 0
    for depthwise in list(operators_of(model, OP.DEPTHWISE_CONV_2D)):
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
    before = [producer_of(model, depthwise.inputs[0])]
    if kind_of(model, before[0]) == OP.PAD:
        before = [producer_of(model, before[0].inputs[0])]
    before.append(producer_of(model, before[0].inputs[0]) if kind_of(model, before[0]) == OP.PRELU else None)
    after = [*consumers_of(model, depthwise.outputs[0])]
    after += consumers_of(model, after[0].outputs[0]) if kind_of(model, after[0]) == OP.PRELU else []
    kinds = [kind_of(model, operator) for operator in (before[0], before[1], *after)]
    if kinds != [OP.PRELU, OP.CONV_2D, OP.PRELU, OP.CONV_2D] or not is_pointwise(model, after[1]):
        return None
    inner = [before[1].outputs[0], before[0].outputs[0], depthwise.inputs[0], after[0].outputs[0]]
    if any(len(consumers_of(model, index)) != 1 for index in inner):
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
                weights, bias = pointwise_weights(model, projection)
                carried = ordered_product(weights[:, dead], value[dead, None].astype(np.float64))
                moved = (bias + carried[:, 0]).astype(np.float32)
                operator.inputs[2] = add_constant(model, moved, name_of(model, operator.inputs[2]))
            operator.inputs[place] = add_constant(model, kept, name_of(model, index))
    graph, channels = model.subgraphs[0], int((~dead).sum())
    pad = producer_of(model, depthwise.inputs[0])
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
    for operator in operators_of(model, OP.CONV_2D, OP.DEPTHWISE_CONV_2D):
        for place, index in enumerate(operator.inputs[1:], start=1):
            source = int(index)
            if source not in halved:
                values = constant(model, source).astype(np.float16)
                half = add_constant(model, values, name_of(model, source) + b"/half")
                halved[source] = add_tensor(model, name_of(model, source), values.shape, TENSOR.FLOAT32, 0)
                front.append(
                    schema.OperatorT(
                        opcodeIndex=opcode_of(model, OP.DEQUANTIZE),
                        inputs=np.array([half], np.int32),
                        outputs=np.array([halved[source]], np.int32),
                        builtinOptionsType=schema.BuiltinOptions.NONE,
                    )
                )
            operator.inputs[place] = halved[source]
    graph.operators = front + graph.operators
    return len(front)


def keep_output(name: str) -> Pass:
    """A pass that keeps one output, and of the operators those that it needs (exact)."""

    def apply(model: Model) -> int:
        graph = model.subgraphs[0]
        (kept,) = [int(index) for index in graph.outputs if name_of(model, index) == name.encode()]
        before = len(graph.outputs) + len(graph.operators)
        graph.outputs = np.array([kept], np.int32)
        needed, wanted = [], [kept]
        while wanted:
            operator = producer_of(model, wanted.pop())
            if operator is not None and all(operator is not one for one in needed):
                needed.append(operator)
                wanted.extend(int(index) for index in operator.inputs)
        graph.operators = [one for one in graph.operators if any(one is other for other in needed)]
        model.signatureDefs = None
        return before - 1 - len(graph.operators)

    return apply


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
