"""What one core can do, measured: its clock, and how fast it adds and compares in single precision.

Nothing here is read from a data sheet: the arrays fit the first-level cache, and the loops are compiled by the same
compiler as the kernels.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

LENGTH = 1024
"""Of a row: three of them are 12 KiB, well within a first-level cache."""


class Peak(NamedTuple):
    """Of one core."""

    clock_hz: float
    row_update: float
    """Additions and maxima a second of x[j] = max(x[j], a + y[j]): two loads and a store for each pair."""
    arithmetic: float
    """The same if eight pairs share the loads and the store."""


@njit(cache=True)
def _dependent_chain(steps, x):  # type: ignore[no-untyped-def]
    # Six operations, each of which waits for the one before it: six cycles on any processor of today.
    for _ in range(steps):
        x ^= x << np.uint64(13)
        x ^= x >> np.uint64(7)
        x ^= x << np.uint64(17)
    return x


# The loops below store to another row than the one they compare with: from x[j] = max(x[j], ...) LLVM makes masked
# stores, which some processors take ten times as long over.


@njit(cache=True)
def _row_update(repeats, x, y, z, a):  # type: ignore[no-untyped-def]
    for _ in range(repeats):
        for j in range(x.size):
            z[j] = max(x[j], a + y[j])
        for j in range(x.size):
            x[j] = max(z[j], a + y[j])


@njit(cache=True)
def _eight_updates(repeats, x, y, z, a):  # type: ignore[no-untyped-def]
    a0, a1, a2, a3, a4, a5, a6, a7 = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
    for _ in range(repeats):
        for j in range(x.size):
            v = y[j]
            low = max(max(a0 + v, a1 + v), max(a2 + v, a3 + v))
            high = max(max(a4 + v, a5 + v), max(a6 + v, a7 + v))
            z[j] = max(x[j], max(low, high))
        for j in range(x.size):
            v = y[j]
            low = max(max(a0 + v, a1 + v), max(a2 + v, a3 + v))
            high = max(max(a4 + v, a5 + v), max(a6 + v, a7 + v))
            x[j] = max(z[j], max(low, high))


def measure(seconds: float) -> Peak:
    """Measure the peak; each of the three loops runs five times, for a fifth of `seconds` each, and the best counts."""
    random = np.random.default_rng(0)
    x, y, z = (random.random(LENGTH, dtype=np.float32) for _ in range(3))
    a = random.random(8, dtype=np.float32)
    return Peak(
        clock_hz=6 * _rate(_dependent_chain, seconds, np.uint64(88172645463325252)),
        row_update=4 * LENGTH * _rate(_row_update, seconds, x, y, z, a[0]),
        arithmetic=32 * LENGTH * _rate(_eight_updates, seconds, x, y, z, a),
    )


def _rate(loop: Callable[..., Any], seconds: float, *arguments: Any) -> float:
    """Return how many passes of `loop` a second makes."""
    loop(1, *arguments)
    passes = 1
    while True:
        began = time.perf_counter()
        loop(passes, *arguments)
        passed = time.perf_counter() - began
        if passed > seconds / 10:
            break
        passes *= 2
    passes = max(1, int(passes * seconds / 5 / passed))
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        loop(passes, *arguments)
        best = min(best, time.perf_counter() - began)
    return passes / best
