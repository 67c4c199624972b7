"""What a board says of its own health: temperature, and whether it holds itself back.

Doctor and telemetry read here, below a root that tests can move. A sandboxed daemon runs no foreign command.
"""

from collections.abc import Iterator
from pathlib import Path

MAX_BYTES = 256 * 1024
FIRMWARE_FILES = (
    "sys/devices/platform/soc/soc:firmware/get_throttled",
    "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled",
)
THROTTLED_NOW = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
UNDER_VOLTAGE = 0
SINCE_BOOT = 16  # the same four bits, as they have been since boot


def read(path: Path) -> str | None:
    """A small file's text without blanks around it; None if it is not there or cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """A small file that holds one decimal or 0x number; None for anything else."""
    text = read(path) or ""
    try:
        return int(text, 0) if text.startswith("0x") else int(text)
    except ValueError:
        return None


def thermal_zones(root: Path) -> Iterator[tuple[float, str]]:
    """Degrees Celsius and name of each thermal zone that tells a temperature."""
    for zone in (root / "sys/class/thermal").glob("thermal_zone*"):
        milli = read_number(zone / "temp")
        if milli is not None and -40_000 < milli < 150_000:  # others are sensors that are switched off
            yield milli / 1000, (read(zone / "type") or zone.name)[:40]


def hexadecimal(text: str) -> int | None:
    """A number in hex, or None."""
    try:
        return int(text, 16)
    except ValueError:
        return None


def firmware_bits(root: Path) -> int | None:
    """A Raspberry Pi's throttling bits, from the firmware's file; None elsewhere."""
    for name in FIRMWARE_FILES:
        text = read(root / name)
        if text:
            return hexadecimal(text)
    return None


def throttled(root: Path) -> bool | None:
    """Whether the board slows itself down now; None where it cannot be read."""
    bits = firmware_bits(root)
    return None if bits is None else any(bits >> bit & 1 for bit in THROTTLED_NOW)


def held_back(root: Path) -> tuple[str, ...]:
    """What holds a board back now: "under_voltage", "board_throttled"; nothing where it cannot be read."""
    bits = firmware_bits(root) or 0
    slowed = any(bits >> bit & 1 for bit in THROTTLED_NOW if bit != UNDER_VOLTAGE)
    found = {"under_voltage": bool(bits >> UNDER_VOLTAGE & 1), "board_throttled": slowed}
    return tuple(code for code, now in found.items() if now)
