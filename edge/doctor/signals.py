"""Light, buzzer, door and sound: told by the daemon, which owns them, or looked at where none runs."""

import shutil
from pathlib import Path

from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Finding, fail, not_available, ok, warn
from edge.signals.pins import open_pins


def check_signals(config: Config, daemon: Daemon, *, root: Path) -> Finding:
    """Whether what is configured works; raises what keeps it from working."""
    signals = config.signals
    if not signals.pins and signals.sound.device is None:
        return not_available("no light, buzzer, door or sound is configured")
    if daemon.status is not None:
        broken = [each for each in daemon.status.signals if each.problem]
        if broken:
            shown = "; ".join(f"{each.name}: {each.problem}" for each in broken)
            return fail(shown, "docs/wiring.md; then systemctl restart clockface-edge")
        names: list[str] = [each.name for each in daemon.status.signals]
    elif not daemon.down:
        return not_available("the daemon owns them and does not answer")
    else:
        if signals.pins:
            open_pins(signals.board, root=root)
        if signals.sound.device is not None and shutil.which("aplay") is None:
            return fail("aplay, which plays sound, is not installed", "apt-get install alsa-utils")
        names = [*sorted({name.partition(".")[0] for name in signals.pins})]
        names += ["sound"] if signals.sound.device is not None else []
    found = f"{', '.join(names)} without a fault"
    if signals.door.pin is not None and "face" in signals.door.methods and config.liveness.policy == "off":
        return warn(
            f"{found}; a photograph opens the door",
            "take face out of signals.door.methods, or set another liveness.policy",
        )
    return ok(found)
