"""Weights are given back only where the model still answers exactly as before."""

import mmap
import subprocess
import sys
from pathlib import Path
from typing import Any

import ai_edge_litert.interpreter as litert
import numpy as np
import pytest

from edge.inference import runtime
from edge.inference.models import ModelStore
from edge.inference.runtime import Runner
from edge.inference.weights import HeldModel, give_back_weights

STORE = ModelStore()
NAMES = tuple(STORE.specs)


def opened(held: HeldModel) -> Any:
    interpreter = litert.Interpreter(model_path=held.path, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def answer(runner: Runner) -> list[np.ndarray[Any, Any]]:
    runner.input[:] = np.random.default_rng(0).uniform(-1, 1, runner.input.shape)
    return [output.copy() for output in runner.run()]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_without_its_weights_answers_bit_by_bit_as_one_that_kept_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean = answer(Runner(STORE.load(name)))
    monkeypatch.setattr(runtime, "_without_weights", lambda *_, **__: None)
    whole = answer(Runner(STORE.load(name)))
    assert all(np.array_equal(one, other) for one, other in zip(lean, whole, strict=True))


@pytest.mark.parametrize("name", ["mobilefacenet", "faceplugin-feature", "face-mesh", "face-points"])
def test_nine_tenths_of_a_models_bytes_are_given_back(name: str) -> None:
    model = STORE.load(name)
    held = HeldModel(model.content)
    interpreter = opened(held)
    before = Path(held.path).stat().st_blocks
    assert give_back_weights(interpreter, held)
    assert Path(held.path).stat().st_blocks < 0.11 * before
    held.close()


def test_a_runtime_that_still_reads_its_weights_is_found_out() -> None:
    held = HeldModel(STORE.load("face-points").content)
    plain = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(model_path=held.path, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    assert not give_back_weights(interpreter, held)
    held.close()


def test_a_model_that_was_found_out_is_opened_anew_with_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answer(Runner(STORE.load("face-points")))

    def spoil(interpreter: Any, held: HeldModel) -> bool:
        give_back_weights(interpreter, held)
        held.give_back((low, high - low) for low, high in held._mapped())
        return False

    monkeypatch.setattr(runtime, "give_back_weights", spoil)
    again = answer(Runner(STORE.load("face-points")))
    assert all(np.array_equal(one, other) for one, other in zip(whole, again, strict=True))


@pytest.mark.parametrize("call", ["__init__", "_mapped"])
def test_where_the_system_has_no_such_memory_the_model_runs_whole(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError(1, "not here")

    monkeypatch.setattr(HeldModel, call, refused)
    assert len(Runner(STORE.load("blazeface-short")).run()) == 2


def test_only_whole_pages_of_a_range_are_given_back(tmp_path: Path) -> None:
    page = mmap.PAGESIZE
    held = HeldModel(b"\1" * 4 * page)
    with Path(held.path).open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as seen:
        base = np.frombuffer(seen, np.uint8).__array_interface__["data"][0]
        held.give_back([(base + 1, 3 * page)])
        assert seen[:page] + seen[3 * page :] == b"\1" * 2 * page
        assert seen[page : 3 * page] == bytes(2 * page)
        held.give_back([(base + 3 * page, 2 * page)])  # reaches beyond it: not this memory's
        assert seen[3 * page :] == b"\1" * page
    held.close()


def test_a_process_that_nobody_may_look_into_gives_weights_back_too() -> None:
    program = (
        "import os\n"
        "from edge.daemon.memory import close_memory\n"
        "from edge.inference import runtime; from edge.inference.models import ModelStore\n"
        "model, litert = ModelStore().load('blazeface-short'), runtime._runtime()\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setresgid(*[65534] * 3); os.setresuid(*[65534] * 3)\n"
        "close_memory()\n"
        "print(runtime._without_weights(litert, model, threads=1) is not None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout == "True\n", done.stderr
