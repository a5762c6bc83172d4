"""How a serving process goes about its memory: it keeps what it will need again, and does not look through it all."""

from __future__ import annotations

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_OPTIONS = {_TRIM_THRESHOLD: 32 * 2**20, _MMAP_THRESHOLD: 16 * 2**20, _ARENA_MAX: 1}


def keep_memory() -> bool:
    """Have what a large request gave back stay with the process, up to 32 MB; False where the C library is not glibc.

    By default it goes back to the system at once, and the next such request has each page cleared and mapped anew.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in _OPTIONS.items())


def spare_the_collector() -> None:
    """What was loaded at the start stays: looking through it again and again took a tenth of the time of a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
