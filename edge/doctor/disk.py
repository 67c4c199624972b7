"""The disk under the ledger: room, how it is mounted, and how worn it says it is."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge.board import read
from edge.doctor.findings import Finding, fail, not_available, ok, warn

LOW_MIB = 500
FULL_MIB = 50  # about 25,000 events at 2 KiB
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay", "squashfs"})
RISKY_OPTIONS = frozenset({"nobarrier", "barrier=0", "data=writeback", "async_commit", "journal_async_commit"})
# eMMC 5.0, EXT_CSD 267 to 269: life time in steps of 10 % used, 11 is "beyond"; pre-EOL 1 is normal, 2 a
# warning, 3 urgent.
WORN_STEP = 8
WORN_OUT_STEP = 11


class Usage(NamedTuple):
    """Bytes of a file system."""

    total: int
    used: int
    free: int


class Mount(NamedTuple):
    """A line of /proc/self/mounts."""

    source: str
    folder: Path
    kind: str
    options: frozenset[str]


def existing(folder: Path) -> Path:
    """The folder itself, or its nearest parent that is there."""
    return next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))


def check_space(folder: Path, *, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Finding:
    """Room on the disk of the state folder."""
    size = Usage(*usage(existing(folder)))
    free = size.free // 2**20
    found = f"{free:,} MiB of {size.total // 2**20:,} MiB free for {folder}"
    advice = "sudo journalctl --vacuum-size=50M; sudo apt-get clean; sudo du -xh / | sort -h | tail"
    if free < FULL_MIB:
        return fail(found, advice)
    return warn(found, advice) if free < LOW_MIB else ok(found)


def check_mount(folder: Path, *, mounts: str) -> Finding:
    """How the disk of the state folder is mounted.

    Args:
        folder: The state folder.
        mounts: The text of /proc/self/mounts.
    """
    mount = _mount_of(existing(folder).resolve(), mounts)
    if mount is None:
        return not_available("not available here: /proc/self/mounts does not say")
    found = f"{mount.kind} on {mount.folder}"
    if mount.kind in VOLATILE:
        return fail(
            f"{found}: what is written is lost when the power goes",
            "put the state folder on a real disk: set paths.state, or switch off the overlay in raspi-config",
        )
    if "ro" in mount.options:
        return fail(f"{found} is read-only", "dmesg | grep -i -e remount -e 'I/O error'; then replace the card")
    risky = sorted(mount.options & RISKY_OPTIONS)
    if risky:
        return warn(
            f"{found} with {', '.join(risky)}: a power cut can lose events that were confirmed",
            "remove these options from /etc/fstab and restart",
        )
    return ok(found)


def _mount_of(folder: Path, mounts: str) -> Mount | None:
    """The last mount on the longest path above the folder, which is the one that is seen."""
    best: Mount | None = None
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 4:
            continue
        place = Path(_unescaped(parts[1]))
        if folder.is_relative_to(place) and (best is None or len(place.parts) >= len(best.folder.parts)):
            best = Mount(parts[0], place, parts[2], frozenset(parts[3].split(",")))
    return best


def _unescaped(text: str) -> str:
    r"""Blanks in paths of /proc/self/mounts are written as \040."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)


def check_wear(root: Path) -> Finding:
    """How worn an eMMC says that it is; SD cards do not say."""
    worst = 0
    for device in (root / "sys/block").glob("mmcblk*/device"):
        for step in (read(device / "life_time") or "").split():
            worst = max(worst, _hex(step))
        worst = max(worst, {2: WORN_STEP, 3: WORN_OUT_STEP}.get(_hex(read(device / "pre_eol_info") or ""), 0))
    if worst == 0:
        return not_available("not available here: SD cards do not say how worn they are")
    if worst >= WORN_OUT_STEP:
        return fail("the eMMC has used up its life time", "replace the module; restore from a backup")
    found = f"the eMMC has used about {worst * 10} % of its life time"
    return warn(found, "plan to replace the module; check the backups") if worst >= WORN_STEP else ok(found)


def _hex(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
