"""Measures what surgery on the models brought: time, memory and size, source against built, in one run.

    .venv/bin/python -m scripts.measure_models [--rounds 200]

One thread, XNNPACK; variants of a model take turns, so that a busy machine slows all alike. Memory is what a
fresh process gains by one more model that has run once. A source in ONNX counts as converted, without surgery.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge.inference.models import SHIPPED_MODELS, ModelSpec, ModelStore, Role
from scripts import model_surgery as surgery
from scripts.build_models import CACHE
from scripts.model_graph import read_model, write_model
from scripts.model_sources import read_source

PROBE = """
import sys
import numpy
from ai_edge_litert.interpreter import Interpreter
def resident_kb():
    return int(open("/proc/self/statm").read().split()[1]) * 4
def load(path):
    interpreter = Interpreter(model_content=open(path, "rb").read(), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.invoke()
    return interpreter
warm = load(sys.argv[1])
before = resident_kb()
kept = load(sys.argv[2])
print(resident_kb() - before)
"""


def variants(spec: ModelSpec, built: bytes) -> dict[str, bytes]:
    """The source as it came, the built model, and what was tried beside it."""
    source = read_source(spec.source, cache=CACHE)
    if spec.source.path.endswith(".onnx"):
        from scripts.onnx_conversion import convert_onnx

        source = write_model(convert_onnx(source))
    tried: dict[str, tuple[surgery.Pass, ...]] = {"fp16 weights": (surgery.halve_weights, surgery.prune)}
    if spec.role is Role.EMBEDDER:
        tried["batch of two"] = (surgery.set_batch(2), surgery.prune)
    if spec.role is Role.DETECTOR:
        tried = {"fp32 weights": (surgery.fold_dequantised_constants, surgery.prune)}
    result = {"source": source, "built": built}
    for name, passes in tried.items():
        model = read_model(built)
        for apply in passes:
            apply(model)
        result[name] = write_model(model)
    return result


def _start(content: bytes, resolver: Any = OpResolverType.AUTO) -> tuple[Any, float]:
    begin = time.perf_counter()
    interpreter = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    took_ms = (time.perf_counter() - begin) * 1e3
    entry = interpreter.get_input_details()[0]
    noise = np.random.default_rng(0).uniform(-1, 1, entry["shape"]).astype(np.float32)
    interpreter.set_tensor(entry["index"], noise)
    interpreter.invoke()
    return interpreter, took_ms


def _resident_kb(content: bytes, warm: Path) -> int:
    """What a process gains by one more model; `warm` is loaded first, so that libraries do not count."""
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(content)
        file.flush()
        command = [sys.executable, "-c", PROBE, str(warm), file.name]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return int(done.stdout)


def measure(spec: ModelSpec, built: bytes, *, rounds: int, warm: Path) -> list[dict[str, Any]]:
    """One row for each variant of a model."""
    contents = variants(spec, built)
    started = {name: _start(content) for name, content in contents.items()}
    started["built, without XNNPACK"] = _start(built, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    times_ms: dict[str, list[float]] = {name: [] for name in started}
    for _ in range(rounds):
        for name, (interpreter, _) in started.items():
            begin = time.perf_counter()
            interpreter.invoke()
            times_ms[name].append((time.perf_counter() - begin) * 1e3)
    return [
        {
            "model": spec.name,
            "variant": name,
            "invoke_ms": round(statistics.median(times_ms[name]), 3),
            "load_ms": round(load_ms, 1),
            "bytes": len(contents.get(name, built)),
            "resident_kb": _resident_kb(contents[name], warm) if name in contents else None,
        }
        for name, (_, load_ms) in started.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts.measure_models", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="runs of each variant")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    store = ModelStore()
    warm = SHIPPED_MODELS / store.spec("blazeface-short").file
    rows = []
    for name, spec in store.specs.items():
        rows += measure(spec, store.load(name).content, rounds=options.rounds, warm=warm)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'model':20} {'variant':24} {'invoke ms':>9} {'load ms':>8} {'bytes':>9} {'resident kB':>11}")
    for row in rows:
        resident = row["resident_kb"] if row["resident_kb"] is not None else "-"
        print(
            f"{row['model']:20} {row['variant']:24} {row['invoke_ms']:9.3f} {row['load_ms']:8.1f} "
            f"{row['bytes']:9} {resident:>11}"
        )


if __name__ == "__main__":
    main()
