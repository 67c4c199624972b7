"""Writes what the models' sources answer to real faces: the yardstick that the fast tests hold ours to.

    .venv/bin/python -m scripts.model_references      (needs onnxruntime, and what scripts/build-models needs)

The sources run as they came: TFLite files in LiteRT, the ONNX file in ONNX Runtime, so that neither our
conversion nor our surgery has touched the answer. Pictures and result are in tests/edge/inference/data.
"""

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.inference.models import SHIPPED_MODELS, ModelSpec, ModelStore
from scripts.build_models import CACHE
from scripts.model_sources import read_source

DATA = SHIPPED_MODELS.parent / "tests" / "edge" / "inference" / "data"


def views(size: int) -> NDArray[np.uint8]:
    """(n, size, size, 3) uint8 BGR: the faces of this size, each also mirrored, dark, and 3 pixels aside."""
    result = []
    for path in sorted(DATA.glob(f"*-{size}.png")):
        face = cv2.imread(str(path))
        result += [face, face[:, ::-1], face // 3, np.roll(face, 3, axis=1)]
    return np.ascontiguousarray(result)


def tensor(spec: ModelSpec, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A BGR picture as the model's contract wants it, (1, height, width, 3), computed in float64."""
    ordered = image[..., ::-1] if spec.input.colour_order == "rgb" else image
    return ((ordered.astype(np.float64) - spec.input.mean) / spec.input.std).astype(np.float32)[None]


def source_outputs(spec: ModelSpec, images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """What the source answers: one array for each output, (n, values)."""
    content = read_source(spec.source, cache=CACHE)
    run = _onnx(content) if spec.source.path.endswith(".onnx") else _tflite(content)
    answers = [run(tensor(spec, image)) for image in images]
    return [np.stack(column) for column in zip(*answers, strict=True)]


def _tflite(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    entry, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()

    def run(value: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        batch = int(entry["shape"][0])
        interpreter.set_tensor(entry["index"], np.repeat(value, batch, axis=0))
        interpreter.invoke()
        return [interpreter.get_tensor(output["index"])[0].ravel() for output in outputs]

    return run


def _onnx(content: bytes) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda value: [out.ravel() for out in session.run(None, {name: value.transpose(0, 3, 1, 2)})]


def main() -> None:
    for name, spec in ModelStore().specs.items():
        wanted = [math.prod(output.shape) for output in spec.outputs]
        outputs = source_outputs(spec, views(spec.input.height))
        if len(outputs) > len(wanted):  # we keep only some of what the source answers
            outputs = [values for values in outputs if values.shape[1] in wanted]
        arrays = {output.name: values for output, values in zip(spec.outputs, outputs, strict=True)}
        np.savez_compressed(DATA / f"{name}.npz", **arrays)
        print(name, {key: value.shape for key, value in arrays.items()})


if __name__ == "__main__":
    main()
