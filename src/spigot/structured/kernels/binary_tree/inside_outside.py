"""Inside and outside charts of binary trees, and their derivatives along one direction, all in float64.

    splits[i, j] = log Σ_k exp(inside[i, k] + inside[k + 1, j])      inside[i, j] = spans[i, j] + splits[i, j]

turned[j, k] = inside[k + 1, j] is the same chart again, so that both factors of a term lie along a row, and loops over
the splits become vector code. From the whole span down, the probability of a span is shared out to its splits, in
proportion to their terms. Nothing is subtracted, so probabilities keep the precision of the scores' sums. All scores
are at most 0 (see `read_span_scores`): so what matters to log Z is no smaller, and if log Z itself is very small, the
row is `OUT_OF_RANGE`.

Given a direction, every quantity has a slope: its derivative as the scores move that way (forward-mode
differentiation). The Jacobian of the marginals is symmetric, so the slopes of the marginals are also the gradient of
<direction, marginals>.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..forest.rows import OUT_OF_RANGE
from ..numerics.exponential import exp_nonpositive
from ..numerics.limbs import WIDE
from ..runtime.status import INFEASIBLE, OK
from .argmax import read_span_scores


@njit(nogil=True, cache=True, error_model="numpy")
def _weigh(i, j, inside, turned, offset, weights):  # type: ignore[no-untyped-def]
    """Set weights[k] to exp(term k of the span i .. j - offset), for all its splits k.

    Compilers see that slices are contiguous, and that no index into them is negative.
    """
    left, right, out = inside[i, i:j], turned[j, i:j], weights[i:j]
    for k in range(left.size):
        out[k] = exp_nonpositive(left[k] + right[k] - offset)


@njit(nogil=True, cache=True, error_model="numpy")
def _inside(length, spans, inside, turned, splits, weights):  # type: ignore[no-untyped-def]
    """Fill `inside`, `turned` and `splits`; inside[0, length - 1] is log Z."""
    for i in range(length - 1, -1, -1):
        inside[i, i] = spans[i, i]
        turned[i, max(i - 1, 0)] = spans[i, i]
        for j in range(i + 1, length):
            peak = -np.inf
            left, right = inside[i, i:j], turned[j, i:j]
            for k in range(left.size):
                peak = max(peak, left[k] + right[k])
            splits[i, j] = peak
            if peak > -np.inf:
                _weigh(i, j, inside, turned, peak, weights)
                splits[i, j] += np.log(weights[i:j].sum())
            inside[i, j] = spans[i, j] + splits[i, j]
            if i > 0:
                turned[j, i - 1] = inside[i, j]


@njit(nogil=True, cache=True, error_model="numpy")
def _outside(length, inside, turned, splits, of_left, of_right, weights, marginals):  # type: ignore[no-untyped-def]
    """Set `marginals`, given the results of `_inside`.

    `of_left` and `of_right`, laid out as `inside` and `turned`, are scratch for what comes to a span as the left and as
    the right part of others.
    """
    of_left[:length, :length] = 0.0
    of_right[:length, :length] = 0.0
    of_left[0, length - 1] = 1.0
    for width in range(length - 1, -1, -1):
        for i in range(length - width):
            j = i + width
            marginal = of_left[i, j] + (of_right[j, i - 1] if i > 0 else 0.0)
            marginals[i, j] = marginal
            if marginal == 0.0:
                continue
            _weigh(i, j, inside, turned, splits[i, j], weights)
            to_left, to_right, shares = of_left[i, i:j], of_right[j, i:j], weights[i:j]
            for k in range(shares.size):
                to_left[k] += marginal * shares[k]
            for k in range(shares.size):
                to_right[k] += marginal * shares[k]


@njit(nogil=True, cache=True, error_model="numpy")
def _inside_slopes(  # type: ignore[no-untyped-def]
    length, towards, inside, turned, splits, d_inside, d_turned, d_splits, weights
):
    """Fill the slopes of what `_inside` left: that of a log-sum-exp is the mean of the terms' slopes."""
    for i in range(length - 1, -1, -1):
        d_inside[i, i] = towards[i, i]
        d_turned[i, max(i - 1, 0)] = towards[i, i]
        for j in range(i + 1, length):
            slope = 0.0
            if splits[i, j] > -np.inf:
                _weigh(i, j, inside, turned, splits[i, j], weights)
                d_left, d_right, shares = d_inside[i, i:j], d_turned[j, i:j], weights[i:j]
                for k in range(shares.size):
                    slope += shares[k] * (d_left[k] + d_right[k])
            d_splits[i, j] = slope
            d_inside[i, j] = towards[i, j] + slope
            if i > 0:
                d_turned[j, i - 1] = d_inside[i, j]


@njit(nogil=True, cache=True, error_model="numpy")
def _outside_slopes(  # type: ignore[no-untyped-def]
    length, inside, turned, splits, d_inside, d_turned, d_splits, marginals, of_left, of_right, weights, slopes
):
    """Set `slopes`, those of the marginals, given the results of `_outside` too; scratch as there."""
    of_left[:length, :length] = 0.0
    of_right[:length, :length] = 0.0
    for width in range(length - 1, -1, -1):
        for i in range(length - width):
            j = i + width
            slope = of_left[i, j] + (of_right[j, i - 1] if i > 0 else 0.0)
            marginal = marginals[i, j]
            slopes[i, j] = slope
            if marginal == 0.0:
                continue
            _weigh(i, j, inside, turned, splits[i, j], weights)
            d_left, d_right, shares = d_inside[i, i:j], d_turned[j, i:j], weights[i:j]
            to_left, to_right, constant = of_left[i, i:j], of_right[j, i:j], slope - marginal * d_splits[i, j]
            for k in range(shares.size):
                shares[k] *= constant + marginal * (d_left[k] + d_right[k])
            for k in range(shares.size):
                to_left[k] += shares[k]
            for k in range(shares.size):
                to_right[k] += shares[k]


@njit(nogil=True, cache=True)
def sum_trees(start, stop, scores, lengths, mask, direction, log_z, expected, charts, status):  # type: ignore[no-untyped-def]
    """Set the limbs log_z[b] and, unless empty, expected[b] (marginals or, given a direction, slopes) and charts[b]."""
    size = max(min(lengths[start:stop].max(), scores.shape[1]), 1)
    scratch = np.empty((10, size, size))
    spans, inside, turned, splits = scratch[0], scratch[1], scratch[2], scratch[3]
    marginals, of_left, of_right = scratch[4], scratch[5], scratch[6]
    d_inside, d_turned, d_splits = scratch[7], scratch[8], scratch[9]
    weights, common = np.empty(size), np.empty(3)
    for b in range(start, stop):
        n = lengths[b]
        status[b] = read_span_scores(scores[b], mask[b if mask.size > 0 else 0], n, spans, common)
        if status[b] != OK or n == 0:
            continue
        _inside(n, spans, inside, turned, splits, weights)
        if inside[0, n - 1] == -np.inf:
            status[b] = INFEASIBLE
            continue
        if inside[0, n - 1] < -WIDE:
            status[b] = OUT_OF_RANGE
            continue
        log_z[b] = common
        log_z[b, 2] += inside[0, n - 1]
        if expected.size > 0:
            found = marginals if direction.size > 0 else expected[b]
            _outside(n, inside, turned, splits, of_left, of_right, weights, found)
            if direction.size > 0:
                for i in range(n):
                    for j in range(i, n):
                        # From here on the scratch of the scores holds the direction.
                        spans[i, j] = direction[b, i, j] if spans[i, j] > -np.inf else 0.0
                _inside_slopes(n, spans, inside, turned, splits, d_inside, d_turned, d_splits, weights)
                _outside_slopes(
                    n,
                    inside,
                    turned,
                    splits,
                    d_inside,
                    d_turned,
                    d_splits,
                    found,
                    of_left,
                    of_right,
                    weights,
                    expected[b],
                )
        if charts.size > 0:
            charts[b, :n, :n] = inside[:n, :n]
