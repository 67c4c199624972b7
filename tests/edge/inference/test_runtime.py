"""The runner on real models and faces: what is missing or wrong is an error before the first run."""

import dataclasses
import functools
import gc
import shutil
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any

import ai_edge_litert.interpreter as litert
import cv2
import numpy as np
import pytest

from edge.errors import ModelContractBroken, ModelError, RuntimeUnavailable
from edge.inference import runtime
from edge.inference.models import InputContract, LoadedModel, ModelStore
from edge.inference.runtime import Runner, runtime_name
from scripts.model_references import DATA, views

STORE = ModelStore()
NAMES = tuple(STORE.specs)
EMBEDDERS = ("mobilefacenet", "faceplugin-feature")


def answers(name: str) -> list[np.ndarray[Any, Any]]:
    """Our model's outputs for the reference pictures: one array for each output, (n, values)."""
    runner = Runner(STORE.load(name))
    found = []
    for image in views(runner.spec.input.height):
        runner.load_image(image)
        found.append([output.ravel().copy() for output in runner.run()])
    return [np.stack(column) for column in zip(*found, strict=True)]


def references(name: str) -> list[np.ndarray[Any, Any]]:
    with np.load(DATA / f"{name}.npz") as stored:
        return [stored[output.name] for output in STORE.spec(name).outputs]


def cosines(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    left, right = left.astype(np.float64), right.astype(np.float64)
    scale = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)
    return np.asarray(left @ right.T / scale)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in EMBEDDERS])
def test_detectors_and_landmarks_answer_as_their_sources_do(name: str) -> None:
    for ours, source in zip(answers(name), references(name), strict=True):
        assert np.diag(cosines(ours, source)).min() > 0.99999
        assert np.abs(ours - source).max() < 1e-3 * max(1.0, np.abs(source).max())


@pytest.mark.parametrize("name", EMBEDDERS)
def test_all_cosines_between_embeddings_are_those_of_the_source(name: str) -> None:
    (ours,), (source,) = answers(name), references(name)
    assert ours.shape[1] < source.shape[1]
    assert np.abs(cosines(ours, ours) - cosines(source, source)).max() < 1e-4


@pytest.mark.parametrize("name", EMBEDDERS)
def test_a_narrowed_embedding_keeps_its_length(name: str) -> None:
    (ours,), (source,) = answers(name), references(name)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), np.linalg.norm(source, axis=1), rtol=1e-3)


@pytest.mark.parametrize("name", EMBEDDERS)
def test_an_embedder_tells_two_people_apart(name: str) -> None:
    (ours,) = answers(name)
    found = cosines(ours, ours)
    mirrored, other = found[0, 1], found[0, 4]
    assert mirrored > 0.8
    assert other < 0.35


def test_the_detector_finds_the_astronaut() -> None:
    regressors, logits = answers("blazeface-short")
    assert logits[0].max() > 2.0
    centre = regressors[0].reshape(896, 16)[logits[0].argmax(), :2]
    assert np.abs(centre).max() < 64


@pytest.mark.parametrize("name", NAMES)
def test_every_model_runs_in_xnnpack_and_nothing_runs_outside(name: str) -> None:
    runner = Runner(STORE.load(name))
    assert runner.execution == "xnnpack"
    assert runtime._undelegated(runner._interpreter) == set()


def test_a_model_without_xnnpack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = functools.partial(
        litert.Interpreter,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    monkeypatch.setattr(litert, "Interpreter", plain)
    with pytest.raises(RuntimeUnavailable, match=r"without XNNPACK.*CONV_2D") as caught:
        Runner(STORE.load("blazeface-short"))
    assert caught.value.exit_code == 24


def test_load_image_writes_what_the_contract_says() -> None:
    for name in NAMES:
        runner = Runner(STORE.load(name))
        contract = runner.spec.input
        image = np.random.default_rng(7).integers(0, 256, (contract.height, contract.width, 3), np.uint8)
        runner.load_image(image)
        ordered = image if contract.colour_order == "bgr" else image[..., ::-1]
        expected = (ordered.astype(np.float64) - contract.mean) / contract.std
        np.testing.assert_allclose(runner.input[0], expected, atol=2e-7)


def test_a_bgr_contract_is_not_turned() -> None:
    loaded = STORE.load("blazeface-short")
    contract = loaded.spec.input.model_copy(update={"colour_order": "bgr"})
    runner = Runner(dataclasses.replace(loaded, spec=loaded.spec.model_copy(update={"input": contract})))
    image = np.zeros((128, 128, 3), np.uint8)
    image[..., 0] = 255
    runner.load_image(image)
    assert runner.input[0, 5, 5].tolist() == [1.0, -1.0, -1.0]


def test_load_image_takes_views_that_are_not_contiguous() -> None:
    runner = Runner(STORE.load("mobilefacenet"))
    face = cv2.imread(str(DATA / "astronaut-112.png"))
    runner.load_image(face[:, ::-1])
    turned = runner.input.copy()
    runner.load_image(np.ascontiguousarray(face[:, ::-1]))
    np.testing.assert_array_equal(turned, runner.input)


@pytest.mark.parametrize("image", [np.zeros((128, 127, 3), np.uint8), np.zeros((128, 128, 3), np.float32)])
def test_a_picture_of_another_size_or_dtype_is_refused(image: Any) -> None:
    with pytest.raises(ModelError, match=r"takes a picture of \(128, 128, 3\) uint8"):
        Runner(STORE.load("blazeface-short")).load_image(image)


def test_windows_are_the_interpreters_own_memory_and_survive_runs() -> None:
    runner = Runner(STORE.load("face-mesh"))
    entry, outputs = runner.input, runner.run()
    first = outputs[0].copy()
    entry[...] = 0.5
    assert runner.run() is outputs  # no copy, and no "at least 1 reference to internal data"
    assert runner.input is entry
    assert not np.array_equal(first, outputs[0])
    details = runner._interpreter.get_output_details()
    np.testing.assert_array_equal(runner._interpreter.get_tensor(details[0]["index"]), outputs[0])


def test_outputs_cannot_be_written() -> None:
    (output,) = Runner(STORE.load("mobilefacenet")).run()
    with pytest.raises(ValueError, match="read-only"):
        output[0, 0] = 1.0


def test_a_window_keeps_the_memory_alive_after_close() -> None:
    runner = Runner(STORE.load("mobilefacenet"))
    runner.input[...] = 0.25
    (output,) = runner.run()
    kept = output.copy()
    runner.close()
    runner.close()
    del runner
    gc.collect()
    Runner(STORE.load("mobilefacenet")).run()
    np.testing.assert_array_equal(output, kept)


def test_a_closed_runner_says_so() -> None:
    runner = Runner(STORE.load("blazeface-short"))
    runner.close()
    with pytest.raises(ModelError, match="was closed"):
        runner.run()


def test_a_second_thread_inside_is_turned_away() -> None:
    runner = Runner(STORE.load("blazeface-short"))
    entered, leave = threading.Event(), threading.Event()

    class Slow:
        def invoke(self) -> None:
            entered.set()
            assert leave.wait(10)

    real, runner._interpreter = runner._interpreter, Slow()
    thread = threading.Thread(target=runner.run)
    thread.start()
    assert entered.wait(10)
    with pytest.raises(ModelError, match="another thread"):
        runner.run()
    leave.set()
    thread.join(10)
    runner._interpreter = real
    runner.run()


def test_a_runner_may_move_to_another_thread() -> None:
    runner = Runner(STORE.load("blazeface-short"))
    runner.run()
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(len(runner.run())))
    thread.start()
    thread.join(10)
    assert results == [2]


def spoilt(**changes: Any) -> LoadedModel:
    loaded = STORE.load("blazeface-short")
    return dataclasses.replace(loaded, spec=loaded.spec.model_copy(update=changes))


def test_another_input_shape_than_promised_is_refused() -> None:
    contract = InputContract(shape=(1, 64, 64, 3), dtype="float32", colour_order="rgb", mean=0, std=1)
    with pytest.raises(ModelContractBroken, match=r"input.*128.*promises.*64") as caught:
        Runner(spoilt(input=contract))
    assert caught.value.exit_code == 23


def test_outputs_in_another_order_than_promised_are_refused() -> None:
    outputs = STORE.spec("blazeface-short").outputs
    with pytest.raises(ModelContractBroken, match="output"):
        Runner(spoilt(outputs=outputs[::-1]))


def test_a_missing_output_is_refused() -> None:
    with pytest.raises(ModelContractBroken, match="output"):
        Runner(spoilt(outputs=STORE.spec("blazeface-short").outputs[:1]))


def test_an_output_of_another_dtype_than_promised_is_refused() -> None:
    outputs = tuple(o.model_copy(update={"dtype": "int8"}) for o in STORE.spec("blazeface-short").outputs)
    with pytest.raises(ModelContractBroken, match=r"float32.*int8"):
        Runner(spoilt(outputs=outputs))


@pytest.mark.parametrize("content", [b"", b"junk", b"\0\0\0\0TFL3" + b"\0" * 100])
def test_bytes_that_are_no_model_are_refused(content: bytes) -> None:
    with pytest.raises(ModelContractBroken, match=r"cannot|not a model"):
        Runner(dataclasses.replace(STORE.load("blazeface-short"), content=content))


def test_litert_is_preferred() -> None:
    assert runtime_name() == "ai_edge_litert"


def test_without_any_runtime_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "RUNTIMES", ("no_such_litert.interpreter", "no_such_tflite.interpreter"))
    with pytest.raises(RuntimeUnavailable, match=r"no_such_litert.*no_such_tflite.*ai-edge-litert"):
        runtime_name()


def test_tflite_runtime_is_taken_where_only_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.ModuleType("tflite_runtime.interpreter")
    stand_in.__dict__["Interpreter"] = litert.Interpreter
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", stand_in)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    assert runtime_name() == "tflite_runtime"
    assert len(Runner(STORE.load("blazeface-short")).run()) == 2


def test_a_runtime_built_for_another_numpy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise SystemError("CreateWrapperFromBuffer returned a result with an exception set")

    stand_in = types.ModuleType("tflite_runtime.interpreter")
    stand_in.__dict__["Interpreter"] = broken
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", stand_in)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setattr(np, "__version__", "2.4.0")
    with pytest.raises(
        RuntimeUnavailable, match=r"tflite_runtime.*under numpy 2\.4\.0; it was built for numpy 1"
    ):
        Runner(STORE.load("blazeface-short"))


@pytest.mark.parametrize("delegate", ["edgetpu", "gpu"])
def test_a_missing_delegate_library_is_named(delegate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    library = f"libclockface-none-{delegate}.so"
    monkeypatch.setitem(runtime.DELEGATE_LIBRARIES, delegate, library)
    with pytest.raises(RuntimeUnavailable, match=f"inference.delegate is {delegate}") as caught:
        Runner(STORE.load("blazeface-short"), delegate=delegate)
    assert caught.value.where == library
    assert "inference.delegate = 'cpu'" in str(caught.value)


IDLE_DELEGATE = """
#include <stddef.h>
#include <stdint.h>
struct Delegate { void *data; int (*prepare)(void *, struct Delegate *); void *from, *to, *drop; int64_t flags; void *opaque; };
static int prepare(void *context, struct Delegate *self) { (void)context; (void)self; return 0; }
static struct Delegate idle = { 0, prepare, 0, 0, 0, 0, 0 };
void *tflite_plugin_create_delegate(const char *const *k, const char *const *v, size_t n, void (*report)(const char *))
{ (void)k; (void)v; (void)n; (void)report; return &idle; }
void tflite_plugin_destroy_delegate(void *delegate) { (void)delegate; }
"""  # noqa: E501 - C


def test_a_delegate_that_takes_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here to build a delegate library with")
    (tmp_path / "idle.c").write_text(IDLE_DELEGATE)
    library = tmp_path / "libidle.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "idle.c"], check=True, timeout=60)
    monkeypatch.setitem(runtime.DELEGATE_LIBRARIES, "edgetpu", str(library))
    with pytest.raises(RuntimeUnavailable, match="was loaded but runs nothing of blazeface-short"):
        Runner(STORE.load("blazeface-short"), delegate="edgetpu")


def test_all_models_together_stay_below_80_mb() -> None:
    program = (
        "from edge.inference.models import ModelStore\n"
        "from edge.inference.runtime import Runner\n"
        "def pages(): return int(open('/proc/self/statm').read().split()[1])\n"
        "store = ModelStore(); before = pages()\n"
        "kept = [Runner(store.load(name)) for name in store.specs]\n"
        "[runner.run() for runner in kept]\n"
        "import resource; print((pages() - before) * resource.getpagesize())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=DATA.parents[3],
    )
    assert int(done.stdout) < 80e6
