"""The straight-through estimator: the Jacobian of the argmax is taken to be the identity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..parts.base import Parts, map_parts, masked, tensors
from ..problem import Problem
from .base import Surrogate
from .settings import check_max_norm


def masked_and_capped(grad: Parts, valid: Parts, max_norm: float | None) -> Parts:
    """Return `grad` with 0 outside `valid`, each row scaled down to an L2 norm of at most `max_norm`."""
    grad = masked(grad, valid)
    if max_norm is None:
        return grad
    # Summed in double precision: how padding splits a sum must not show in single precision.
    norms = [torch.linalg.vector_norm(part.flatten(1), dim=1, dtype=torch.float64) for part in tensors(grad)]
    norm = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    scale = (max_norm / norm.clamp_min(torch.finfo(norm.dtype).tiny)).clamp_max(1)
    return map_parts(lambda part: part * scale.to(part.dtype).view(-1, *[1] * (part.dim() - 1)), grad)


@dataclass(frozen=True)
class StraightThrough(Surrogate):
    """∇s = ∇ẑ on the candidate parts (Hinton 2012; Bengio et al. 2013).

    Args:
        max_norm: cap on the L2 norm of ∇ẑ for each row of the batch, over all its parts; None for no cap. The
            program published with SPIGOT caps SPIGOT's gradient and not this one: set both alike for a fair
            comparison.
    """

    max_norm: float | None = None

    def __post_init__(self) -> None:
        check_max_norm(self.max_norm)

    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return `grad_output`, 0 where there is no candidate."""
        return masked_and_capped(grad_output, problem.valid, self.max_norm)
