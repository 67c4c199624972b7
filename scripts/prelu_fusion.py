"""Fuses PReLUs that a converter spelled out in five or six operators: a pass of the surgery on TFLite graphs.

Converters write what the training program wrote, and many wrote PReLU out. What is not exactly one of the
spellings known here is left alone.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from scripts.model_graph import (
    ACTIVATION,
    OP,
    Model,
    Operator,
    activation_of,
    add_constant,
    constant,
    consumers_of,
    is_constant,
    kind_of,
    name_of,
    opcode_of,
    operators_of,
    position_of,
    producer_of,
    remove_operators,
)

PICTURE_DIMENSIONS = 4


def fuse_prelu(model: Model) -> int:
    """Replace a PReLU that is spelled out in several operators by PRELU (exact).

    Two spellings are known: relu(x) + a * (x - |x|), of slope 2a (doubling is exact), and
    relu(x) + a * -relu(-x), of slope a. Vectors are left alone: older XNNPACK takes PRELU of pictures only.
    """
    graph = model.subgraphs[0]
    fused = 0
    for total in list(operators_of(model, OP.ADD)):
        match = _match_prelu(model, total)
        if match is None:
            continue
        x, slope, factor, parts = match
        operator = schema.OperatorT(
            opcodeIndex=opcode_of(model, OP.PRELU),
            inputs=np.array([x, _prelu_slope(model, slope, factor)], np.int32),
            outputs=total.outputs,
            builtinOptionsType=schema.BuiltinOptions.NONE,
        )
        graph.operators[position_of(graph, total)] = operator
        remove_operators(graph, parts)
        fused += 1
    return fused


def _match_prelu(model: Model, total: Operator) -> tuple[int, int, int, list[Operator]] | None:
    """The (x, constant, slope as its multiple, operators to drop) of a PReLU that ends in `total`, or None."""
    positive, scaled = (producer_of(model, index) for index in total.inputs)
    if kind_of(model, positive) != OP.RELU or kind_of(model, scaled) != OP.MUL:
        return None
    slopes = [int(index) for index in scaled.inputs if is_constant(model, index)]
    negatives = [producer_of(model, index) for index in scaled.inputs if not is_constant(model, index)]
    if len(slopes) != 1 or len(negatives) != 1:
        return None
    x = int(positive.inputs[0])
    match = _match_negative(model, negatives[0], x)
    if match is None or len(model.subgraphs[0].tensors[x].shape) != PICTURE_DIMENSIONS:
        return None
    factor, inner = match
    parts = [positive, scaled, *inner]
    if any(len(consumers_of(model, part.outputs[0])) != 1 for part in parts):
        return None
    if any(activation_of(part) != ACTIVATION.NONE for part in (*parts, total)):
        return None
    return x, slopes[0], factor, parts


def _match_negative(model: Model, last: Operator | None, x: int) -> tuple[int, list[Operator]] | None:
    """(factor, operators) where `last` gives factor * min(x, 0) by these operators, or None."""
    if last is None:
        return None
    before = producer_of(model, last.inputs[-1])
    if kind_of(model, last) == OP.SUB and kind_of(model, before) == OP.ABS:
        return (2, [last, before]) if x == last.inputs[0] == before.inputs[0] else None
    if kind_of(model, last) == OP.NEG and kind_of(model, before) == OP.RELU:
        first = producer_of(model, before.inputs[0])
        if kind_of(model, first) == OP.NEG and first.inputs[0] == x:
            return 1, [last, before, first]
    return None


def _prelu_slope(model: Model, tensor: int, factor: int) -> int:
    """A new constant of shape (1, 1, C) with `factor` times the values of constant `tensor`."""
    values = constant(model, tensor) * np.float32(factor)
    return add_constant(model, values.reshape(1, 1, -1), name_of(model, tensor) + b"/slope")
