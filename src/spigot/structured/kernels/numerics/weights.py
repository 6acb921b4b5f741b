"""Arithmetic on rows of weights (positive numbers or none at all), in either of two forms.

Linear: the weight itself, at the speed of the machine's vector units; 0 is "none". Logarithmic: its logarithm, for
weights beyond the range of float64; -inf is "none". No weight is ever subtracted from another, so that sums keep their
relative precision for any range.

An array of weights is x[form, row, column]: x[0] the weights and, where x has two forms, x[1] their derivatives in
some direction (of the logarithm, in logarithmic form). Where it has one, x[-1] is the weights again: to be read without
meaning, never to be written.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FLOOR = 1e-290
"""A positive linear weight below this may have lost digits, or all of them."""


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def none(logarithmic):  # type: ignore[no-untyped-def]
    """Return the weight of what cannot be."""
    return -np.inf if logarithmic else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def accumulate(x, i, y, j, low, high, factor, dfactor, logarithmic):  # type: ignore[no-untyped-def]
    """Add factor · y[:, j, low:high] to x[:, i, low:high]. Return whether a linear weight ended below FLOOR."""
    dual = x.shape[0] == 2
    if factor == none(logarithmic):
        return False
    if logarithmic:
        for c in range(low, high):
            added = y[0, j, c] + factor
            if added == -np.inf:
                continue
            if dual:
                x[1, i, c] += (y[1, j, c] + dfactor - x[1, i, c]) / (1.0 + np.exp(x[0, i, c] - added))
            gap = abs(x[0, i, c] - added)
            x[0, i, c] = max(x[0, i, c], added)
            if gap < 40.0:
                x[0, i, c] += np.log1p(np.exp(-gap))
        return False
    if dual:
        for c in range(low, high):
            x[1, i, c] += y[1, j, c] * factor + y[0, j, c] * dfactor
    tiny = False
    for c in range(low, high):
        weight = x[0, i, c] + y[0, j, c] * factor
        x[0, i, c] = weight
        tiny |= (weight < FLOOR) & (y[0, j, c] > 0)
    return tiny


@njit(nogil=True, cache=True, error_model="numpy")
def total(x, i, low, high, more, dmore, logarithmic):  # type: ignore[no-untyped-def]
    """Return the sum of x[0, i, low:high] and `more`, which are not all none, and the derivative of its logarithm."""
    dual = x.shape[0] == 2
    result, dresult = more, dmore
    if not logarithmic:
        for c in range(low, high):
            result += x[0, i, c]
        if dual:
            for c in range(low, high):
                dresult += x[1, i, c]
        return result, dresult / result
    top = more
    for c in range(low, high):
        top = max(top, x[0, i, c])
    result = np.exp(more - top)
    for c in range(low, high):
        result += np.exp(x[0, i, c] - top)
    result = top + np.log(result)
    if dual:
        dresult *= np.exp(more - result)
        for c in range(low, high):
            dresult += np.exp(x[0, i, c] - result) * x[1, i, c]
    return result, dresult


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def divide(x, dx, by, dlog, logarithmic):  # type: ignore[no-untyped-def]
    """Return x / by and its derivative, given what `total` returned."""
    if logarithmic:
        return x - by, (dx - dlog if x > -np.inf else 0.0)
    return x / by, (dx - x * dlog) / by


@njit(nogil=True, cache=True, error_model="numpy")
def divide_row(x, i, y, low, high, by, dlog, logarithmic):  # type: ignore[no-untyped-def]
    """Set y[:, 0, low:high] to x[:, i, low:high] / by, given what `total` returned."""
    dual = x.shape[0] == 2
    for c in range(low, high):
        share, dshare = divide(x[0, i, c], x[-1, i, c], by, dlog, logarithmic)
        if dual:
            y[1, 0, c] = dshare
        y[0, 0, c] = share
