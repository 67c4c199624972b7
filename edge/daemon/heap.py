"""Keeps the daemon's memory small and its pauses short: what its start makes lives as long as it does.

While it starts nobody looks for garbage, since there is next to none; afterwards these half a million objects
are never looked through again (that paused everything for 60 ms each time), and memory that only the start
needed goes back to the system. All of it is Python's and the C library's to refuse: nothing depends on it.
"""

import ctypes
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_M_ARENA_MAX: Final = -8  # glibc's malloc.h
_AUTHORITIES: Final = "SSL_CERT_FILE"  # what OpenSSL reads it by
EVERY_S = 60.0


def begin_start() -> None:
    """Look for no garbage, and let all threads share one heap: apart, each keeps what it once needed."""
    gc.disable()
    _c_library("mallopt", _M_ARENA_MAX, 1)


@contextmanager
def without_authorities() -> Iterator[None]:
    """Let aiohttp be imported without all the certificate authorities that its client would load: 2 MB, 0.04 s.

    The daemon has no network; whatever used a connection made of it would trust nobody.
    """
    before = os.environ.get(_AUTHORITIES)
    os.environ[_AUTHORITIES] = os.devnull
    try:
        yield
    finally:
        del os.environ[_AUTHORITIES]
        if before is not None:
            os.environ[_AUTHORITIES] = before


def end_start() -> None:
    """Take what lives now as there to stay, look for garbage from now on, and give spare pages back."""
    gc.freeze()
    gc.enable()
    give_back_spare()


def give_back_spare() -> None:
    """Give pages back to the system that the C library keeps for later; takes 5 ms."""
    _c_library("malloc_trim", 0)


class SpareMemory:
    """Gives back every minute what pictures and answers needed for a moment: some 4 MB.

    Args:
        give_back: Does it.
    """

    def __init__(self, give_back: Callable[[], None] = give_back_spare) -> None:
        self._give_back = give_back
        self._due_s: float | None = None

    def __call__(self, at_s: float) -> None:
        """Give it back if it is time; `at_s` is seconds of a clock that never runs backwards."""
        if self._due_s is not None and at_s >= self._due_s:
            self._give_back()
        elif self._due_s is not None:
            return
        self._due_s = at_s + EVERY_S


def _c_library(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)  # musl has neither
    if function is not None:
        function(*arguments)
