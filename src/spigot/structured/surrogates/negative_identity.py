"""Identity with projection (Sahoo et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..parts.base import Parts, flatten, masked, unflatten
from ..problem import Problem
from ..settings import check_flag
from .base import ArgmaxSurrogate, Saved


@dataclass(frozen=True)
class NegativeIdentity(ArgmaxSurrogate):
    """The Jacobian of the argmax counts as the identity, up to changes of the scores that cannot change the argmax.

    The scores are replaced by P(s) = (s - mean) / ‖s - mean‖ over the candidates of a row:

        ∇s = Pᵀ'(s) ∇ẑ = (I - 11ᵀ/n) (∇ẑ - ŝ<ŝ, ∇ẑ>) / ‖s - mean‖        with ŝ = P(s)

    This gradient has no component along directions that change no decision. ("Negative", because the paper's solvers
    minimise costs; here scores are maximised.) The forward pass is the argmax; the backward pass needs none.

    Args:
        centre: subtract the mean. A constant changes no decision if all structures have the same number of parts, as
            trees do; use False where they do not, as in semantic graphs.
        unit_norm: divide by the L2 norm. A positive factor never changes a decision. A row whose (centred) scores are
            all 0 is not divided.
    """

    centre: bool = True
    unit_norm: bool = True

    def __post_init__(self) -> None:
        check_flag("centre", self.centre)
        check_flag("unit_norm", self.unit_norm)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return ∇s, 0 where there is no candidate."""
        valid = flatten(problem.valid)
        # In float64, so that padding does not change a row's sums.
        grad = flatten(grad_output).double()
        scores = flatten(problem.scores).double().masked_fill(~valid, 0)
        if self.centre:
            grad, scores = (_centred(values, valid) for values in (grad, scores))
        if self.unit_norm:
            norm = torch.linalg.vector_norm(scores, dim=1, keepdim=True)
            norm = norm.where(norm > 0, torch.ones_like(norm))
            unit = scores / norm
            grad = (grad - unit * (unit * grad).sum(1, keepdim=True)) / norm
        result = unflatten(grad.to(flatten(problem.scores).dtype), problem.scores)
        return masked(result, problem.valid)


def _centred(values: Tensor, valid: Tensor) -> Tensor:
    mean = values.sum(1, keepdim=True) / valid.sum(1, keepdim=True).clamp_min(1)
    return (values - mean).masked_fill(~valid, 0)
