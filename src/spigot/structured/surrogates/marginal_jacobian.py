"""Straight-through with the Jacobian of the marginals: hard forward, soft backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..differentiation import Function, apply, is_tracked, same
from ..parts.base import Parts, like, tensors
from ..problem import Problem
from ..settings import check_max_norm
from .base import DifferentiableSurrogate
from .capping import cap
from .once import differentiable_once


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
        return hard_marginals(problem, problem.argmax(), problem.scores, self.max_norm)


def hard_marginals(problem: Problem[Parts], best: Parts, soft_scores: Parts, max_norm: float | None) -> Parts:
    """Return the structures `best` with the derivative of the marginals of `soft_scores`.

    `max_norm` caps the gradient for the result.
    """
    if not is_tracked(*tensors(soft_scores)):
        return best
    marginals = problem.marginals(soft_scores)
    return like(best, apply(_Hard, problem.surrogate, max_norm, *tensors(best), *tensors(marginals)))


class _Hard(Function):
    """Gives structures the derivative of their marginals."""

    @staticmethod
    def forward(name: str, max_norm: float | None, *parts: Tensor) -> tuple[Tensor, ...]:
        return tuple(map(same, parts[: len(parts) // 2]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.name, ctx.max_norm, *parts = inputs
        ctx.count = len(output)
        ctx.save_for_backward(*parts[ctx.count :])

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[Tensor, ...]:
        if ctx.max_norm is not None:  # the cap is one on gradients
            Function.jvp(ctx)
        return tangents[2 + ctx.count :]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        with torch.no_grad():
            towards = grads if ctx.max_norm is None else cap(grads, ctx.max_norm)
        return None, None, *[None] * ctx.count, *differentiable_once(ctx.name, towards, *ctx.saved_tensors, *grads)
