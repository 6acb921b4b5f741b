"""The derivative of a projection onto a polytope: the orthogonal projection onto the face that it ended on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..numerics.gram import along, append, combine, direction, packed
from ..runtime.arrays import to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch


@njit(nogil=True, cache=True)
def _onto_face(start, stop, grad, members, weights, out):  # type: ignore[no-untyped-def]
    most = weights.shape[1]
    scratch = np.empty((3, most))
    factor = np.empty(packed(most))
    counts = np.empty(most, np.int64)
    vertex = np.zeros(grad.shape[1])
    for b in range(start, stop):
        size = 0
        while size < most and weights[b, size] > 0.0:
            count = 0
            while count < members.shape[2] and members[b, size, count] >= 0:
                vertex[members[b, size, count]] += 1.0
                count += 1
            counts[size] = count
            along(vertex, members[b], counts, size, scratch[0])
            square = 0.0
            for k in range(count):
                square += vertex[members[b, size, k]]
            append(factor, size, scratch[0], square)
            for k in range(count):
                vertex[members[b, size, k]] = 0.0
            size += 1
        along(grad[b], members[b], counts, size, scratch[0])
        direction(factor, size, scratch[0], scratch[1], scratch[2])
        combine(members[b], counts, size, scratch[1], out[b])


def _save_face(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[1:])


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return onto_face(grad, *ctx.saved_tensors), None, None


@operator(fake=like_first, backward=_backward, save=_save_face, jvp="symmetric")
def onto_face(grad: Tensor, members: Tensor, weights: Tensor) -> Tensor:
    """Project each row orthogonally onto the differences of the vertices of one face: a linear, symmetric map.

    Args:
        grad: float64, `[batch, part]`. Parts that are in none of the vertices are not read.
        members: int32, `[batch, vertex, k]`: the parts of each vertex, as often as they are used, filled up with -1.
        weights: float64, `[batch, vertex]`: positive for the vertices that there are, which come first.

    Returns:
        The projection, 0 for parts that are in none of the vertices.
    """
    out = torch.zeros_like(grad, memory_format=torch.contiguous_format)
    work = float(members.numel()) * max(weights.size(1), 1)
    over_batch(_onto_face, grad.size(0), to_numpy(grad), to_numpy(members), to_numpy(weights), out.numpy(), work=work)
    return out
