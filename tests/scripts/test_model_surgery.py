"""Every pass of the surgery on small graphs that are built here: same answers, fewer operators."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from scripts import model_surgery as surgery
from scripts.model_graph import (
    ACTIVATION,
    OP,
    TENSOR,
    SurgeryError,
    add_constant,
    add_tensor,
    kind_of,
    opcode_of,
    read_model,
    write_model,
)
from scripts.prelu_fusion import fuse_prelu

RNG = np.random.default_rng(3)
CHANNELS = 16


class Sketch:
    """A graph under construction: one picture of 8x8 in, whatever was added last out."""

    def __init__(self, batch: int = 1) -> None:
        graph = schema.SubGraphT(name=b"main", tensors=[], operators=[])
        self.model = schema.ModelT(version=3, subgraphs=[graph], operatorCodes=[], buffers=[schema.BufferT()])
        self.graph, self.batch = graph, batch
        self.last = add_tensor(self.model, b"input", (batch, 8, 8, 3), TENSOR.FLOAT32, 0)
        graph.inputs = np.array([self.last], np.int32)

    def op(self, kind: int, inputs: list[int], shape: tuple[int, ...], options: Any = None) -> int:
        self.last = add_tensor(self.model, b"t", shape, TENSOR.FLOAT32, 0)
        union = 0 if options is None else getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        operator = schema.OperatorT(
            opcodeIndex=opcode_of(self.model, kind),
            inputs=np.array(inputs, np.int32),
            outputs=np.array([self.last], np.int32),
            builtinOptionsType=union,
            builtinOptions=options,
        )
        self.graph.operators.append(operator)
        return self.last

    def constant(self, *shape: int, values: Any = None) -> int:
        drawn = RNG.standard_normal(shape) if values is None else values
        return add_constant(self.model, np.asarray(drawn, np.float32), b"c")

    def conv(self, source: int, channels: int, *, kernel: int, bias: int, side: int = 8) -> int:
        options = schema.Conv2DOptionsT(strideH=1, strideW=1)
        return self.op(OP.CONV_2D, [source, kernel, bias], (self.batch, side, side, channels), options)

    def pointwise(self, source: int, inputs: int, channels: int, side: int = 8) -> int:
        kernel, bias = self.constant(channels, 1, 1, inputs), self.constant(channels)
        return self.conv(source, channels, kernel=kernel, bias=bias, side=side)

    def spelled_prelu(self, x: int, channels: int) -> int:
        shape = (self.batch, 8, 8, channels)
        positive, magnitude = self.op(OP.RELU, [x], shape), self.op(OP.ABS, [x], shape)
        difference = self.op(OP.SUB, [x, magnitude], shape, schema.SubOptionsT())
        negative = self.op(OP.MUL, [self.constant(channels), difference], shape, schema.MulOptionsT())
        return self.op(OP.ADD, [positive, negative], shape, schema.AddOptionsT())

    def negated_prelu(self, x: int, shape: tuple[int, ...]) -> int:
        positive, opposite = self.op(OP.RELU, [x], shape), self.op(OP.NEG, [x], shape)
        below = self.op(OP.NEG, [self.op(OP.RELU, [opposite], shape)], shape)
        negative = self.op(OP.MUL, [self.constant(shape[-1]), below], shape, schema.MulOptionsT())
        return self.op(OP.ADD, [positive, negative], shape, schema.AddOptionsT())

    def finish(self) -> Any:
        self.graph.outputs = np.array([self.last], np.int32)
        return read_model(write_model(self.model))


def run(model: Any, picture: Any = None) -> Any:
    interpreter = Interpreter(model_content=write_model(model), num_threads=1)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    if picture is None:
        picture = np.random.default_rng(5).standard_normal((1, 8, 8, 3)).astype(np.float32)
    interpreter.set_tensor(entry["index"], np.repeat(picture, entry["shape"][0], axis=0))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy()


def kinds(model: Any) -> list[int | None]:
    return [kind_of(model, operator) for operator in model.subgraphs[0].operators]


def test_packing_is_deterministic_and_aligned() -> None:
    sketch = Sketch()
    sketch.pointwise(sketch.last, 3, 5)
    model = sketch.finish()
    content = write_model(model)
    assert write_model(read_model(content)) == content
    again = schema.Model.GetRootAs(content, 0)
    for index in range(again.BuffersLength()):
        data = again.Buffers(index).DataAsNumpy()
        if not isinstance(data, int):
            start = data.__array_interface__["data"][0] - np.frombuffer(content, np.uint8).ctypes.data
            assert start % 16 == 0


def test_what_is_no_tflite_model_is_refused() -> None:
    with pytest.raises(SurgeryError, match="TFL3"):
        read_model(b"PK\3\4 this is a zip file")


def test_a_spelled_out_prelu_becomes_one_operator() -> None:
    sketch = Sketch()
    sketch.spelled_prelu(sketch.pointwise(sketch.last, 3, 5), 5)
    model = sketch.finish()
    before = run(model)
    assert fuse_prelu(model) == 1
    surgery.prune(model)
    assert kinds(model) == [OP.CONV_2D, OP.PRELU]
    np.testing.assert_array_equal(run(model), before)


def test_a_prelu_spelled_with_two_negations_becomes_one_operator() -> None:
    sketch = Sketch()
    sketch.negated_prelu(sketch.pointwise(sketch.last, 3, 5), (1, 8, 8, 5))
    model = sketch.finish()
    before = run(model)
    assert before.min() < 0 < before.max()
    assert fuse_prelu(model) == 1
    surgery.prune(model)
    assert kinds(model) == [OP.CONV_2D, OP.PRELU]
    np.testing.assert_array_equal(run(model), before)


def test_the_prelu_of_a_vector_is_left_alone() -> None:
    sketch = Sketch()
    vector = sketch.op(OP.RELU, [sketch.last], (1, 192))
    sketch.negated_prelu(vector, (1, 192))
    assert fuse_prelu(sketch.finish()) == 0


def test_a_negation_of_something_else_is_no_prelu() -> None:
    sketch = Sketch()
    shape = (1, 8, 8, 5)
    x = sketch.pointwise(sketch.last, 3, 5)
    y = sketch.pointwise(sketch.last, 5, 5)
    below = sketch.op(OP.NEG, [sketch.op(OP.RELU, [sketch.op(OP.NEG, [y], shape)], shape)], shape)
    negative = sketch.op(OP.MUL, [sketch.constant(5), below], shape, schema.MulOptionsT())
    sketch.op(OP.ADD, [sketch.op(OP.RELU, [x], shape), negative], shape, schema.AddOptionsT())
    assert fuse_prelu(sketch.finish()) == 0


def test_a_prelu_whose_parts_are_read_elsewhere_is_left_alone() -> None:
    sketch = Sketch()
    total = sketch.spelled_prelu(sketch.pointwise(sketch.last, 3, 5), 5)
    magnitude = sketch.graph.operators[2].outputs[0]
    sketch.op(OP.ADD, [total, int(magnitude)], (1, 8, 8, 5), schema.AddOptionsT())
    model = sketch.finish()
    assert fuse_prelu(model) == 0


def test_a_relu_moves_into_the_operator_before_it() -> None:
    sketch = Sketch()
    sketch.op(OP.RELU, [sketch.pointwise(sketch.last, 3, 5)], (1, 8, 8, 5))
    model = sketch.finish()
    before = run(model)
    assert surgery.fuse_relu(model) == 1
    assert kinds(model) == [OP.CONV_2D]
    np.testing.assert_array_equal(run(model), before)


def test_a_relu_whose_input_is_read_elsewhere_stays() -> None:
    sketch = Sketch()
    conv = sketch.pointwise(sketch.last, 3, 5)
    relu = sketch.op(OP.RELU, [conv], (1, 8, 8, 5))
    sketch.op(OP.ADD, [relu, conv], (1, 8, 8, 5), schema.AddOptionsT())
    model = sketch.finish()
    assert surgery.fuse_relu(model) == 0


def test_two_pointwise_convolutions_are_multiplied_out() -> None:
    sketch = Sketch()
    sketch.pointwise(sketch.pointwise(sketch.last, 3, 16), 16, 5)
    model = sketch.finish()
    before = run(model)
    assert surgery.merge_pointwise(model) == 1
    assert kinds(model) == [OP.CONV_2D]
    np.testing.assert_allclose(run(model), before, rtol=1e-4, atol=1e-5)


def test_a_bottleneck_that_saves_work_is_not_multiplied_out() -> None:
    sketch = Sketch()
    narrow = sketch.pointwise(sketch.pointwise(sketch.last, 3, 16), 16, 2)
    sketch.pointwise(narrow, 2, 16)
    model = sketch.finish()
    surgery.merge_pointwise(model)
    assert len(kinds(model)) == 2


def test_pointwise_convolutions_with_an_activation_between_stay() -> None:
    sketch = Sketch()
    sketch.pointwise(sketch.pointwise(sketch.last, 3, 16), 16, 5)
    sketch.graph.operators[0].builtinOptions.fusedActivationFunction = ACTIVATION.RELU
    assert surgery.merge_pointwise(sketch.finish()) == 0


def embedding(batch: int, rank: int) -> Any:
    """A model that ends in a 1x1 convolution to 24 values of which only `rank` are independent."""
    sketch = Sketch(batch)
    pool = schema.Pool2DOptionsT(strideH=8, strideW=8, filterHeight=8, filterWidth=8)
    wide = sketch.pointwise(sketch.last, 3, CHANNELS)
    sketch.op(OP.RELU, [wide], (batch, 8, 8, CHANNELS))
    pooled = sketch.op(OP.AVERAGE_POOL_2D, [sketch.last], (batch, 1, 1, CHANNELS), pool)
    kernel = RNG.standard_normal((24, rank)) @ RNG.standard_normal((rank, CHANNELS))
    weights = sketch.constant(values=kernel.reshape(24, 1, 1, CHANNELS))
    out = sketch.conv(pooled, 24, kernel=weights, bias=sketch.constant(values=kernel[:, 0]), side=1)
    shape = np.array([batch, 24], np.int32)
    wanted = add_constant(sketch.model, shape, b"shape")
    sketch.op(OP.RESHAPE, [out, wanted], (batch, 24), schema.ReshapeOptionsT(newShape=shape))
    return sketch.finish()


def test_a_batch_of_two_becomes_one() -> None:
    model = embedding(2, 6)
    before = run(model)
    assert surgery.set_batch(1)(model) == 2
    after = run(model)
    assert after.shape == (1, 24)
    np.testing.assert_allclose(after[0], before[0], rtol=1e-5, atol=1e-5)


def test_an_activation_of_another_batch_is_refused() -> None:
    model = embedding(2, 6)
    model.subgraphs[0].tensors[int(model.subgraphs[0].outputs[0])].shape = np.array([3, 24], np.int32)
    with pytest.raises(SurgeryError, match="does not start with the batch size 2"):
        surgery.set_batch(1)(model)


def test_a_narrowed_embedding_keeps_lengths_and_cosines() -> None:
    model = embedding(1, 6)
    pictures = np.random.default_rng(9).standard_normal((5, 1, 8, 8, 3)).astype(np.float32)
    before = np.concatenate([run(model, picture) for picture in pictures])
    assert surgery.narrow_embedding(6)(model) == 18
    after = np.concatenate([run(model, picture) for picture in pictures])
    assert after.shape == (5, 6)
    np.testing.assert_allclose(after @ after.T, before @ before.T, rtol=1e-4)


def test_a_model_without_a_linear_end_cannot_be_narrowed() -> None:
    sketch = Sketch()
    sketch.pointwise(sketch.last, 3, 5)
    with pytest.raises(SurgeryError, match="does not end in a linear"):
        surgery.narrow_embedding(2)(sketch.finish())


def bottleneck(dead: int) -> Any:
    """Expansion, PReLU, depthwise, PReLU, projection; `dead` depthwise filters are zero."""
    sketch, shape = Sketch(), (1, 8, 8, CHANNELS)
    slope = sketch.constant(1, 1, CHANNELS)
    x = sketch.op(OP.PRELU, [sketch.pointwise(sketch.last, 3, CHANNELS), slope], shape)
    kernel = RNG.standard_normal((1, 3, 3, CHANNELS))
    kernel[..., :dead] = 1e-8
    options = schema.DepthwiseConv2DOptionsT(strideH=1, strideW=1, depthMultiplier=1)
    inputs = [x, sketch.constant(values=kernel), sketch.constant(CHANNELS)]
    x = sketch.op(OP.DEPTHWISE_CONV_2D, inputs, shape, options)
    x = sketch.op(OP.PRELU, [x, sketch.constant(1, 1, CHANNELS)], shape)
    sketch.pointwise(x, CHANNELS, 5)
    return sketch.finish()


@pytest.mark.parametrize(("dead", "dropped"), [(0, 0), (7, 0), (8, 8), (11, 8)])
def test_dead_channels_go_in_multiples_of_eight_and_leave_their_constant(dead: int, dropped: int) -> None:
    model = bottleneck(dead)
    before = run(model)
    assert surgery.drop_dead_channels(model) == dropped
    surgery.prune(model)
    np.testing.assert_allclose(run(model), before, rtol=1e-4, atol=1e-5)
    widest = max(int(tensor.shape[-1]) for tensor in model.subgraphs[0].tensors)
    assert widest == CHANNELS - dropped


def test_denormal_weights_become_zero_and_others_stay() -> None:
    sketch = Sketch()
    kernel = np.array([1e-38, 1e-31, 1e-20, 0, 1, -1e-39] * 2).reshape(4, 1, 1, 3)
    sketch.conv(sketch.last, 4, kernel=sketch.constant(values=kernel), bias=sketch.constant(4))
    model = sketch.finish()
    assert surgery.flush_denormals(model) == 6
    assert surgery.flush_denormals(model) == 0


def test_operator_codes_move_into_their_proper_field() -> None:
    sketch = Sketch()
    sketch.pointwise(sketch.last, 3, 5)
    for code in sketch.model.operatorCodes:
        code.builtinCode = 0
    model = sketch.finish()
    assert surgery.lift_operator_codes(model) == 1
    assert [code.builtinCode for code in model.operatorCodes] == [OP.CONV_2D]


def test_half_precision_weights_fold_back() -> None:
    sketch = Sketch()
    sketch.pointwise(sketch.last, 3, 5)
    model = sketch.finish()
    before = run(model)
    assert surgery.halve_weights(model) == 2
    half = run(model)
    np.testing.assert_allclose(half, before, atol=0.02)
    assert surgery.fold_dequantised_constants(model) == 2
    np.testing.assert_array_equal(run(model), half)


def test_pruning_drops_what_nothing_uses_and_merges_equal_constants() -> None:
    sketch = Sketch()
    shared = RNG.standard_normal((3, 1, 1, 3))
    zeros = np.zeros(3)
    first = sketch.conv(
        sketch.last, 3, kernel=sketch.constant(values=shared), bias=sketch.constant(values=zeros)
    )
    sketch.conv(first, 3, kernel=sketch.constant(values=shared), bias=sketch.constant(values=zeros))
    sketch.constant(99)
    model = sketch.finish()
    before = run(model)
    assert surgery.prune(model) > 0
    assert len(model.buffers) == 3
    np.testing.assert_array_equal(run(model), before)


def test_keeping_one_output_drops_what_only_others_need() -> None:
    sketch = Sketch()
    shared = sketch.pointwise(int(sketch.graph.inputs[0]), 3, CHANNELS)
    kept = sketch.pointwise(shared, CHANNELS, 4)
    other = sketch.pointwise(shared, CHANNELS, 5)
    sketch.graph.tensors[kept].name = b"kept"
    sketch.graph.outputs = np.array([other, kept], np.int32)
    picture = RNG.standard_normal((1, 8, 8, 3)).astype(np.float32)

    def answers(content: bytes) -> dict[int, np.ndarray]:
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
        interpreter.invoke()
        found = (interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details())
        return {array.shape[-1]: array for array in found}

    before = answers(write_model(sketch.model))
    model = read_model(write_model(sketch.model))
    assert surgery.keep_output("kept")(model) == 2
    surgery.prune(model)
    assert len(model.subgraphs[0].operators) == 2
    after = answers(write_model(model))
    assert list(after) == [4]
    assert np.array_equal(after[4], before[4])
