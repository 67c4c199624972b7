"""ONNX Runtime's turn: the network that faceplugin-feature was converted from, as its package ships it.

Also with denormal numbers taken as zero, since 117,345 of its weights are near them and some processors are
slow with those.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
from turns import Milliseconds, serve, timed


def session(model: Path, *, denormals_as_zero: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if denormals_as_zero:
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def main(exchange: Path) -> None:
    model = exchange / "fr_feature.onnx"
    flushed, plain = session(model, denormals_as_zero=True), session(model, denormals_as_zero=False)
    crop = np.ascontiguousarray(np.load(exchange / "crop.npy").transpose(0, 3, 1, 2))
    given = {plain.get_inputs()[0].name: crop}

    def run() -> Milliseconds:
        stages: Milliseconds = {}
        timed(stages, "network", lambda: plain.run(None, given))
        timed(stages, "network, denormals as zero", lambda: flushed.run(None, given))
        return stages

    serve(
        about={
            "versions": {"onnxruntime": version("onnxruntime")},
            "embedding_length": float(np.linalg.norm(plain.run(None, given)[0])),
        },
        run=run,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
