"""What goes wrong is said, nothing is confirmed meanwhile, and the daemon comes back by itself."""

import contextlib
import json
import os
import resource
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.camera.live import LiveCamera
from edge.camera.replay import ReplaySource
from edge.camera.serve import FrameServer
from edge.camera.view import View
from edge.camera.vitals import Patience
from edge.inference.models import SHIPPED_MODELS
from edge.types.faces import BgrImage
from tests.edge.device import FPS, PATIENCE_S, Daemon, Device, astronaut, nobody, recording, standing, walk_up


@pytest.fixture
def folder(lab: Path) -> Path:
    """A folder of this test's own, with a short path."""
    made = lab / str(len(list(lab.iterdir())))
    made.mkdir()
    return made


def remove_a_model(models: Path) -> None:
    (models / "face-mesh.tflite").unlink()


def alter_a_model(models: Path) -> None:
    path = models / "mobilefacenet.tflite"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def forget_the_thresholds(models: Path) -> None:
    (models / "operating-points.toml").write_text("format = 1\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "fault", "check"),
    [
        (remove_a_model, "ModelMissing", "models"),
        (alter_a_model, "ModelAltered", "models"),
        (forget_the_thresholds, "OperatingPointMissing", "operating_point"),
    ],
)
def test_without_trusted_models_and_thresholds_the_daemon_runs_says_so_and_recognises_nobody(
    folder: Path, enrolled: Path, spoil: Callable[[Path], None], fault: str, check: str
) -> None:
    models = shutil.copytree(SHIPPED_MODELS, folder / "models")
    spoil(models)
    pictures = walk_up(folder / "pictures", astronaut())
    device = Device(folder, camera={"replay_path": str(pictures)}, paths={"models": str(models)}).like(enrolled)
    with device.running() as daemon, device.client() as staff:
        watcher = device.watch()
        watcher.notice("out_of_service", detail=fault)
        seen = staff.status().camera.frames
        _until(lambda: staff.status().camera.frames > seen + 40)  # two walk-ups went by
        assert staff.status().fault == fault
        assert staff.punches().punches == ()
        doctor = device.clockface("doctor", "--json")
        daemon.terminate()
        watcher.close()
    assert watcher.confirmed == []
    assert doctor.returncode == 100
    failed = {one["name"]: one for one in json.loads(doctor.stdout)["checks"] if one["status"] == "fail"}
    assert {"recognition", check} <= failed.keys()
    assert failed[check]["advice"]


@pytest.mark.parametrize(
    ("missing", "exit_code", "says"),
    [("keys/face_data_encryption_key", 51, "Next: "), ("ledger.db", 41, "Next: clockface init")],
)
def test_without_a_key_or_the_ledger_it_does_not_start_and_makes_no_new_one(
    folder: Path, enrolled: Path, missing: str, exit_code: int, says: str
) -> None:
    device = Device(folder, camera={"replay_path": str(folder)}).like(enrolled)
    (device.state / missing).unlink()
    left = sorted(device.state.rglob("*"))
    started = device.clockface("run")
    assert started.returncode == exit_code
    assert says in started.stderr
    assert set(device.state.rglob("*")) - {device.state / "ledger.db.lock"} <= set(left)


def test_a_disk_that_fills_confirms_nobody_until_there_is_room(folder: Path, enrolled: Path) -> None:
    with small_disk(folder / "state"):
        shutil.copytree(enrolled, folder / "state", dirs_exist_ok=True)
        device = Device(folder, camera={"replay_path": str(walk_up(folder / "pictures", astronaut()))})

        @contextlib.contextmanager
        def full(daemon: Daemon) -> Iterator[None]:
            filler = folder / "state" / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            yield
            filler.unlink()

        _is_out_of_service_while(full, device, detail="LedgerDiskFull", stands="ledger_disk_full")


def test_a_ledger_that_may_not_grow_confirms_nobody_until_it_may(folder: Path, enrolled: Path) -> None:
    device = Device(folder, camera={"replay_path": str(walk_up(folder / "pictures", astronaut()))}).like(
        enrolled
    )

    @contextlib.contextmanager
    def limited(daemon: Daemon) -> Iterator[None]:
        soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (1, hard))
        yield
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (soft, hard))

    _is_out_of_service_while(limited, device, detail="StoreError")


def _is_out_of_service_while(
    trouble: Callable[[Daemon], contextlib.AbstractContextManager[None]],
    device: Device,
    *,
    detail: str,
    stands: str | None = None,
) -> None:
    with device.running() as daemon, device.client() as staff:
        watcher = device.watch()
        watcher.notice("recorded")
        with trouble(daemon):
            watcher.notice("out_of_service", detail=detail)
            if stands is not None:  # nobody is asked to try in vain
                watcher.notice("out_of_service", detail=stands)
                confirmed, seen = len(watcher.confirmed), staff.status().camera.frames
                _until(lambda: staff.status().camera.frames > seen + 40)  # two walk-ups went by
            else:
                watcher.notice("attract", after=len(watcher.lines))  # whoever was half-way is through
                confirmed = len(watcher.confirmed)
                watcher.notice("out_of_service", detail=detail, after=len(watcher.lines))
            assert len(watcher.confirmed) == confirmed
        watcher.notice("recorded", after=len(watcher.lines))
        assert staff.verify_ledger().problems == ()
        listed = {(one.epoch, one.seq) for one in staff.all_punches()}
        daemon.terminate()
        watcher.close()
    assert {(one.epoch, one.seq) for one in watcher.confirmed[:-1]} <= listed


@contextlib.contextmanager
def small_disk(at: Path) -> Iterator[None]:
    """A file system of a few MB."""
    at.mkdir(mode=0o700)
    options = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(at)]
    if subprocess.run(options, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs a small disk of its own, which this account may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def test_a_recording_that_ends_is_out_of_service_and_the_daemon_lives_on(folder: Path, enrolled: Path) -> None:
    pictures = recording(folder / "pictures", nobody(4))
    device = Device(folder, camera={"replay_path": str(pictures), "replay_loop": False}).like(enrolled)
    with device.running(WATCHDOG_USEC="200000") as daemon, device.client() as staff:
        watcher = device.watch()
        watcher.notice("out_of_service", detail="camera_ended")
        daemon.manager.until("WATCHDOG=1", times=daemon.manager.times("WATCHDOG=1") + 2)
        assert staff.status().camera.state == "ended"
        daemon.terminate()
        watcher.close()
    assert _logged(device, "camera_state") == ["streaming", "ended"]


def test_a_camera_that_is_lost_is_out_of_service_and_comes_back(folder: Path, enrolled: Path) -> None:
    pictures = recording(folder / "pictures", rustling(nobody(8)), rustling(standing(astronaut(), 8)))
    socket = folder / "frames.sock"
    camera = {"source": "remote", "socket": str(socket), "reopen_max_s": 1.0}
    with serving(socket, pictures) as stop:
        device = Device(folder, camera=camera).like(enrolled)
        with device.running() as daemon:
            watcher = device.watch()
            watcher.notice("recorded")
            stop()
            watcher.notice("out_of_service", detail="camera_lost")
            confirmed, lines = len(watcher.confirmed), len(watcher.lines)
            with serving(socket, pictures):
                watcher.notice("attract", after=lines)
                watcher.notice("recorded", after=lines)
                daemon.terminate()
            watcher.close()
    assert len(watcher.confirmed) > confirmed
    assert _logged(device, "camera_state")[-3:] == ["streaming", "lost", "streaming"]


def rustling(pictures: list[BgrImage]) -> list[BgrImage]:
    """With a sensor's noise: a camera whose pictures are all the same is taken for a frozen one."""
    noise = np.random.default_rng(1)
    return [
        np.clip(picture + noise.normal(0, 3, picture.shape), 0, 255).astype(np.uint8) for picture in pictures
    ]


@contextlib.contextmanager
def serving(socket: Path, pictures: Path) -> Iterator[Callable[[], None]]:
    """The capture process's end of the frame socket; gives what ends it early."""
    ended = threading.Event()
    camera = LiveCamera(
        lambda: ReplaySource(pictures, fps=FPS, loop=True),
        view=View(),
        patience=Patience(freeze_after_s=5.0, reopen_max_s=1.0, suspicious=False),
    )
    server = FrameServer(socket, camera=camera, tick=lambda: not ended.is_set())
    server.open()
    thread = threading.Thread(target=server.serve)
    thread.start()

    def stop() -> None:
        ended.set()
        thread.join(PATIENCE_S)
        server.close()

    try:
        yield stop
    finally:
        stop()
        camera.close()


def test_a_loop_that_hangs_stops_the_watchdog_although_the_api_answers(folder: Path, enrolled: Path) -> None:
    pictures = recording(folder / "pictures", nobody(4))
    device = Device(folder, camera={"replay_path": str(pictures)}).like(enrolled)
    with device.running(WATCHDOG_USEC="200000") as daemon, device.client() as staff:
        daemon.manager.until("WATCHDOG=1", times=2)
        trap = sorted(pictures.iterdir())[0]
        trap.unlink()
        os.mkfifo(trap)  # a file that never answers, as a dead network drive: reading it hangs the loop
        frames = -1
        while frames != (frames := staff.status().camera.frames):
            threading.Event().wait(0.3)
        beats = daemon.manager.times("WATCHDOG=1")
        threading.Event().wait(1.0)  # five times the limit at which systemd restarts it
        assert daemon.manager.times("WATCHDOG=1") == beats
        assert staff.status().camera.frames == frames
        with trap.open("wb"):  # lets the reader go: there is nothing in it, so the picture is passed over
            trap.unlink()
        daemon.manager.until("WATCHDOG=1", times=beats + 2)
        daemon.terminate()


def _logged(device: Device, event: str) -> list[str]:
    """The states that the log tells of."""
    lines = [json.loads(line) for line in device.log.read_text().splitlines() if line.startswith("{")]
    return [line["state"] for line in lines if line["event"] == event]


def _until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(round(PATIENCE_S / 0.05)):
        if holds():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come true in time")
