"""A cap on the norm of gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from ..noise import per_row
from ..parts.base import Parts, like, tensors


def capped(grad: Parts, max_norm: float | None) -> Parts:
    """Return `grad` with each row scaled down to an L2 norm of at most `max_norm`, over all its parts."""
    return grad if max_norm is None else like(grad, cap(tensors(grad), max_norm))


def cap(grads: tuple[Tensor, ...], max_norm: float) -> tuple[Tensor, ...]:
    """Do what `capped` does, for the parts as a tuple of tensors."""
    # In float64: in float32 padding could change the rounding of the sum.
    norms = [torch.linalg.vector_norm(grad.flatten(1), dim=1, dtype=torch.float64) for grad in grads]
    norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    scale = (max_norm / norm.clamp_min(torch.finfo(norm.dtype).tiny)).clamp_max(1)
    return tuple(grad * per_row(scale, grad) for grad in grads)
