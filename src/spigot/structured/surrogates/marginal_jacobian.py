"""Straight-through with the Jacobian of the marginals: hard forward, soft backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..parts.base import Parts, like, tensors
from ..problem import Problem
from .base import DifferentiableSurrogate
from .capping import cap
from .once import differentiable_once
from .settings import check_max_norm


@dataclass(frozen=True)
class MarginalJacobian(DifferentiableSurrogate):
    """∇s = Jᵀ∇ẑ, with J the Jacobian of the marginals E[z] of p(z) ∝ exp <s, z>.

    STE-S of Mihaylova, Niculae & Martins (2020), with the full Jacobian instead of its diagonal.

    Args:
        max_norm: cap on the L2 norm of ∇ẑ for each row, over all its parts; None for no cap.
    """

    needs_marginals = True

    max_norm: float | None = None

    def __post_init__(self) -> None:
        check_max_norm(self.max_norm)

    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the argmax, with the derivative of the marginals."""
        return hard_marginals(problem, problem.scores, problem.scores, self.max_norm)


def hard_marginals(problem: Problem[Parts], scores: Parts, soft_scores: Parts, max_norm: float | None) -> Parts:
    """Return the argmax of `scores` with the derivative of the marginals of `soft_scores`.

    `max_norm` caps the gradient for the result.
    """
    best = problem.argmax(scores)
    if not torch.is_grad_enabled() or not any(part.requires_grad for part in tensors(soft_scores)):
        return best
    marginals = problem.marginals(soft_scores)
    return like(best, _Hard.apply(problem.surrogate, max_norm, *tensors(best), *tensors(marginals)))


class _Hard(torch.autograd.Function):
    """Gives structures the derivative of their marginals."""

    @staticmethod
    def forward(ctx: Any, name: str, max_norm: float | None, *parts: Tensor) -> tuple[Tensor, ...]:
        count = len(parts) // 2
        ctx.name, ctx.max_norm, ctx.count = name, max_norm, count
        ctx.save_for_backward(*parts[count:])
        return tuple(part.view_as(part) for part in parts[:count])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            towards = grads if ctx.max_norm is None else cap(grads, ctx.max_norm)
        return None, None, *[None] * ctx.count, *differentiable_once(ctx.name, towards, *ctx.saved_tensors, *grads)
