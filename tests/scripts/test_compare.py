"""The comparison: its figures, its workers, and what it refuses to compare."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inference.models import ModelStore
from scripts import compare
from scripts.comparison import environments, exchange, worker
from scripts.comparison.figures import Pairing, cost, ratio, ratios
from scripts.mediapipe_metadata import IDENTIFIER, describe_for_mediapipe
from scripts.model_graph import SurgeryError, read_model, write_model

WHOLE = Pairing("all", "other", "total", "total", goal=25.0)


def test_a_cost_is_the_median_p95_and_minimum_of_all_runs() -> None:
    one = cost([[5.0, 1.0], [3.0, 100.0, 2.0]])
    assert (one.runs, one.median_ms, one.p95_ms, one.min_ms) == (5, 3.0, 100.0, 1.0)


def test_a_round_in_which_all_are_slower_does_not_change_the_ratio_by_rounds() -> None:
    own, its = [[1.0], [1.0], [7.0]], [[30.0], [30.0], [210.0]]
    assert ratio(WHOLE, own=own, its=its).of_rounds == 30


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20), st.floats(0.1, 1000))
def test_a_library_that_is_always_n_times_slower_has_the_ratio_n_by_every_measure(
    times_ms: list[float], factor: float
) -> None:
    found = ratio(WHOLE, own=[[t] for t in times_ms], its=[[t * factor] for t in times_ms])
    assert found.of_medians == pytest.approx(factor)
    assert found.of_rounds == pytest.approx(factor)
    assert found.of_minima == pytest.approx(factor)


@pytest.mark.parametrize(("its_ms", "met"), [(24.9, False), (25.0, True)])
def test_the_goal_is_met_from_the_promised_ratio_on(its_ms: float, *, met: bool) -> None:
    assert ratio(WHOLE, own=[[1.0]], its=[[its_ms]]).met is met


def test_a_goal_that_only_one_of_the_two_ratios_reaches_is_missed() -> None:
    own, its = [[1.0], [1.0], [2.0], [2.0], [2.0]], [[20.0], [20.0], [60.0], [60.0], [20.0]]
    found = ratio(WHOLE, own=own, its=its)
    assert found.of_rounds < 25
    assert found.met is False


def test_turns_of_different_rounds_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio(WHOLE, own=[[1.0], [1.0]], its=[[30.0]])


def test_a_library_that_took_no_part_has_no_ratio() -> None:
    assert ratios({"clockface": {"total": [[1.0]]}}, own="clockface") == []


CHATTY = """
import sys
sys.path.insert(0, {home!r})
from turns import serve
seen = []
def run():
    print("a library's own chatter")
    seen.append(1)
    return {{"total": float(len(seen))}}
serve(about={{"versions": {{}}}}, run=run)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    """Starts a worker of this source code; ends all that were started."""
    started: list[worker.Worker] = []

    def start(source: str) -> worker.Worker:
        program = tmp_path / "program.py"
        program.write_text(source, encoding="utf-8")
        begun = worker.Worker("other", [sys.executable, str(program)], folder=tmp_path, log=tmp_path / "log")
        started.append(begun)
        return begun

    yield start
    for one in started:
        one.close()


def test_a_worker_answers_with_as_many_runs_as_it_was_asked_for_whatever_its_library_prints(start) -> None:
    begun = start(CHATTY.format(home=str(compare.WORKERS)))
    # 10 to warm up, then one at the start of each turn: neither counts
    assert begun.run(2) == {"total": [12.0, 13.0]}
    assert begun.run(1) == {"total": [15.0]}


def test_a_worker_that_cannot_start_leaves_its_last_words(start) -> None:
    with pytest.raises(worker.WorkerFailed, match=r"worker ended.*No module named 'no_such_library'"):
        start("import no_such_library")


def test_a_worker_that_falls_silent_is_given_up(start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "TURN_TIMEOUT_S", 0.05)
    begun = start("import sys; print('{}', flush=True); sys.stdin.read()")
    with pytest.raises(worker.WorkerFailed, match="was silent"):
        begun.run(1)


@pytest.mark.parametrize(("answer", "why"), [("[1]", "than an object"), ("ready", "no JSON"), ("", "ended")])
def test_a_worker_that_answers_nonsense_is_refused(start, answer: str, why: str) -> None:
    with pytest.raises(worker.WorkerFailed, match=why):
        start(f"print({answer!r}, end='')")


def test_a_worker_that_answers_for_fewer_runs_is_refused(start) -> None:
    begun = start("print('{}', flush=True); input(); print('{\"total\": [1.0]}', flush=True)")
    with pytest.raises(worker.WorkerFailed, match="another number of runs"):
        begun.run(2)


def test_without_a_compiler_dlib_is_skipped_and_the_next_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(environments.CannotInstall, match=r"apt-get install cmake g\+\+"):
        environments.environment("face_recognition", folder=tmp_path, say=print)


def test_what_pip_cannot_install_is_skipped_with_pips_reason(tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "print('ERROR: no wheel'); print('see above'); raise SystemExit(1)"]
    with pytest.raises(environments.CannotInstall, match="broken does not install: ERROR: no wheel"):
        environments.run_logged(failing, name="broken", log=tmp_path / "log")


OWN = {"faces": 1, "box": [100.0, 100.0, 80.0, 80.0], "embedding_length": 10.0}


@pytest.mark.parametrize(
    ("its", "why"),
    [
        ({"faces": 2, "box": OWN["box"]}, "2 faces"),
        ({"faces": 1, "box": [400, 100, 80, 80]}, "found a face at"),
        ({"embedding_length": 10.1}, "length"),
    ],
)
def test_a_library_that_did_other_work_is_not_compared(its: dict[str, object], why: str) -> None:
    assert why in str(exchange.difference(OWN, its))


def test_a_library_that_found_the_same_face_and_vector_is_compared() -> None:
    assert exchange.difference(OWN, {"faces": 1, "box": [90, 110, 90, 90], "embedding_length": 10.0001}) is None


def test_a_picture_without_a_face_is_refused() -> None:
    with pytest.raises(exchange.NoFace, match="0 faces"):
        exchange.aligned_face(np.full((480, 640, 3), 127, np.uint8))


def test_clockfaces_own_worker_runs_the_daemons_pipeline_to_the_match(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "CACHE", tmp_path)
    outcome = compare.compare([], image=compare.PICTURE, rounds=2, runs=1, say=print)
    stages = outcome.costs["clockface"]
    assert {"detect", "landmarks", "quality", "embed", "match", "total", "network"} <= set(stages)
    assert all(one.runs == 2 for one in stages.values())
    assert stages["total"].min_ms > stages["embed"].min_ms > stages["network"].min_ms > 0.1


def test_mediapipes_metadata_is_added_once_and_changes_nothing_else() -> None:
    content = ModelStore().load("blazeface-full").content
    model = read_model(content)
    assert describe_for_mediapipe(model) == 1
    assert describe_for_mediapipe(model) == 0
    described = read_model(write_model(model))
    (entry,) = described.metadata
    assert entry.name == b"TFLITE_METADATA"
    assert bytes(described.buffers[entry.buffer].data[4:8]) == IDENTIFIER
    described.buffers.pop(entry.buffer)
    described.metadata = None
    assert write_model(described) == write_model(read_model(content))


def test_metadata_is_for_models_of_one_input_only() -> None:
    model = read_model(ModelStore().load("blazeface-full").content)
    model.subgraphs[0].inputs = [0, 1]
    with pytest.raises(SurgeryError, match="has 2"):
        describe_for_mediapipe(model)
