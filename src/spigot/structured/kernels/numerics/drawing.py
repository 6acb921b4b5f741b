"""Draw one of several in proportion to weights: one step of each sampler."""

from __future__ import annotations

from numba import njit

from .exponential import exp_nonpositive


@njit(nogil=True, cache=True, error_model="numpy")
def draw_in_proportion(weights, uniform):  # type: ignore[no-untyped-def]
    """Return k with probability proportional to weights[k], which are not all 0; `uniform` is in [0, 1)."""
    total, last = 0.0, 0
    for k in range(weights.size):
        total += weights[k]
        if weights[k] > 0.0:
            last = k
    left = uniform * total
    for k in range(last):
        left -= weights[k]
        if left < 0.0:
            return k
    return last


@njit(nogil=True, cache=True, error_model="numpy")
def draw(weights, uniform):  # type: ignore[no-untyped-def]
    """Return k with probability proportional to exp(weights[k]); `weights` are overwritten, `uniform` is in [0, 1)."""
    peak = weights.max()
    for k in range(weights.size):
        weights[k] = exp_nonpositive(weights[k] - peak)
    return draw_in_proportion(weights, uniform)
