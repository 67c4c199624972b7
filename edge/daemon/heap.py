"""Keeps the daemon's memory small and its pauses short: what its start makes lives as long as it does.

While it starts nobody looks for garbage, since there is next to none; afterwards these half a million objects
are never looked through again (that paused everything for 60 ms each time), and memory that only the start
needed goes back to the system. All of it is Python's and the C library's to refuse: nothing depends on it.
"""

import ctypes
import gc
from typing import Final

_M_ARENA_MAX: Final = -8  # glibc's malloc.h


def begin_start() -> None:
    """Look for no garbage, and let all threads share one heap: apart, each keeps what it once needed."""
    gc.disable()
    _c_library("mallopt", _M_ARENA_MAX, 1)


def end_start() -> None:
    """Take what lives now as there to stay, look for garbage from now on, and give spare pages back."""
    gc.freeze()
    gc.enable()
    _c_library("malloc_trim", 0)


def _c_library(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)  # musl has neither
    if function is not None:
        function(*arguments)
