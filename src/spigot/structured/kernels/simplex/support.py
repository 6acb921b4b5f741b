"""The derivative of projections onto a simplex, capped or not: subtract their mean from the free coordinates.

On the face that a point was projected onto, the other coordinates are fixed and the sum of the free ones is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..runtime.arrays import to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch


@njit(nogil=True, cache=True, error_model="numpy")
def _off_mean(start, stop, grad, projected, highest, out):  # type: ignore[no-untyped-def]
    rows, columns = grad.shape[1:]
    means, counts = np.empty(columns), np.empty(columns)
    for b in range(start, stop):
        for column in range(columns):
            means[column], counts[column] = 0.0, 0.0
        for row in range(rows):
            for column in range(columns):
                free = 0.0 < projected[b, row, column] < highest
                means[column] += grad[b, row, column] if free else 0.0
                counts[column] += 1.0 if free else 0.0
        for column in range(columns):
            means[column] /= max(counts[column], 1.0)
        for row in range(rows):
            for column in range(columns):
                free = 0.0 < projected[b, row, column] < highest
                out[b, row, column] = grad[b, row, column] - means[column] if free else 0.0


def _off_mean_by_torch(grad: Tensor, projected: Tensor, highest: float) -> Tensor:
    free = (projected > 0) & (projected < highest)
    mean = torch.where(free, grad, 0).sum(1, keepdim=True) / free.sum(1, keepdim=True).clamp_min(1)
    return torch.where(free, grad - mean, 0)


def _save_projected(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])
    ctx.highest = inputs[2]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    # Linear and symmetric in its first argument; in the second it is constant almost everywhere.
    return off_mean(grad, ctx.saved_tensors[0], ctx.highest), None, None


@operator(fake=like_first, backward=_backward, save=_save_projected, jvp="symmetric", cuda=_off_mean_by_torch)
def off_mean(grad: Tensor, projected: Tensor, highest: float) -> Tensor:
    """Subtract from each column of `grad` its mean over the free cells, and set the others to 0.

    Args:
        grad: float32 or float64, `[batch, row, column]`. Cells that are not free are not read.
        projected: the projection, shaped and typed like `grad`; free are the cells above 0 and below `highest`.
        highest: the most that a coordinate may be.
    """
    out = torch.empty_like(grad, memory_format=torch.contiguous_format)
    arrays = to_numpy(grad), to_numpy(projected), highest, out.numpy()
    over_batch(_off_mean, grad.size(0), *arrays, work=4 * grad.numel())
    return out
