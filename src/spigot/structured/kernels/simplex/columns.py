"""Euclidean projection onto the simplex, for each column of a batch of matrices.

The threshold is found by Michelot's algorithm (1986): drop what is below the threshold of the rest, until
nothing is. It starts from the values that are less than 1 below the maximum, since no other can stay positive,
and these are few.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ...checks import refuse_rows
from ..numerics.threshold import threshold
from ..runtime.arrays import mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, OK, raise_for_status
from .support import off_mean


@njit(nogil=True, cache=True)
def _project_columns(start, stop, point, lengths, mask, arcs, out, status):  # type: ignore[no-untyped-def]
    rows, columns = point.shape[1:]
    values = np.empty(rows, dtype=np.float64)
    where = np.empty(rows, dtype=np.int64)
    for b in range(start, stop):
        length = lengths[b]
        status[b] = OK
        if length < 0 or length > rows - arcs:
            status[b] = BAD_LENGTH
            continue
        # Arcs: nodes 0 .. length are real, and each but ROOT chooses among the others.
        end = length + 1 if arcs else length
        for column in range(1, end) if arcs else range(columns if length > 0 else 0):
            count, peak, proper = 0, -np.inf, True
            for row in range(end):
                value = point[b, row, column]
                if (arcs and row == column) or (mask.size > 0 and not mask[b, row, column]) or value == -np.inf:
                    continue
                proper &= value < np.inf
                peak = max(peak, value)
                values[count] = value
                where[count] = row
                count += 1
            if count == 0:
                status[b] = INFEASIBLE
            elif not proper:
                for i in range(count):
                    out[b, where[i], column] = np.nan
            else:
                near = 0
                for i in range(count):
                    values[near] = values[i] - peak
                    near += values[near] > -1.0
                tau = threshold(values, near, 1.0, 0)[0]
                for i in range(count):
                    excess = (np.float64(point[b, where[i], column]) - peak) - tau
                    out[b, where[i], column] = max(excess, 0.0)


def project_columns_by_sorting(point: Tensor, lengths: Tensor, mask: Tensor | None, arcs: bool) -> Tensor:
    """Do the same as `project_columns` with torch alone, on any device (Held, Wolfe & Crowder 1974)."""
    rows = torch.arange(point.size(1), device=point.device)
    if arcs:
        real = (rows <= lengths[:, None])[:, None, :] & (rows > 0)
        valid = (rows[:, None] <= lengths[:, None, None]) & real & (rows[:, None] != rows)
    else:
        real = (lengths > 0)[:, None, None].expand(-1, 1, point.size(2))
        valid = (rows[:, None] < lengths[:, None, None]).expand_as(point)
    valid = valid & (point != -torch.inf)
    if mask is not None:
        valid = valid & mask
    refuse_rows((real & ~valid.any(1, keepdim=True)).flatten(1).any(1), "point: a simplex with no dimension")
    centred = torch.where(valid, point, -torch.inf)
    centred = centred - centred.amax(1, keepdim=True)
    ordered = centred.sort(1, descending=True).values
    rank = torch.arange(1, point.size(1) + 1, device=point.device)[:, None]
    taus = (ordered.masked_fill(ordered == -torch.inf, 0).cumsum(1) - 1) / rank
    support = (ordered > taus).sum(1, keepdim=True)
    tau = taus.gather(1, (support - 1).clamp_min(0))
    return torch.where(valid, (centred - tau).clamp_min(0), 0)


def _save_output(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return off_mean(grad, ctx.saved_tensors[0], math.inf), None, None, None


@operator(
    fake=like_first,
    backward=_backward,
    save=_save_output,
    jvp="symmetric",
    cuda=project_columns_by_sorting,
    triton="simplex",
)
def project_columns(point: Tensor, lengths: Tensor, mask: Tensor | None, arcs: bool) -> Tensor:
    """Project each column of a batch of matrices onto the simplex over its candidate rows.

    Args:
        point: float32 or float64, `[batch, row, column]`. -inf marks what is no candidate; NaN or +inf at a candidate
            makes its column NaN, so that a gradient that overflowed is seen by those who look for it.
        lengths: int64, `[batch]`: how many rows are real.
        mask: bool, shaped like `point`; True = candidate.
        arcs: rows are heads and columns modifiers: `lengths` leaves out row 0, which is ROOT; column 0, the columns
            past `lengths` and the diagonal have no candidates.

    Returns:
        The projection, 0 where there is no candidate.
    """
    out = torch.zeros_like(point, memory_format=torch.contiguous_format)
    status = np.zeros(point.size(0), dtype=np.int64)
    candidates = mask_to_numpy(mask)
    over_batch(
        _project_columns,
        point.size(0),
        to_numpy(point),
        to_numpy(lengths),
        candidates,
        arcs,
        out.numpy(),
        status,
        work=4 * point.numel(),
    )
    raise_for_status(status, "point", "a simplex with no dimension", lengths)
    return out
