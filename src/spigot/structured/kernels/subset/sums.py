"""Sums over all subsets of k of the candidates: log e_k, marginals and their derivative, in O(d k).

e_k, the elementary symmetric polynomial of the weights exp(score), by one candidate after another, in log space:

    e[i, c] = e[i - 1, c] + exp(score i) · e[i - 1, c - 1]      subsets of c of the first i candidates

The share of the second term is the probability that i is in, given that c of the first i are. Given the shares, the
way back, from c = k at the last candidate, adds and multiplies positive numbers only. The largest score is taken off
all; if log e_k is very small then, the row is `OUT_OF_RANGE`, and its forest is summed. The inner loops run along c, in
vector code. Cells from which k cannot be reached are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ...checks import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from ..forest.rows import OUT_OF_RANGE, Sums, sum_wide_rows
from ..forest.sums import LOG_Z, MARGINALS, SLOPES, Forest
from ..numerics.exponential import exp_nonpositive, log1p_fraction
from ..numerics.limbs import WIDE, add_times
from ..runtime.arrays import like_scores, mask_to_numpy, to_numpy
from ..runtime.gibbs import Reduced, gibbs_operators, group_limbs
from ..runtime.parallel import over_batch
from .forest import subset_forest

NO_SUBSET = "too few candidates"


@njit(nogil=True, cache=True, error_model="numpy")
def read_candidates(b, length, k, scores, mask, where, values):  # type: ignore[no-untyped-def]
    """Collect the candidates of row b, and take the largest off the scores.

    Returns a status, their number, how many of them make a subset, and the largest score.
    """
    if length < 0 or length > scores.shape[1]:
        return BAD_LENGTH, 0, 0, 0.0
    count, peak = 0, -np.inf
    for j in range(length):
        value = np.float64(scores[b, j])
        if (mask.size > 0 and not mask[b, j]) or value == -np.inf:
            continue
        if not value < np.inf:
            return NOT_A_NUMBER, 0, 0, 0.0
        peak = max(peak, value)
        where[count], values[count] = j, value
        count += 1
    chosen = min(k, length)
    if count < chosen:
        return INFEASIBLE, 0, 0, 0.0
    for i in range(count):
        values[i] -= peak
    return OK, count, chosen, peak


@njit(nogil=True, cache=True, error_model="numpy")
def forward(count, k, values, log_e, before, shares, stays):  # type: ignore[no-untyped-def]
    """Fill shares[i, c], the probability that candidate i is one of c among 0 .. i, and stays[i, c], that it is not.

    Returns the logarithm of e_k.
    """
    log_e[0] = 0.0
    for i in range(count):
        before, log_e = log_e, before
        value = values[i]
        low, high = max(0, k - (count - 1 - i)), min(i + 1, k)
        if low == 0:
            log_e[0], shares[i, 0], stays[i, 0] = before[0], 0.0, 1.0
        for c in range(max(low, 1), min(i, k) + 1):
            # Both terms are finite here.
            without, with_it = before[c], before[c - 1] + value
            gap = with_it - without
            ratio = exp_nonpositive(-abs(gap))
            log_e[c] = (with_it if gap > 0.0 else without) + log1p_fraction(ratio)
            larger = 1.0 / (1.0 + ratio)
            smaller = ratio * larger
            shares[i, c] = larger if gap > 0.0 else smaller
            stays[i, c] = smaller if gap > 0.0 else larger
        if high == i + 1:
            log_e[high], shares[i, high], stays[i, high] = before[high - 1] + value, 1.0, 0.0
    return log_e[k]


@njit(nogil=True, cache=True, error_model="numpy")
def _forward_slopes(count, k, towards, d_log_e, before, shares, stays, d_shares):  # type: ignore[no-untyped-def]
    """Fill the slopes of `shares` as the scores move towards `towards`."""
    d_log_e[0] = 0.0
    for i in range(count):
        before, d_log_e = d_log_e, before
        low, high = max(0, k - (count - 1 - i)), min(i + 1, k)
        if low == 0:
            d_log_e[0], d_shares[i, 0] = 0.0, 0.0
        for c in range(max(low, 1), min(i, k) + 1):
            without, with_it = before[c], before[c - 1] + towards[i]
            d_log_e[c] = shares[i, c] * with_it + stays[i, c] * without
            d_shares[i, c] = shares[i, c] * stays[i, c] * (with_it - without)
        if high == i + 1:
            d_log_e[high], d_shares[i, high] = before[high - 1] + towards[i], 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _backward(count, k, shares, stays, mass, expected):  # type: ignore[no-untyped-def]
    """Set expected[i] to the probability of candidate i; mass[c] is that of c being among the first i."""
    mass[:] = 0.0
    mass[k] = 1.0
    for i in range(count - 1, -1, -1):
        low, high = max(0, k - (count - 1 - i)), min(i + 1, k)
        total = 0.0
        for c in range(low, high + 1):
            total += mass[c] * shares[i, c]
        expected[i] = total
        for c in range(max(low - 1, 0), high + 1):
            rest = mass[c] * stays[i, c] if c >= low else 0.0
            mass[c] = rest + mass[c + 1] * shares[i, c + 1] if c < high else rest


@njit(nogil=True, cache=True, error_model="numpy")
def _backward_slopes(count, k, shares, stays, d_shares, mass, d_mass, slopes):  # type: ignore[no-untyped-def]
    """Set slopes[i] to the derivative of what `_backward` sets expected[i] to."""
    mass[:] = 0.0
    d_mass[:] = 0.0
    mass[k] = 1.0
    for i in range(count - 1, -1, -1):
        low, high = max(0, k - (count - 1 - i)), min(i + 1, k)
        total = 0.0
        for c in range(low, high + 1):
            total += d_mass[c] * shares[i, c] + mass[c] * d_shares[i, c]
        slopes[i] = total
        for c in range(max(low - 1, 0), high + 1):
            rest, d_rest = 0.0, 0.0
            if c >= low:
                rest = mass[c] * stays[i, c]
                d_rest = d_mass[c] * stays[i, c] - mass[c] * d_shares[i, c]
            if c < high:
                rest += mass[c + 1] * shares[i, c + 1]
                d_rest += d_mass[c + 1] * shares[i, c + 1] + mass[c + 1] * d_shares[i, c + 1]
            mass[c], d_mass[c] = rest, d_rest


@njit(nogil=True, cache=True, error_model="numpy")
def _sum_subsets(start, stop, k, scores, lengths, mask, direction, log_z, expected, status):  # type: ignore[no-untyped-def]
    """Set `log_z`; `expected` too, unless it is empty, to the marginals, or to their slopes if there is a direction."""
    size = scores.shape[1]
    cells = min(k, size) + 1
    where, values, found = np.empty(size, np.int64), np.empty(size), np.empty(size)
    shares, stays, rows = np.empty((size, cells)), np.empty((size, cells)), np.empty((2, cells))
    dual = direction.size > 0
    towards, d_shares, d_mass = np.empty(size), np.empty((size if dual else 0, cells)), np.empty(cells)
    for b in range(start, stop):
        status[b], count, chosen, peak = read_candidates(b, lengths[b], k, scores, mask, where, values)
        if status[b] != OK or chosen == 0:
            continue
        reduced = forward(count, chosen, values, rows[0], rows[1], shares, stays)
        if reduced < -WIDE:
            status[b] = OUT_OF_RANGE
            continue
        add_times(log_z[b], peak, chosen)
        log_z[b, 2] += reduced
        if expected.size == 0:
            continue
        if dual:
            for i in range(count):
                towards[i] = direction[b, where[i]]
            _forward_slopes(count, chosen, towards, rows[0], rows[1], shares, stays, d_shares)
            _backward_slopes(count, chosen, shares, stays, d_shares, rows[0], d_mass, found)
        else:
            _backward(count, chosen, shares, stays, rows[0], found)
        for i in range(count):
            expected[b, where[i]] = found[i]


def subset_mask(mask: Tensor | None) -> np.ndarray:
    """Return the mask as kernels take it: empty if all are candidates."""
    return mask_to_numpy(mask, 2)


def _run(
    scores: Tensor, lengths: Tensor, mask: Tensor | None, k: int, wanted: int = LOG_Z, direction: Tensor | None = None
) -> Sums:
    """Return the sums; see `forest/sums.py` for what is wanted."""
    batch, size = scores.shape
    log_z = np.zeros((batch, 3))
    values, sizes, candidates = to_numpy(scores), to_numpy(lengths), subset_mask(mask)
    expected = np.zeros(values.shape if wanted != LOG_Z else (0, 0), values.dtype)
    towards = to_numpy(scores.new_empty(0, 0) if direction is None else direction)
    status = np.zeros(batch, dtype=np.int64)
    over_batch(
        _sum_subsets,
        batch,
        k,
        values,
        sizes,
        candidates,
        towards,
        log_z,
        expected if wanted in (MARGINALS, SLOPES) else expected[:0],
        status,
        work=20 * scores.numel() * min(k, size),
    )
    sums = sum_wide_subsets(k, sizes, values, candidates, status, log_z, expected, wanted, direction=(towards,))
    raise_for_status(status, "scores", NO_SUBSET)
    return sums


def sum_wide_subsets(
    k: int,
    sizes: np.ndarray,
    values: np.ndarray,
    candidates: np.ndarray,
    status: np.ndarray,
    log_z: np.ndarray,
    expected: np.ndarray,
    wanted: int,
    **options: Any,
) -> Sums:
    """Sum the rows that are `OUT_OF_RANGE`; see `sum_wide_rows`."""

    def forest_of(length: int, _: np.ndarray) -> Forest:
        return subset_forest(length, min(k, length))

    return sum_wide_rows(forest_of, sizes, (values,), (candidates,), status, log_z, (expected,), wanted, **options)


def _reduce(scores: Tensor, lengths: Tensor, mask: Tensor | None, k: int) -> Reduced:
    """Take the largest score off all."""
    valid = (torch.arange(scores.size(1), device=scores.device) < lengths[:, None]) & (scores != -torch.inf)
    valid = valid if mask is None else valid & mask
    wide = scores.double().masked_fill(~valid, -torch.inf)
    peak = wide.amax(1, keepdim=True).nan_to_num(neginf=0.0) if scores.size(1) else wide.new_zeros(len(wide), 1)
    chosen = lengths.clamp(max=k).double()[:, None]
    return Reduced((torch.where(valid, wide - peak, 0.0),), group_limbs(peak, chosen))


def _log_partition(scores: Tensor, lengths: Tensor, mask: Tensor | None, k: int) -> Tensor:
    """Return log Σ exp <scores, z> over the subsets z of k candidates of each row, `[batch]`.

    A CUDA tensor goes to the CPU and back.

    Args:
        scores: float32 or float64, `[batch, candidate]`.
        lengths: int64, `[batch]`: how many candidates are real.
        mask: bool, shaped like `scores`; True = candidate.
        k: at least 1. All candidates of a shorter row are chosen.
    """
    return like_scores(_run(scores, lengths, mask, k).log_z.sum(1), scores)


def _marginals(scores: Tensor, lengths: Tensor, mask: Tensor | None, k: int) -> Tensor:
    """Return the probability of each candidate, shaped like `scores`; see `subset_log_partition`."""
    return like_scores(np.minimum(_run(scores, lengths, mask, k, MARGINALS).expected[0], 1.0), scores)


def _marginals_jvp(scores: Tensor, direction: Tensor, lengths: Tensor, mask: Tensor | None, k: int) -> Tensor:
    """Return the derivative of the marginals as the scores move in `direction`, which is read at candidates only."""
    return like_scores(_run(scores, lengths, mask, k, SLOPES, direction).expected[0], scores)


SUBSET = gibbs_operators("subset", _log_partition, _marginals, _marginals_jvp, _run, _reduce)
