"""Sums of scores of any size without rounding: a number is three limbs, of which additions need no carry.

    number = limb 0 + limb 1 + limb 2        limb 0 a multiple of 2^52, limb 1 of 2^8, limb 2 the rest

So scores of 1e30 and of 0.1 add up, and cancel, as in exact arithmetic, for up to a thousand terms. Larger scores lose
digits, as in float64. "None", the logarithm of 0, has limb 0 = -inf. Limbs are not unique: compare by `gap`.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

COARSE, FINE = 2.0**52, 2.0**8
WIDE = 1e4
"""Sums of scores reduced to at most 0 that come to less than -WIDE lose too many digits in float64."""


@njit(nogil=True, cache=True, error_model="numpy")
def set_limbs(out, number):  # type: ignore[no-untyped-def]
    """Set out[0], out[1], out[2] to the limbs of a float64 number, which may be -inf."""
    if number == -np.inf:
        out[0], out[1], out[2] = number, 0.0, 0.0
        return
    out[0] = np.rint(number / COARSE) * COARSE
    rest = number - out[0]
    out[1] = np.rint(rest / FINE) * FINE
    out[2] = rest - out[1]


@njit(nogil=True, cache=True, error_model="numpy")
def add_times(out, number, times):  # type: ignore[no-untyped-def]
    """Add a finite number `times` over, `times` being a small integer."""
    coarse = np.rint(number / COARSE) * COARSE
    rest = number - coarse
    fine = np.rint(rest / FINE) * FINE
    out[0] += times * coarse
    out[1] += times * fine
    out[2] += times * (rest - fine)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def gap(x, y):  # type: ignore[no-untyped-def]
    """Return x - y, float64; y is finite, x may be none."""
    return ((x[0] - y[0]) + (x[1] - y[1])) + (x[2] - y[2])


@njit(nogil=True, cache=True, error_model="numpy")
def add_chosen(scores, chosen, total):  # type: ignore[no-untyped-def]
    """Add scores[b, p] · chosen[b, p] to the limbs total[b], for all parts that are chosen."""
    for b in range(scores.shape[0]):
        for p in range(scores.shape[1]):
            if chosen[b, p] != 0.0:
                add_times(total[b], np.float64(scores[b, p]), np.float64(chosen[b, p]))


def limbs_of(numbers: Tensor) -> Tensor:
    """Return the limbs of float64 numbers, in a new last dimension; those that are not finite are in limb 0."""
    coarse = (numbers / COARSE).round() * COARSE
    rest = torch.where(numbers.isfinite(), numbers - coarse, 0.0)
    fine = (rest / FINE).round() * FINE
    return torch.stack([coarse, fine, rest - fine], -1)
