"""Gradients scaled to a norm, or with a cap on it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..parts.base import Parts, like, map_parts, per_row, tensors


def capped(grad: Parts, max_norm: float | None, normalize: bool = False) -> Parts:
    """Return `grad` with each row scaled down to an L2 norm of at most `max_norm`, over all its parts.

    With `normalize` the norm becomes 1 instead; a row of zeros stays as it is.
    """
    if normalize:
        norm = norms(tensors(grad))
        scale = 1 / norm.where(norm > 0, 1)
        return map_parts(lambda part: (part.double() * per_row(scale, part, scale.dtype)).to(part.dtype), grad)
    return grad if max_norm is None else like(grad, cap(tensors(grad), max_norm))


def cap(grads: tuple[Tensor, ...], max_norm: float) -> tuple[Tensor, ...]:
    """Do what `capped` does, for the parts as a tuple of tensors."""
    norm = norms(grads)
    scale = (max_norm / norm.clamp_min(torch.finfo(norm.dtype).tiny)).clamp_max(1)
    return tuple(grad * per_row(scale, grad) for grad in grads)


def norms(grads: tuple[Tensor, ...]) -> Tensor:
    """Return the L2 norm of each row over all parts, float64, `[batch]`."""
    # In float64: in float32 padding could change the rounding of the sum.
    each = [torch.linalg.vector_norm(grad.flatten(1), dim=1, dtype=torch.float64) for grad in grads]
    return torch.linalg.vector_norm(torch.stack(each), dim=0)
