"""Memory for the models, and swap to which keys and templates must not be written."""

from pathlib import Path

from edge.board import read
from edge.doctor.findings import Finding, fail, not_available, ok, warn

LOW_MIB = 300  # the daemon's promise is 200 MB resident, and the system wants some
EMPTY_MIB = 100


def check_memory(root: Path) -> Finding:
    """How much memory is available without swapping."""
    sizes = _meminfo(root)
    if "MemAvailable" not in sizes or "MemTotal" not in sizes:
        return not_available("not available here: /proc/meminfo does not say")
    free, total = sizes["MemAvailable"] // 1024, sizes["MemTotal"] // 1024
    found = f"{free:,} MiB of {total:,} MiB available"
    advice = "stop what else runs on this board: `ps aux --sort=-rss | head`"
    if free < EMPTY_MIB:
        return fail(found, advice)
    return warn(found, advice) if free < LOW_MIB else ok(found)


def _meminfo(root: Path) -> dict[str, int]:
    """Names and KiB."""
    sizes = {}
    for line in (read(root / "proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdigit():
            sizes[name] = int(number[0])
    return sizes


def check_swap(root: Path) -> Finding:
    """Whether memory can be written to a disk."""
    text = read(root / "proc/swaps")
    if text is None:
        return not_available("not available here: no /proc/swaps")
    names = [line.split()[0] for line in text.splitlines()[1:] if line.split()]
    on_disk = [name for name in names if not Path(name).name.startswith("zram")]
    if on_disk:
        return warn(
            f"swap is on a disk ({', '.join(on_disk)[:120]}): keys and templates in memory can reach it",
            "sudo swapoff -a, and remove it from /etc/fstab or dphys-swapfile; or use zram",
        )
    return ok("in compressed memory only (zram)" if names else "none")
