"""Temperature, and whether the board holds itself back for heat or for want of voltage."""

from collections.abc import Callable, Sequence
from pathlib import Path

from edge.board import SINCE_BOOT, THROTTLED_NOW, firmware_bits, hexadecimal, thermal_zones
from edge.doctor.findings import Finding, fail, not_available, ok, warn
from edge.doctor.host import command_output

# A Raspberry Pi slows down at 80 degrees ("soft limit" 60 on a 3B+) and hard at 85; a Jetson's trips lie above.
WARM_C = 75.0
HOT_C = 84.0


def check_temperature(root: Path) -> Finding:
    """The hottest thermal zone."""
    zones = sorted(thermal_zones(root), reverse=True)
    if not zones:
        return not_available("not available here: no thermal zone in /sys/class/thermal")
    celsius, name = zones[0]
    found = f"{celsius:.0f} °C ({name}, the hottest of {len(zones)})"
    if celsius >= HOT_C:
        return fail(found, "cool the board now: open the case, check the fan and the heat sink")
    if celsius >= WARM_C:
        return warn(found, "improve the cooling: the board slows down from 80 °C")
    return ok(found)


def check_throttling(root: Path, *, run: Callable[[Sequence[str]], str | None] = command_output) -> Finding:
    """What a Raspberry Pi's firmware says of voltage and throttling."""
    bits = firmware_bits(root)
    if bits is None:
        bits = hexadecimal((run(("vcgencmd", "get_throttled")) or "").removeprefix("throttled="))
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
