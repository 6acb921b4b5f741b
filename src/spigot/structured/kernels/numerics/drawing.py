"""Draw one of several with given logarithms of its odds: what all samplers do step by step."""

from __future__ import annotations

from numba import njit

from .exponential import exp_nonpositive


@njit(nogil=True, cache=True, error_model="numpy")
def draw(weights, uniform):  # type: ignore[no-untyped-def]
    """Return k with probability proportional to exp(weights[k]); `weights` are overwritten, `uniform` is in [0, 1)."""
    peak = weights.max()
    total, last = 0.0, 0
    for k in range(weights.size):
        weights[k] = exp_nonpositive(weights[k] - peak)
        total += weights[k]
        if weights[k] > 0.0:
            last = k
    left = uniform * total
    for k in range(last):
        left -= weights[k]
        if left < 0.0:
            return k
    return last
