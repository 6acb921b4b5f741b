"""Sums over all subsets of k, or of at most k, of the candidates: log Z, marginals and their derivative, in O(d k).

e_k, the elementary symmetric polynomial of the weights exp(score), by one candidate after another, in log space:

    e[i, c] = e[i - 1, c] + exp(score i) · e[i - 1, c - 1]      subsets of c of the first i candidates

The share of the second term is the probability that i is in, given that c of the first i are. Given the shares, the
way back, from c = k at the last candidate, adds and multiplies positive numbers only. The largest score is taken off
all; if log e_k is very small then, the row is `OUT_OF_RANGE`, and its forest is summed. The inner loops run along c, in
vector code. Cells from which k cannot be reached are left out.

If there may be fewer than k, Z = Σ e_c over all c up to k, and the way back starts from each c with its share. Nothing
is taken off the scores: the empty subset has score 0, and a row is `OUT_OF_RANGE` if log Z is very large.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..forest.rows import OUT_OF_RANGE, Sums, sum_wide_rows
from ..forest.sums import LOG_Z, MARGINALS, SLOPES, Forest
from ..numerics.exponential import exp_nonpositive, log1p_fraction
from ..numerics.limbs import WIDE, add_times
from ..runtime.arrays import like_scores, mask_to_numpy, to_numpy
from ..runtime.gibbs import Reduced, gibbs_operators, group_limbs
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from .forest import subset_forest

NO_SUBSET = "too few candidates"


@njit(nogil=True, cache=True, error_model="numpy")
def read_candidates(b, length, k, at_most, scores, mask, where, values):  # type: ignore[no-untyped-def]
    """Collect the candidates of row b, and take the largest off the scores unless there may be fewer than k.

    Returns a status, their number, how many of them make a subset, and what was taken off.
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
    if at_most:
        return OK, count, min(k, count), 0.0
    if count < k:
        return INFEASIBLE, 0, 0, 0.0
    for i in range(count):
        values[i] -= peak
    return OK, count, k, peak


@njit(nogil=True, cache=True, error_model="numpy")
def forward(count, k, at_most, values, log_e, before, shares, stays, ends):  # type: ignore[no-untyped-def]
    """Fill shares[i, c], the probability that candidate i is one of c among 0 .. i, and stays[i, c], that it is not.

    ends[c] is set to the probability that there are c in all. Returns the logarithm of the sum.
    """
    log_e[0] = 0.0
    for i in range(count):
        before, log_e = log_e, before
        value = values[i]
        low, high = 0 if at_most else max(0, k - (count - 1 - i)), min(i + 1, k)
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
    ends[:] = 0.0
    if not at_most:
        ends[k] = 1.0
        return log_e[k]
    peak = log_e[: k + 1].max()
    for c in range(k + 1):
        ends[c] = np.exp(log_e[c] - peak)
    total = ends.sum()
    ends /= total
    return peak + np.log(total)


@njit(nogil=True, cache=True, error_model="numpy")
def _forward_slopes(count, k, at_most, towards, d_log_e, before, shares, stays, ends, d_shares, d_ends):  # type: ignore[no-untyped-def]
    """Fill the slopes of `shares` and `ends` as the scores move towards `towards`."""
    d_log_e[0] = 0.0
    for i in range(count):
        before, d_log_e = d_log_e, before
        low, high = 0 if at_most else max(0, k - (count - 1 - i)), min(i + 1, k)
        if low == 0:
            d_log_e[0], d_shares[i, 0] = 0.0, 0.0
        for c in range(max(low, 1), min(i, k) + 1):
            without, with_it = before[c], before[c - 1] + towards[i]
            d_log_e[c] = shares[i, c] * with_it + stays[i, c] * without
            d_shares[i, c] = shares[i, c] * stays[i, c] * (with_it - without)
        if high == i + 1:
            d_log_e[high], d_shares[i, high] = before[high - 1] + towards[i], 0.0
    d_ends[:] = 0.0
    if at_most:
        mean = 0.0
        for c in range(k + 1):
            mean += ends[c] * d_log_e[c]
        for c in range(k + 1):
            d_ends[c] = ends[c] * (d_log_e[c] - mean)


@njit(nogil=True, cache=True, error_model="numpy")
def _backward(count, k, at_most, shares, stays, mass, expected):  # type: ignore[no-untyped-def]
    """Set expected[i] to the probability of candidate i; mass[c], at first `ends`, is that of c among the first i."""
    for i in range(count - 1, -1, -1):
        low, high = 0 if at_most else max(0, k - (count - 1 - i)), min(i + 1, k)
        total = 0.0
        for c in range(low, high + 1):
            total += mass[c] * shares[i, c]
        expected[i] = total
        for c in range(max(low - 1, 0), high + 1):
            rest = mass[c] * stays[i, c] if c >= low else 0.0
            mass[c] = rest + mass[c + 1] * shares[i, c + 1] if c < high else rest


@njit(nogil=True, cache=True, error_model="numpy")
def _backward_slopes(count, k, at_most, shares, stays, d_shares, mass, d_mass, slopes):  # type: ignore[no-untyped-def]
    """Set slopes[i] to the derivative of what `_backward` sets expected[i] to."""
    for i in range(count - 1, -1, -1):
        low, high = 0 if at_most else max(0, k - (count - 1 - i)), min(i + 1, k)
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
def out_of_range(reduced, at_most):  # type: ignore[no-untyped-def]
    """Whether a sum over what `read_candidates` left of the scores has lost too many digits."""
    return reduced > WIDE if at_most else reduced < -WIDE


@njit(nogil=True, cache=True, error_model="numpy")
def _sum_subsets(start, stop, at_most, scores, lengths, mask, sizes, direction, log_z, expected, status):  # type: ignore[no-untyped-def]
    """Set `log_z`; `expected` too, unless it is empty, to the marginals, or to their slopes if there is a direction."""
    size = scores.shape[1]
    cells = max(min(sizes[start:stop].max(), size), 0) + 1
    where, values, found = np.empty(size, np.int64), np.empty(size), np.empty(size)
    shares, stays, rows = np.empty((size, cells)), np.empty((size, cells)), np.empty((2, cells))
    dual = direction.size > 0
    towards, d_shares = np.empty(size), np.empty((size if dual else 0, cells))
    mass, d_mass = np.empty(cells), np.empty(cells)
    for b in range(start, stop):
        status[b], count, chosen, peak = read_candidates(b, lengths[b], sizes[b], at_most, scores, mask, where, values)
        if status[b] != OK or chosen == 0:
            continue
        reduced = forward(count, chosen, at_most, values, rows[0], rows[1], shares, stays, mass)
        if out_of_range(reduced, at_most):
            status[b] = OUT_OF_RANGE
            continue
        add_times(log_z[b], peak, chosen)
        log_z[b, 2] += reduced
        if expected.size == 0:
            continue
        if dual:
            for i in range(count):
                towards[i] = direction[b, where[i]]
            _forward_slopes(count, chosen, at_most, towards, rows[0], rows[1], shares, stays, mass, d_shares, d_mass)
            _backward_slopes(count, chosen, at_most, shares, stays, d_shares, mass, d_mass, found)
        else:
            _backward(count, chosen, at_most, shares, stays, mass, found)
        for i in range(count):
            expected[b, where[i]] = found[i]


def subset_mask(mask: Tensor | None) -> np.ndarray:
    """Return the mask as kernels take it: empty if all are candidates."""
    return mask_to_numpy(mask, 2)


def _run(
    scores: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    sizes: Tensor,
    at_most: bool,
    wanted: int = LOG_Z,
    direction: Tensor | None = None,
) -> Sums:
    """Return the sums; see `forest/sums.py` for what is wanted."""
    batch, count = scores.shape
    log_z = np.zeros((batch, 3))
    values, ends, candidates, chosen = to_numpy(scores), to_numpy(lengths), subset_mask(mask), to_numpy(sizes)
    expected = np.zeros(values.shape if wanted != LOG_Z else (0, 0), values.dtype)
    towards = to_numpy(scores.new_empty(0, 0) if direction is None else direction)
    status = np.zeros(batch, dtype=np.int64)
    over_batch(
        _sum_subsets,
        batch,
        at_most,
        values,
        ends,
        candidates,
        chosen,
        towards,
        log_z,
        expected if wanted in (MARGINALS, SLOPES) else expected[:0],
        status,
        work=subset_work(count, chosen),
    )
    rows = (values, ends, candidates, chosen)
    sums = sum_wide_subsets(at_most, *rows, status, log_z, expected, wanted, direction=(towards,))
    raise_for_status(status, "scores", NO_SUBSET, lengths)
    return sums


def subset_work(count: int, chosen: np.ndarray) -> float:
    """Return about how many operations the sums over a batch take."""
    return 20.0 * count * float(chosen.sum())


def sum_wide_subsets(
    at_most: bool,
    values: np.ndarray,
    lengths: np.ndarray,
    candidates: np.ndarray,
    chosen: np.ndarray,
    status: np.ndarray,
    log_z: np.ndarray,
    expected: np.ndarray,
    wanted: int,
    **options: Any,
) -> Sums:
    """Sum the rows that are `OUT_OF_RANGE`; see `sum_wide_rows`."""

    def forest_of(row: int, _: np.ndarray) -> Forest:
        return subset_forest(int(lengths[row]), int(chosen[row]), at_most)

    # A forest depends on more than the length: each row gives its number.
    rows = np.arange(len(values))
    return sum_wide_rows(forest_of, rows, (values,), (candidates,), status, log_z, (expected,), wanted, **options)


def _reduce(scores: Tensor, lengths: Tensor, mask: Tensor | None, sizes: Tensor, at_most: bool) -> Reduced:
    """Take the largest score off all, unless subsets differ in size."""
    valid = (torch.arange(scores.size(1), device=scores.device) < lengths[:, None]) & (scores != -torch.inf)
    valid = valid if mask is None else valid & mask
    wide = scores.double().masked_fill(~valid, -torch.inf)
    peak = wide.new_zeros(len(wide), 1)
    if scores.size(1) and not at_most:
        peak = wide.amax(1, keepdim=True).nan_to_num(neginf=0.0)
    return Reduced((torch.where(valid, wide - peak, 0.0),), group_limbs(peak, sizes.double()[:, None]))


def _log_partition(scores: Tensor, lengths: Tensor, mask: Tensor | None, sizes: Tensor, at_most: bool) -> Tensor:
    """Return log Σ exp <scores, z> over subsets z of the candidates of each row, `[batch]`.

    A CUDA tensor goes to the CPU and back.

    Args:
        scores: float32 or float64, `[batch, candidate]`.
        lengths: int64, `[batch]`: how many candidates are real.
        mask: bool, shaped like `scores`; True = candidate.
        sizes: int64, `[batch]`: those of the subsets, from 0 to the length.
        at_most: whether subsets may be smaller.
    """
    return like_scores(_run(scores, lengths, mask, sizes, at_most).log_z.sum(1), scores)


def _marginals(scores: Tensor, lengths: Tensor, mask: Tensor | None, sizes: Tensor, at_most: bool) -> Tensor:
    """Return the probability of each candidate, shaped like `scores`; see `subset_log_partition`."""
    sums = _run(scores, lengths, mask, sizes, at_most, MARGINALS)
    return like_scores(np.minimum(sums.expected[0], 1.0), scores)


def _marginals_jvp(
    scores: Tensor, direction: Tensor, lengths: Tensor, mask: Tensor | None, sizes: Tensor, at_most: bool
) -> Tensor:
    """Return the derivative of the marginals as the scores move in `direction`, which is read at candidates only."""
    return like_scores(_run(scores, lengths, mask, sizes, at_most, SLOPES, direction).expected[0], scores)


SUBSET = gibbs_operators("subset", _log_partition, _marginals, _marginals_jvp, _run, _reduce)
