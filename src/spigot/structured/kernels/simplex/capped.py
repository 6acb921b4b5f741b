"""Euclidean projection onto {0 <= z <= 1, Σ z = k}: z = clip(x - τ, 0, 1), with τ such that the sum is k.

If the sum may be smaller, τ is 0 unless the sum exceeds k by that.

With the k-th largest value taken off, τ lies in [-1, 0], so that values of 1 and more become 1 and those of -1 and less
0. Among the rest τ is found by Newton's method, kept in a shrinking bracket. The sum is piecewise linear in τ, so that
the method ends at the exact solution, after a few steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..runtime.arrays import mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, OK, raise_for_status
from .support import off_mean


@njit(nogil=True, cache=True, error_model="numpy")
def _threshold(values, count, total):  # type: ignore[no-untyped-def]
    """Return τ in [-1, 0] with Σ clip(v - τ, 0, 1) = total over the first `count` values."""
    low, high = -1.0, 0.0
    tau = -0.5
    while True:
        free, ones, of_free = 0, 0, 0.0
        # The distance that τ may move before another value becomes free or fixed.
        fall, rise = np.inf, np.inf
        for i in range(count):
            excess = values[i] - tau
            if excess >= 1.0:
                ones += 1
                rise = min(rise, excess - 1.0)
            elif excess <= 0.0:
                fall = min(fall, -excess)
            else:
                free += 1
                of_free += values[i]
                rise = min(rise, excess)
                fall = min(fall, 1.0 - excess)
        surplus = ones + of_free - free * tau - total
        if surplus > 0.0:
            low = tau
        elif surplus < 0.0:
            high = tau
        else:
            return tau
        step = surplus / free if free > 0 else np.inf
        solution = (of_free + ones - total) / free if free > 0 else np.inf
        if -fall <= step <= rise:
            return solution
        tau = solution if low < solution < high else 0.5 * (low + high)
        if not low < tau < high:
            return tau


@njit(nogil=True, cache=True, error_model="numpy")
def _project(start, stop, at_most, point, lengths, mask, sizes, out, status):  # type: ignore[no-untyped-def]
    size = point.shape[1]
    values, where, near = np.empty(size), np.empty(size, np.int64), np.empty(size)
    for b in range(start, stop):
        length = lengths[b]
        if length < 0 or length > size:
            status[b] = BAD_LENGTH
            continue
        count, improper, total = 0, 0, 0.0
        for j in range(length):
            value = np.float64(point[b, j])
            if (mask.size == 0 or mask[b, j]) and value != -np.inf:
                improper += not (value < np.inf)
                values[count], where[count] = value, j
                total += min(max(value, 0.0), 1.0)
                count += 1
        chosen = min(sizes[b], count) if at_most else sizes[b]
        status[b] = OK if count >= chosen else INFEASIBLE
        if status[b] != OK or chosen == 0:
            continue
        if improper > 0:
            for i in range(count):
                out[b, where[i]] = np.nan
            continue
        if at_most and total <= chosen:
            for i in range(count):
                out[b, where[i]] = min(max(values[i], 0.0), 1.0)
            continue
        pivot = np.partition(values[:count], count - chosen)[count - chosen]
        kept, total = 0, float(chosen)
        for i in range(count):
            values[i] -= pivot
            if values[i] >= 1.0:
                total -= 1.0
            elif values[i] > -1.0:
                near[kept] = values[i]
                kept += 1
        tau = _threshold(near, kept, total)
        for i in range(count):
            out[b, where[i]] = min(max(values[i] - tau, 0.0), 1.0)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *_, sizes, ctx.at_most = inputs
    ctx.save_for_backward(output, sizes)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    output, sizes = ctx.saved_tensors
    slopes = off_mean(grad.unsqueeze(2), output.unsqueeze(2), 1.0).squeeze(2)
    if ctx.at_most:
        # A sum below its bound does not bind the free coordinates. Of a sum that was k, rounding leaves about this.
        slack = output.double().sum(1) < sizes.double() - output.size(1) * torch.finfo(output.dtype).eps
        free = torch.where((output > 0) & (output < 1), grad, 0)
        slopes = torch.where(slack[:, None], free, slopes)
    return slopes, None, None, None, None


@operator(fake=like_first, backward=_backward, save=_save, jvp="symmetric")
def project_capped_simplex(point: Tensor, lengths: Tensor, mask: Tensor | None, sizes: Tensor, at_most: bool) -> Tensor:
    """Project each row onto the numbers between 0 and 1 with a given sum, over its candidates.

    A CUDA tensor goes to the CPU and back.

    Args:
        point: float32 or float64, `[batch, candidate]`. -inf marks what is no candidate; NaN or +inf makes its row NaN.
        lengths: int64, `[batch]`: how many candidates are real.
        mask: bool, shaped like `point`; True = candidate.
        sizes: int64, `[batch]`: the sums, from 0 to the length.
        at_most: whether sums may be smaller.

    Returns:
        The projection, 0 where there is no candidate.
    """
    batch = point.size(0)
    out = torch.zeros(point.shape, dtype=point.dtype, device="cpu")
    status = np.zeros(batch, dtype=np.int64)
    candidates = mask_to_numpy(mask, 2)
    arrays = (to_numpy(point), to_numpy(lengths), candidates, to_numpy(sizes), out.numpy(), status)
    over_batch(_project, batch, at_most, *arrays, work=10 * point.numel())
    raise_for_status(status, "point", "too few candidates", lengths)
    return out.to(point.device)
