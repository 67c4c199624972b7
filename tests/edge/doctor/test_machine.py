"""Temperature, throttling, memory, swap, disk: each outcome from the kernel's own files in a made-up tree."""

from pathlib import Path

import pytest

from edge.board import FIRMWARE_FILES, read, read_number
from edge.doctor.disk import check_mount, check_space, check_wear
from edge.doctor.findings import Health
from edge.doctor.heat import check_temperature, check_throttling
from edge.doctor.host import command_output
from edge.doctor.memory import check_memory, check_swap

OK, WARN, FAIL, NA = Health.OK, Health.WARN, Health.FAIL, Health.NOT_AVAILABLE
MIB = 2**20


def put(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("milli", "expected"), [("41000", OK), ("74900", OK), ("75000", WARN), ("83999", WARN), ("84000", FAIL)]
)
def test_the_hottest_zone_decides(tmp_path: Path, milli: str, expected: Health) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "30000\n")
    put(tmp_path, "sys/class/thermal/thermal_zone1/temp", f"{milli}\n")
    put(tmp_path, "sys/class/thermal/thermal_zone1/type", "cpu-thermal\n")
    finding = check_temperature(tmp_path)
    assert finding.health is expected
    assert "cpu-thermal" in finding.found


@pytest.mark.parametrize("text", ["", "hot", "-274000", "4000000"])
def test_a_sensor_that_says_nonsense_is_not_believed(tmp_path: Path, text: str) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", text)
    assert check_temperature(tmp_path).health is NA


@pytest.mark.parametrize(
    ("answer", "expected", "word"),
    [
        ("throttled=0x0", OK, "neither"),
        ("throttled=0x50005", FAIL, "under-voltage"),
        ("throttled=0x50000", WARN, "under-voltage"),
        ("throttled=0x8", FAIL, "soft temperature limit"),
        ("throttled=0x20000", WARN, "frequency capped"),
        ("error", NA, "not available"),
        (None, NA, "not available"),
    ],
)
def test_throttling_is_what_the_firmware_says(
    tmp_path: Path, answer: str | None, expected: Health, word: str
) -> None:
    finding = check_throttling(tmp_path, run=lambda _command: answer)
    assert finding.health is expected
    assert word in finding.found


def test_the_firmwares_file_is_asked_before_the_command(tmp_path: Path) -> None:
    put(tmp_path, FIRMWARE_FILES[0], "50005\n")
    assert check_throttling(tmp_path, run=lambda _command: "throttled=0x0").health is FAIL


def test_a_command_that_is_missing_fails_or_hangs_gives_nothing() -> None:
    assert command_output(["/nowhere/vcgencmd"]) is None
    assert command_output(["false"]) is None
    assert command_output(["echo", "throttled=0x0"]) == "throttled=0x0"


@pytest.mark.parametrize(("kib", "expected"), [(4_000_000, OK), (250_000, WARN), (90_000, FAIL)])
def test_available_memory_decides(tmp_path: Path, kib: int, expected: Health) -> None:
    put(
        tmp_path, "proc/meminfo", f"MemTotal:        8000000 kB\nMemAvailable:   {kib} kB\nHugePages_Total: x\n"
    )
    assert check_memory(tmp_path).health is expected
    assert check_memory(tmp_path / "elsewhere").health is NA


@pytest.mark.parametrize(
    ("swaps", "expected"),
    [([], OK), (["/dev/zram0"], OK), (["/var/swap"], WARN), (["/dev/zram0", "/dev/mmcblk0p3"], WARN)],
)
def test_swap_on_a_disk_is_warned_of(tmp_path: Path, swaps: list[str], expected: Health) -> None:
    lines = ["Filename Type Size Used Priority", *(f"{name} partition 102396 0 -2" for name in swaps)]
    put(tmp_path, "proc/swaps", "\n".join(lines) + "\n")
    assert check_swap(tmp_path).health is expected
    assert check_swap(tmp_path / "elsewhere").health is NA


@pytest.mark.parametrize(("free", "expected"), [(5000, OK), (499, WARN), (49, FAIL)])
def test_room_on_the_disk_decides(tmp_path: Path, free: int, expected: Health) -> None:
    asked: list[Path] = []

    def usage(folder: Path) -> tuple[int, int, int]:
        asked.append(folder)
        return 10_000 * MIB, 1, free * MIB

    assert check_space(tmp_path / "not" / "yet", usage=usage).health is expected
    assert asked == [tmp_path]


@pytest.mark.parametrize(
    ("mounts", "expected", "word"),
    [
        ("/dev/root / ext4 rw,noatime 0 0", OK, "ext4 on /"),
        ("/dev/root / ext4 ro,noatime 0 0", FAIL, "read-only"),
        ("/dev/root / ext4 rw,data=writeback 0 0", WARN, "data=writeback"),
        ("overlay / overlay rw 0 0", FAIL, "lost"),
        ("/dev/root / ext4 rw 0 0\ntmpfs {state} tmpfs rw 0 0", FAIL, "tmpfs"),
        ("/dev/root / ext4 ro 0 0\n/dev/sda1 {state} ext4 rw 0 0", OK, "ext4"),
        ("/dev/root / ext4 rw 0 0\n/dev/sda1 {state}-other tmpfs rw 0 0", OK, "ext4 on /"),
        ("tmpfs / tmpfs rw 0 0\n/dev/root / ext4 rw 0 0", OK, "ext4 on /"),
        ("nonsense", NA, "not available"),
        ("", NA, "not available"),
    ],
)
def test_how_the_disk_is_mounted_decides(tmp_path: Path, mounts: str, expected: Health, word: str) -> None:
    state = tmp_path / "state folder"
    state.mkdir()
    named = mounts.replace("{state}", str(state).replace(" ", "\\040"))
    finding = check_mount(state, mounts=named)
    assert finding.health is expected
    assert word in finding.found


@pytest.mark.parametrize(
    ("life", "eol", "expected"),
    [
        ("0x01 0x01", "0x01", OK),
        ("0x01 0x08", "0x01", WARN),
        ("0x02 0x02", "0x02", WARN),
        ("0x0b 0x01", "0x01", FAIL),
        ("0x01 0x01", "0x03", FAIL),
        ("junk", "", NA),
    ],
)
def test_wear_is_what_the_memory_says(tmp_path: Path, life: str, eol: str, expected: Health) -> None:
    put(tmp_path, "sys/block/mmcblk0/device/life_time", life)
    put(tmp_path, "sys/block/mmcblk0/device/pre_eol_info", eol)
    assert check_wear(tmp_path).health is expected
    assert check_wear(tmp_path / "elsewhere").health is NA


def test_small_files_are_read_bounded_and_decoded_whatever_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b" \xff12\n")
    assert read(path) == "\ufffd12"
    assert read_number(path) is None
    assert read(tmp_path) is None
