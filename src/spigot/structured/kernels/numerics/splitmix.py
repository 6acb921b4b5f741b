"""A small generator of random numbers whose whole state is one word: splitmix64 (Steele, Lea and Flood 2014)."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def uniform(state):  # type: ignore[no-untyped-def]
    """Return a number from [0, 1) and advance state[0]."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    bits = state[0]
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return np.float64(bits >> np.uint64(11)) / 9007199254740992.0
