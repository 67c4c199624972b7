"""Temperature, and whether the board holds itself back for heat or for want of voltage."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edge.doctor.findings import Finding, fail, not_available, ok, warn
from edge.doctor.host import command_output, read, read_number

# A Raspberry Pi slows down at 80 degrees ("soft limit" 60 on a 3B+) and hard at 85; a Jetson's trips lie above.
WARM_C = 75.0
HOT_C = 84.0
FIRMWARE_FILES = (
    "sys/devices/platform/soc/soc:firmware/get_throttled",
    "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled",
)
THROTTLED_NOW = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
SINCE_BOOT = 16  # the same four bits, as they have been since boot


def check_temperature(root: Path) -> Finding:
    """The hottest thermal zone."""
    zones = sorted(_zones(root), reverse=True)
    if not zones:
        return not_available("not available here: no thermal zone in /sys/class/thermal")
    celsius, name = zones[0]
    found = f"{celsius:.0f} °C ({name}, the hottest of {len(zones)})"
    if celsius >= HOT_C:
        return fail(found, "cool the board now: open the case, check the fan and the heat sink")
    if celsius >= WARM_C:
        return warn(found, "improve the cooling: the board slows down from 80 °C")
    return ok(found)


def _zones(root: Path) -> Iterator[tuple[float, str]]:
    for zone in (root / "sys/class/thermal").glob("thermal_zone*"):
        milli = read_number(zone / "temp")
        if milli is not None and -40_000 < milli < 150_000:  # others are sensors that are switched off
            yield milli / 1000, (read(zone / "type") or zone.name)[:40]


def check_throttling(root: Path, *, run: Callable[[Sequence[str]], str | None] = command_output) -> Finding:
    """What a Raspberry Pi's firmware says of voltage and throttling."""
    bits = _firmware_bits(root, run)
    if bits is None:
        return not_available("not available here: neither vcgencmd nor the firmware's file (no Raspberry Pi?)")
    now = [text for bit, text in THROTTLED_NOW.items() if bits >> bit & 1]
    earlier = [text for bit, text in THROTTLED_NOW.items() if bits >> (bit + SINCE_BOOT) & 1]
    power = "use the board's own power supply and a short, thick cable"
    cooling = "improve the cooling"
    if now:
        return fail(f"now: {', '.join(now)} ({bits:#x})", power if "under-voltage" in now else cooling)
    if earlier:
        return warn(
            f"since boot: {', '.join(earlier)} ({bits:#x})", power if "under-voltage" in earlier else cooling
        )
    return ok("neither now nor since boot")


def _firmware_bits(root: Path, run: Callable[[Sequence[str]], str | None]) -> int | None:
    for name in FIRMWARE_FILES:
        text = read(root / name)
        if text:
            return _hex(text)
    return _hex((run(("vcgencmd", "get_throttled")) or "").removeprefix("throttled="))


def _hex(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
