"""Split a batch over a few ordinary threads.

The kernels are compiled with `nogil=True`, so threads run in parallel. numba's own parallel layers are not used: they
crash or deadlock after `fork` and under concurrent callers.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import torch

_pool: ThreadPoolExecutor | None = None
_pool_size = 0


def _forget_pool() -> None:
    """Drop the pool in a forked child: its threads did not survive the fork."""
    global _pool, _pool_size
    _pool, _pool_size = None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _threads(size: int) -> ThreadPoolExecutor:
    global _pool, _pool_size
    if _pool is None or _pool_size != size:
        # A replaced pool may still serve another caller: it is dropped, not shut down.
        _pool, _pool_size = ThreadPoolExecutor(size, thread_name_prefix="spigot"), size
    return _pool


def over_batch(kernel: Callable[..., Any], batch: int, *arrays: Any, work: float = float("inf")) -> None:
    """Call `kernel(start, stop, *arrays)` so that the calls cover range(batch) once.

    `work` estimates the elementary operations of the whole call. Below 1.5 million, which takes the caller about
    half a millisecond, threads cost more than they save.
    """
    if batch == 0:
        return
    size = min(torch.get_num_threads(), batch)
    if size <= 1 or work < 1.5e6:
        kernel(0, batch, *arrays)
        return
    # More chunks than threads, since rows of one batch differ in length. The caller takes chunks, too: waking a thread
    # takes so long that a short kernel may be done by then.
    chunks = min(batch, 4 * size)
    left = deque(pairwise(batch * k // chunks for k in range(chunks + 1)))

    def take() -> None:
        while True:
            try:
                begin, end = left.popleft()
            except IndexError:
                return
            kernel(begin, end, *arrays)

    pool = _threads(size - 1)
    others = [pool.submit(take) for _ in range(size - 1)]
    try:
        take()
    finally:
        for other in others:
            # One that has not begun (others may keep the pool busy) would find no chunk left.
            if not other.cancel():
                other.result()
