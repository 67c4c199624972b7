"""Shuts the memory of the process that holds keys and templates to everybody but root.

No core dump, and no ptrace or /proc/PID/mem by another process of the same user. Swap is the unit's business
(MemorySwapMax=0): Python copies bytes as it likes, so locking some of them in memory would promise too much.
Trust boundary: the kernel; root stands above it.
"""

import ctypes
import resource
from typing import Final

import structlog

PR_SET_DUMPABLE: Final = 4
PR_GET_DUMPABLE: Final = 3

log = structlog.get_logger(__name__)


def close_memory() -> bool:
    """Refuse core dumps and other processes' looks; returns whether the kernel agreed."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    closed = is_closed() if _prctl(PR_SET_DUMPABLE, 0) == 0 else False
    if not closed:
        log.warning("memory_not_closed")
    return closed


def is_closed() -> bool:
    """Whether this process can be neither dumped nor traced by its own user."""
    core, _ = resource.getrlimit(resource.RLIMIT_CORE)
    return core == 0 and _prctl(PR_GET_DUMPABLE, 0) == 0


def _prctl(option: int, value: int) -> int:
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0))
