"""Turns a small ONNX network into a TFLite graph: the convolutional networks that Clockface uses, no more.

A general converter would bring a training framework of a gigabyte. The few operators of a MobileFaceNet, and of
one with squeeze-and-excitation, need none: layouts are transposed (NCHW to NHWC), and PyTorch's symmetric
padding of strided convolutions, which TFLite's SAME does not know, is spelled out. Anything else is refused.
"""

from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import numpy_helper

from scripts.model_graph import OP, SurgeryError

OPTIONS = schema.BuiltinOptions
PADDING = schema.Padding
Node = dict[str, Any]
_SHAPE_ARITHMETIC = frozenset({"Shape", "Constant", "Gather", "Unsqueeze", "Concat"})


def convert_onnx(content: bytes) -> Any:
    """Convert an ONNX file into a `ModelT`; its one input, a picture, becomes (1, height, width, 3).

    Raises:
        SurgeryError: The file is no ONNX model, or holds something that this conversion does not know.
    """
    try:
        graph = onnx.load_from_string(content).graph
    except Exception as error:  # the parser raises whatever protobuf does
        raise SurgeryError(f"not an ONNX model: {error}") from error
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    inputs = [i for i in graph.input if i.name not in weights]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise SurgeryError(f"expected one input and one output, found {len(inputs)} and {len(graph.output)}")
    shape = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim]
    if len(shape) != 4 or shape[0] != 1 or min(shape) < 1:
        raise SurgeryError(f"expected an input of fixed shape (1, channels, height, width), found {shape}")
    writer = _Writer(weights)
    writer.begin(inputs[0].name, (1, shape[2], shape[3], shape[1]))
    for node in graph.node:
        writer.add(node)
    return writer.finish(graph.output[0].name)


class _Writer:
    """Appends converted nodes to a TFLite graph."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        self._weights = weights
        self._graph = schema.SubGraphT(name=b"main", tensors=[], operators=[])
        self._model = schema.ModelT(
            version=3, subgraphs=[self._graph], operatorCodes=[], buffers=[schema.BufferT()]
        )
        self._places: dict[str, int] = {}
        self._padded: dict[str, int] = {}

    def begin(self, name: str, shape: tuple[int, ...]) -> None:
        self._places[name] = self._tensor(name, shape)
        self._graph.inputs = np.array([self._places[name]], np.int32)

    def finish(self, name: str) -> Any:
        self._graph.outputs = np.array([self._places[name]], np.int32)
        return self._model

    def add(self, node: Any) -> None:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in _SHAPE_ARITHMETIC:
            return  # what the exporter computes a reshape's target with; `_reshape` knows it
        handlers = {
            "Conv": self._conv,
            "PRelu": self._prelu,
            "Add": self._add,
            "Mul": self._multiply,
            "Relu": self._relu,
            "Sigmoid": self._sigmoid,
            "GlobalAveragePool": self._average,
            "Reshape": self._reshape,
            "MatMul": self._product,
            "BatchNormalization": self._normalise,
        }
        if node.op_type not in handlers:
            raise SurgeryError(f"operator {node.op_type} is not one of {', '.join(handlers)}")
        self._places[node.output[0]] = handlers[node.op_type](list(node.input), node.output[0], attributes)

    def _conv(self, inputs: list[str], name: str, attributes: Node) -> int:
        kernel, bias = (self._weights[key].astype(np.float32) for key in inputs[1:])
        size, stride, pads = kernel.shape[2], attributes["strides"][0], list(attributes["pads"])
        square = kernel.shape[2] == kernel.shape[3] and set(attributes["strides"]) == {stride}
        if not square or len(set(pads)) != 1 or set(attributes.get("dilations", [1])) != {1}:
            raise SurgeryError(f"convolution {name} is not square, even and undilated")
        source, same = self._places[inputs[0]], stride == 1 and size == 2 * pads[0] + 1
        channels = self._shape(source)[3]
        if pads[0] and not same:
            source = self._pad(inputs[0], pads[0])
        side = (self._shape(source)[1] - (1 if same else size)) // stride + 1
        target = self._tensor(name, (1, side, side, kernel.shape[0]))
        depthwise = attributes["group"] != 1
        if depthwise and not attributes["group"] == channels == kernel.shape[0]:
            raise SurgeryError(f"convolution {name} has {attributes['group']} groups of {channels} channels")
        options = schema.DepthwiseConv2DOptionsT(depthMultiplier=1) if depthwise else schema.Conv2DOptionsT()
        options.padding = PADDING.SAME if same else PADDING.VALID
        options.strideH = options.strideW = stride
        order = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
        kind = OP.DEPTHWISE_CONV_2D if depthwise else OP.CONV_2D
        kinds = OPTIONS.DepthwiseConv2DOptions if depthwise else OPTIONS.Conv2DOptions
        constants = [self._constant(inputs[1], kernel.transpose(order)), self._constant(inputs[2], bias)]
        return self._operator(kind, [source, *constants], target, kinds, options)

    def _pad(self, name: str, width: int) -> int:
        """Zeros around a picture; shared by all readers of the same tensor."""
        if name not in self._padded:
            source = self._places[name]
            _, height, breadth, channels = self._shape(source)
            target = self._tensor(f"{name}/padded", (1, height + 2 * width, breadth + 2 * width, channels))
            widths = np.array([[0, 0], [width, width], [width, width], [0, 0]], np.int32)
            inputs = [source, self._constant(f"{name}/pads", widths)]
            self._padded[name] = self._operator(
                OP.PAD, inputs, target, OPTIONS.PadOptions, schema.PadOptionsT()
            )
        return self._padded[name]

    def _prelu(self, inputs: list[str], name: str, _: Node) -> int:
        source = self._places[inputs[0]]
        slope = self._constant(inputs[1], self._weights[inputs[1]].astype(np.float32).reshape(1, 1, -1))
        return self._operator(
            OP.PRELU, [source, slope], self._tensor(name, self._shape(source)), OPTIONS.NONE, None
        )

    def _add(self, inputs: list[str], name: str, _: Node) -> int:
        left, right = (self._places[key] for key in inputs)
        target = self._tensor(name, self._shape(left))
        return self._operator(OP.ADD, [left, right], target, OPTIONS.AddOptions, schema.AddOptionsT())

    def _multiply(self, inputs: list[str], name: str, _: Node) -> int:
        left, right = (self._places[key] for key in inputs)
        target = self._tensor(name, self._shape(left))
        return self._operator(OP.MUL, [left, right], target, OPTIONS.MulOptions, schema.MulOptionsT())

    def _relu(self, inputs: list[str], name: str, _: Node) -> int:
        return self._elementwise(OP.RELU, inputs, name)

    def _sigmoid(self, inputs: list[str], name: str, _: Node) -> int:
        return self._elementwise(OP.LOGISTIC, inputs, name)

    def _elementwise(self, builtin: int, inputs: list[str], name: str) -> int:
        source = self._places[inputs[0]]
        return self._operator(builtin, [source], self._tensor(name, self._shape(source)), OPTIONS.NONE, None)

    def _average(self, inputs: list[str], name: str, _: Node) -> int:
        source = self._places[inputs[0]]
        axes = self._constant(f"{name}/axes", np.array([1, 2], np.int32))
        target = self._tensor(name, (1, 1, 1, self._shape(source)[3]))
        options = schema.ReducerOptionsT(keepDims=True)
        return self._operator(OP.MEAN, [source, axes], target, OPTIONS.ReducerOptions, options)

    def _product(self, inputs: list[str], name: str, _: Node) -> int:
        source, weights = self._places[inputs[0]], self._weights[inputs[1]].astype(np.float32)
        if len(self._shape(source)) != 2:
            raise SurgeryError(f"product {name} is not of a flat vector")
        inputs_ = [
            source,
            self._constant(inputs[1], weights.T),
            self._constant(f"{name}/bias", np.zeros(weights.shape[1], np.float32)),
        ]
        target = self._tensor(name, (1, weights.shape[1]))
        options = schema.FullyConnectedOptionsT()
        return self._operator(OP.FULLY_CONNECTED, inputs_, target, OPTIONS.FullyConnectedOptions, options)

    def _normalise(self, inputs: list[str], name: str, attributes: Node) -> int:
        """(x - mean) / sqrt(variance + epsilon) * scale + shift, as one factor and one summand."""
        source = self._places[inputs[0]]
        scale, shift, mean, variance = (self._weights[key].astype(np.float64) for key in inputs[1:])
        factor = scale / np.sqrt(variance + attributes["epsilon"])
        constants = [
            self._constant(f"{name}/{part}", values.astype(np.float32))
            for part, values in (("factor", factor), ("summand", shift - mean * factor))
        ]
        scaled = self._tensor(f"{name}/scaled", self._shape(source))
        options = schema.MulOptionsT()
        self._operator(OP.MUL, [source, constants[0]], scaled, OPTIONS.MulOptions, options)
        target = self._tensor(name, self._shape(source))
        sum_ = [scaled, constants[1]]
        return self._operator(OP.ADD, sum_, target, OPTIONS.AddOptions, schema.AddOptionsT())

    def _reshape(self, inputs: list[str], name: str, _: Node) -> int:
        source = self._places[inputs[0]]
        batch, height, width, channels = self._shape(source)
        if (height, width) != (1, 1):  # else the order of NHWC would not be that of NCHW
            raise SurgeryError(f"reshape {name} of {height}x{width} pixels would change the order of values")
        shape = np.array([batch, channels], np.int32)
        inputs_ = [source, self._constant(f"{name}/shape", shape)]
        options = schema.ReshapeOptionsT(newShape=shape)
        return self._operator(OP.RESHAPE, inputs_, self._tensor(name, shape), OPTIONS.ReshapeOptions, options)

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(n) for n in self._graph.tensors[tensor].shape)

    def _tensor(self, name: str, shape: Any, *, kind: int = schema.TensorType.FLOAT32, buffer: int = 0) -> int:
        tensor = schema.TensorT(shape=np.array(shape, np.int32), type=kind, buffer=buffer, name=name.encode())
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _constant(self, name: str, values: NDArray[Any]) -> int:
        data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._model.buffers.append(schema.BufferT(data=data))
        kind = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
        return self._tensor(name, values.shape, kind=kind, buffer=len(self._model.buffers) - 1)

    def _operator(self, builtin: int, inputs: list[int], target: int, kind: int, options: Any) -> int:
        codes = [code.builtinCode for code in self._model.operatorCodes]
        if builtin not in codes:
            deprecated = min(builtin, 127)
            code = schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=deprecated, version=1)
            self._model.operatorCodes.append(code)
            codes.append(builtin)
        operator = schema.OperatorT(
            opcodeIndex=codes.index(builtin),
            inputs=np.array(inputs, np.int32),
            outputs=np.array([target], np.int32),
            builtinOptionsType=kind,
            builtinOptions=options,
        )
        self._graph.operators.append(operator)
        return target
