"""Runs one TFLite model: LiteRT where it is installed, else tflite-runtime; on a CPU always with XNNPACK.

XNNPACK is worth a factor of 3.4 to 5.2 (docs/decisions/model-surgery.md), so a model that would run without it,
even in part, is an error rather than a slow kiosk. The model comes as verified bytes (`edge.inference.models`),
and its tensors are compared with the manifest's contract before the first run. Input and output arrays are
windows into the interpreter's own memory.
"""

import ctypes
import importlib
import threading
from typing import Any, Literal, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelContractBroken, ModelError, RuntimeUnavailable
from edge.inference.models import LoadedModel, ModelSpec
from edge.inference.weights import HeldModel, give_back_weights
from edge.types.faces import BgrImage

Delegate = Literal["cpu", "edgetpu", "gpu"]
RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
"""Modules with an `Interpreter`, best first."""
DELEGATE_LIBRARIES = {"edgetpu": "libedgetpu.so.1", "gpu": "libtensorflowlite_gpu_delegate.so"}
DELEGATE_PACKAGES = {
    "edgetpu": "install Coral's libedgetpu1-std, or set inference.delegate = 'cpu'",
    "gpu": "install the TFLite GPU delegate library, or set inference.delegate = 'cpu'",
}
INSTALL_RUNTIME = "scripts/setup, or: .venv/bin/python -m pip install ai-edge-litert"
_DELEGATED = "DELEGATE"  # how the interpreter lists a node that a delegate runs


class Runner:
    """One model, ready to run.

    `input` and what `run` returns are windows into the interpreter's memory: always the same arrays,
    overwritten by the next run, readable for as long as somebody holds them. Copy what must outlive the next
    run. A runner may move between threads but serves one at a time: a second one that enters `run` meanwhile
    gets a `ModelError`.

    Args:
        model: Verified bytes and their contract.
        delegate: "cpu" for XNNPACK, or the accelerator's delegate library.
        threads: Threads of one run; more than one is slower for models this small.

    Raises:
        RuntimeUnavailable: No runtime works here, XNNPACK is missing, or the delegate is missing or idle.
        ModelContractBroken: The bytes are no model, or its tensors are not what the manifest says.
    """

    def __init__(self, model: LoadedModel, *, delegate: Delegate = "cpu", threads: int = 1) -> None:
        self._spec = model.spec
        self._delegate = delegate
        interpreter = _build(model, delegate=delegate, threads=threads)
        (entry,) = interpreter.get_input_details()
        self._input = _window(interpreter, int(entry["index"]))
        self._outputs = tuple(
            _window(interpreter, int(out["index"])) for out in interpreter.get_output_details()
        )
        for output in self._outputs:
            output.flags.writeable = False
        self._rgb = np.empty((model.spec.input.height, model.spec.input.width, 3), np.uint8)
        self._scale = np.float32(1 / model.spec.input.std)
        self._offset = np.float32(model.spec.input.mean / model.spec.input.std)
        self._interpreter: Any = interpreter
        self._busy = threading.Lock()

    @property
    def spec(self) -> ModelSpec:
        """The model's birth certificate."""
        return self._spec

    @property
    def execution(self) -> str:
        """What runs the model, as checked when it was loaded: "xnnpack", "edgetpu" or "gpu"."""
        return "xnnpack" if self._delegate == "cpu" else self._delegate

    @property
    def input(self) -> NDArray[np.float32]:
        """The input tensor itself, `spec.input.shape` float32, to be written in place."""
        return self._input

    def load_image(self, image: BgrImage) -> None:
        """Write one picture into the input as the contract wants it (colour order, mean, standard deviation).

        Args:
            image: (height, width, 3) uint8 BGR of exactly the contract's size.

        Raises:
            ModelError: The picture has another size or dtype.
        """
        if image.shape != self._rgb.shape or image.dtype != np.uint8:
            raise ModelError(
                f"{self._spec.name} takes a picture of {self._rgb.shape} uint8, "
                f"it was given {image.shape} {image.dtype}"
            )
        ordered: NDArray[Any] = image
        if self._spec.input.colour_order == "rgb":
            ordered = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=self._rgb)
        window = self._input[0]
        np.copyto(window, ordered)  # converting apart from scaling is faster, and gives the same
        np.multiply(window, self._scale, out=window)
        np.subtract(window, self._offset, out=window)

    def run(self) -> tuple[NDArray[np.float32], ...]:
        """Run the model on what `input` holds.

        Returns:
            The output tensors in the manifest's order, read-only, overwritten by the next run.

        Raises:
            ModelError: The runner is closed, another thread is inside, or the interpreter failed.
        """
        if not self._busy.acquire(blocking=False):
            raise ModelError(
                f"{self._spec.name} is being run by another thread; give each thread its own runner"
            )
        try:
            if self._interpreter is None:
                raise ModelError(f"{self._spec.name} was closed and cannot run")
            self._interpreter.invoke()
        except RuntimeError as error:
            raise ModelError(
                f"{self._spec.name} failed while running", next_step="clockface models verify"
            ) from error
        finally:
            self._busy.release()
        return self._outputs

    def close(self) -> None:
        """Let go of the model; its memory is freed with the last window. May be called twice."""
        self._interpreter = None
        self._input = np.empty((0,), np.float32)
        self._outputs = ()


def runtime_name() -> str:
    """The runtime that would be used: "ai_edge_litert" or "tflite_runtime".

    Raises:
        RuntimeUnavailable: Neither is installed.
    """
    return str(_runtime().__name__).partition(".")[0]


def _runtime() -> Any:
    problems = []
    for name in RUNTIMES:
        try:
            return importlib.import_module(name)
        except (ImportError, AttributeError) as error:  # AttributeError: built for another numpy
            problems.append(f"{name}: {error}")
    raise RuntimeUnavailable(f"no TFLite runtime works here: {'; '.join(problems)}", next_step=INSTALL_RUNTIME)


def _build(model: LoadedModel, *, delegate: Delegate, threads: int) -> Any:
    """An allocated interpreter whose acceleration and contract have been checked."""
    runtime, spec = _runtime(), model.spec
    if delegate != "cpu":
        delegates = [_load_delegate(runtime, delegate)]
        return _started(runtime, spec, delegate, model_content=model.content, experimental_delegates=delegates)
    lean = _without_weights(runtime, model, threads=threads)
    if lean is not None:
        return lean
    return _started(runtime, spec, delegate, model_content=model.content, num_threads=threads)


def _without_weights(runtime: Any, model: LoadedModel, *, threads: int) -> Any:
    """An interpreter that keeps its packed weights only; None where system or runtime do not let us."""
    try:
        held = HeldModel(model.content)
    except OSError:
        return None
    try:
        interpreter = _started(runtime, model.spec, "cpu", model_path=held.path, num_threads=threads)
        return interpreter if give_back_weights(interpreter, held) else None
    except OSError:
        return None
    finally:
        held.close()


def _started(runtime: Any, spec: ModelSpec, delegate: Delegate, **options: Any) -> Any:
    try:
        interpreter = runtime.Interpreter(**options)
        if delegate != "cpu":
            _require_taken(interpreter, spec, delegate)
        interpreter.allocate_tensors()
    except SystemError as error:
        _refuse_runtime(runtime, error)
    except (ValueError, RuntimeError) as error:
        raise ModelContractBroken(
            f"{spec.name} is not a model that this runtime can load: {error}",
            next_step="scripts/build-models --check",
        ) from error
    if delegate == "cpu":
        _require_xnnpack(interpreter, spec)
    _require_contract(interpreter, spec)
    return interpreter


def _refuse_runtime(runtime: Any, error: SystemError) -> NoReturn:
    """tflite-runtime 2.14 imports under numpy 2 and fails only here, with an error that names neither."""
    name, found = str(runtime.__name__).partition(".")[0], np.__version__
    hint = "; it was built for numpy 1" if name == "tflite_runtime" and not found.startswith("1.") else ""
    raise RuntimeUnavailable(
        f"{name} is installed but cannot construct an interpreter under numpy {found}{hint}",
        next_step=INSTALL_RUNTIME,
    ) from error


def _load_delegate(runtime: Any, delegate: Delegate) -> Any:
    library = DELEGATE_LIBRARIES[delegate]
    try:
        ctypes.CDLL(library)  # first, since a Delegate that cannot load leaves a broken object behind
        return runtime.load_delegate(library)
    except (OSError, ValueError) as error:
        raise RuntimeUnavailable(
            f"inference.delegate is {delegate}, but its library cannot be loaded: {error}",
            where=library,
            next_step=DELEGATE_PACKAGES[delegate],
        ) from error


def _require_taken(interpreter: Any, spec: ModelSpec, delegate: Delegate) -> None:
    """Before allocation, delegated nodes are the named delegate's alone: XNNPACK is applied only then."""
    if not any(node["op_name"] == _DELEGATED for node in interpreter._get_ops_details()):
        raise RuntimeUnavailable(
            f"the {delegate} delegate was loaded but runs nothing of {spec.name} "
            "(an Edge TPU takes only models that edgetpu_compiler compiled)",
            where=DELEGATE_LIBRARIES[delegate],
            next_step=DELEGATE_PACKAGES[delegate],
        )


def _require_xnnpack(interpreter: Any, spec: ModelSpec) -> None:
    """Without a delegate of our own, delegated nodes are XNNPACK's; nothing may be left outside them."""
    outside = _undelegated(interpreter)
    if outside:
        raise RuntimeUnavailable(
            f"{spec.name} would run without XNNPACK and many times slower: "
            f"it did not take {', '.join(sorted(outside))}",
            next_step=INSTALL_RUNTIME,
        )


def _undelegated(interpreter: Any) -> set[str]:
    """Names of the operators that run outside of every delegate.

    The interpreter lists replaced operators beside the delegate's node, so walk from the outputs to the inputs
    and prefer a delegate wherever it makes the tensor.
    """
    makers: dict[int, Any] = {}
    for node in interpreter._get_ops_details():
        for index in node["outputs"]:
            if node["op_name"] == _DELEGATED or int(index) not in makers:
                makers[int(index)] = node
    wanted = [int(output["index"]) for output in interpreter.get_output_details()]
    seen: set[int] = set()
    outside: set[str] = set()
    while wanted:
        node = makers.get(wanted.pop())
        if node is None or node["index"] in seen:
            continue
        seen.add(node["index"])
        wanted.extend(int(index) for index in node["inputs"])
        if node["op_name"] != _DELEGATED:
            outside.add(str(node["op_name"]))
    return outside


def _require_contract(interpreter: Any, spec: ModelSpec) -> None:
    """Compare shapes and dtypes of inputs and outputs with the manifest, in order."""
    promised = {
        "input": [(spec.input.shape, spec.input.dtype)],
        "output": [(output.shape, output.dtype) for output in spec.outputs],
    }
    found = {"input": interpreter.get_input_details(), "output": interpreter.get_output_details()}
    for kind, details in found.items():
        actual = [(tuple(int(n) for n in d["shape"]), np.dtype(d["dtype"]).name) for d in details]
        if actual != promised[kind]:
            raise ModelContractBroken(
                f"{spec.name} has the {kind} {actual}, the manifest promises {promised[kind]}",
                where=spec.file,
                next_step="scripts/build-models --check",
            )


def _window(interpreter: Any, index: int) -> NDArray[np.float32]:
    """A tensor as an array that may be held across runs.

    While an array from `interpreter.tensor(index)()` lives, the interpreter refuses to run ("there is at least
    1 reference to internal data"), since a new allocation would move it. Nothing here allocates again, so the
    address stands; the array keeps the interpreter alive, and with it the memory.
    """
    view = interpreter.tensor(index)()
    kind: Any = type("InterpreterMemory", (ctypes.c_ubyte * view.nbytes,), {})
    memory = kind.from_address(view.ctypes.data)
    memory.owner = interpreter
    return np.frombuffer(memory, dtype=view.dtype).reshape(view.shape)
