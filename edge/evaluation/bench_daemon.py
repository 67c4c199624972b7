"""Starts the real daemon on a throw-away device with as many templates as asked, and watches it.

Everything lies in a temporary folder that is removed afterwards: keys, ledger, sockets. The people do not
exist.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np

from clockface.secretfiles import make_private_folder
from edge.clock import SystemClock
from edge.errors import EvaluationError
from edge.evaluation.bench import random_templates, read_frame
from edge.evaluation.report import JsonObject
from edge.store.keys import generate_keys, load_keyring
from edge.store.store import create_store, ledger_path
from edge.types.faces import BgrImage
from edge.types.identity import DeviceId, ModelHash
from edge.types.people import Consent, Profile

READY_TIMEOUT_S = 60.0
IDLE_S = 10.0
SETTLE_S = 5.0  # long enough for frames to be judged, so that every model has run
STOP_TIMEOUT_S = 15.0


def measure_daemon(
    *, model_hash: ModelHash, dim: int, templates: int, models_folder: Path, image: Path
) -> JsonObject:
    """Time from the daemon's start to READY, and its memory with that many templates after some seconds.

    Raises:
        EvaluationError: The daemon did not become ready.
    """
    with tempfile.TemporaryDirectory(prefix="clockface-bench-") as name:
        folder = Path(name)
        _make_device(folder / "state", model_hash=model_hash, dim=dim, templates=templates)
        scenes = folder / "scenes"
        scenes.mkdir()
        for index in range(2):  # two pictures: a folder that plays
            (scenes / f"{index}{image.suffix}").symlink_to(image.resolve())
        config = _write_config(folder, models_folder=models_folder, scenes=scenes)
        return {"templates": templates} | _watch(config, folder)


def measure_idle(
    *, model_hash: ModelHash, dim: int, templates: int, models_folder: Path, image: Path
) -> JsonObject:
    """Processor time that the daemon and its children take a second: with nobody there, and with somebody.

    Raises:
        EvaluationError: The daemon did not become ready, or ended.
    """
    found: JsonObject = {"seconds": IDLE_S}
    scenes: dict[str, tuple[BgrImage, float]] = {
        "resting": (_hall(), 1.0),
        "nobody": (_hall(), 0.0),
        "somebody": (read_frame(image), 0.0),
    }
    with tempfile.TemporaryDirectory(prefix="clockface-bench-") as name:
        folder = Path(name)
        _make_device(folder / "state", model_hash=model_hash, dim=dim, templates=templates)
        for scene, (picture, after_s) in scenes.items():
            place = folder / scene
            place.mkdir()
            for index in range(4):
                cv2.imwrite(str(place / f"{index}.jpg"), _noisy(picture, seed=index))
            config = _write_config(folder, models_folder=models_folder, scenes=place, idle={"after_s": after_s})
            found[scene] = _watch(config, folder, look=_processor)["processor_ms_a_second"]
    return found


def _hall() -> BgrImage:
    """Grey that grows lighter to one side: an empty hall has little more for a detector to find."""
    across = np.linspace(60, 180, 640, dtype=np.float32)
    return np.repeat(np.repeat(across[None, :, None], 480, axis=0), 3, axis=2).astype(np.uint8)


def _noisy(picture: BgrImage, *, seed: int) -> BgrImage:
    noise = np.random.default_rng(seed).normal(0.0, 3.0, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _make_device(state: Path, *, model_hash: ModelHash, dim: int, templates: int) -> None:
    make_private_folder(state, made_by="clockface bench")
    generate_keys(state)
    clock = SystemClock(zone=ZoneInfo("UTC"))
    store = create_store(
        ledger_path(state),
        keyring=load_keyring(state=state, environment={}, allow_environment=False),
        clock=clock,
        device=DeviceId("bench"),
        site="bench",
    )
    consent = Consent("1", "en", clock.now().wall, "imported", "clockface-bench")
    try:
        with store.database.write():  # one transaction: thousands of commits would measure the disk
            for index, row in enumerate(random_templates(templates, dim=dim, model_hash=model_hash)):
                person_id = store.people.add(Profile(name=f"Nobody {index}", number=f"{index}"))
                store.consents.record(person_id, consent)
                store.templates.add(replace(row, person_id=person_id))
    finally:
        store.close()


def _write_config(
    folder: Path, *, models_folder: Path, scenes: Path, idle: dict[str, object] | None = None
) -> Path:
    path = folder / "clockface.toml"
    sections: dict[str, dict[str, object]] = {
        "device": {"site": "bench", "name": "bench"},
        "paths": {"state": str(folder / "state"), "run": str(folder), "models": str(models_folder.resolve())},
        "camera": {"source": "replay", "replay_path": str(scenes), "replay_loop": True},
        "decision": {"max_fpir": 0.1},
        "attendance": {"repeat_s": 86400.0},
        "idle": idle or {},
    }
    lines = [
        line
        for name, fields in sections.items()
        for line in (f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in fields.items()))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _watch(config: Path, folder: Path, *, look: Callable[[int], JsonObject] | None = None) -> JsonObject:
    address = folder / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(READY_TIMEOUT_S)
        environment = {**os.environ, "NOTIFY_SOCKET": str(address)}
        began = time.monotonic()
        daemon = subprocess.Popen(
            [sys.executable, "-m", "edge", "--config", str(config), "run"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            ready_s = _until_ready(manager, began)
            ready_core_s = _ticks(daemon.pid) / os.sysconf("SC_CLK_TCK")
            time.sleep(SETTLE_S)
            seen = (look or _memory)(daemon.pid)
        finally:
            stop_s = _stop(daemon)
    return {"ready_s": ready_s, "ready_core_s": ready_core_s, "stop_s": stop_s} | seen


def _until_ready(manager: socket.socket, began: float) -> float:
    try:
        while b"READY=1" not in manager.recv(4096):
            pass
    except TimeoutError as error:
        raise EvaluationError(
            f"the daemon was not ready within {READY_TIMEOUT_S:.0f} s", next_step="clockface doctor"
        ) from error
    return time.monotonic() - began


def _memory(pid: int) -> JsonObject:
    """Resident memory in MB of a million bytes, as `clockface status` counts it, and the proportional share."""
    kept: JsonObject = {}
    for source, field, name in (
        ("status", "VmRSS:", "resident_mb"),
        ("status", "VmHWM:", "resident_peak_mb"),
        ("smaps_rollup", "Pss:", "proportional_mb"),
    ):
        try:
            lines = Path(f"/proc/{pid}/{source}").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        found = next((line for line in lines if line.startswith(field)), None)
        if found is not None:
            kept[name] = int(found.split()[1]) * 1024 / 1_000_000
    if "resident_mb" not in kept:
        raise EvaluationError(
            "the daemon ended while it was watched", next_step="clockface run, and read its log"
        )
    return kept


def _processor(pid: int) -> JsonObject:
    """Processor time over some seconds, of the process and of those that it started."""
    before, began = _ticks(pid), time.monotonic()
    time.sleep(IDLE_S)
    spent = (_ticks(pid) - before) / os.sysconf("SC_CLK_TCK")
    return {"processor_ms_a_second": spent / (time.monotonic() - began) * 1000}


def _ticks(pid: int) -> int:
    try:
        found = int(sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])))
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError as error:
        raise EvaluationError("the daemon ended while it was watched", next_step="clockface run") from error
    return found + sum(_ticks(int(child)) for child in children)


def _stop(daemon: subprocess.Popen[bytes]) -> float:
    began = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
    return time.monotonic() - began
