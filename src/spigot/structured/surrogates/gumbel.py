"""Perturb-and-MAP: a random structure in place of the best one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import draw_seeds, perturbed
from ..parts.base import Parts, like, map_parts, tensors
from ..problem import Problem
from .base import Surrogate
from .settings import check_max_norm, check_positive
from .straight_through import masked_and_capped


@dataclass(frozen=True)
class Gumbel(Surrogate):
    """Forward: argmax_z <s̃, z> with s̃ = s + scale · Gumbel noise on each part (Papandreou & Yuille 2011).
    Backward: the Jacobian of the marginals at s̃ / temperature, transposed, times ∇ẑ.

    For categories and scale 1 the structure is an exact sample of softmax(s), and the gradient that of the
    straight-through Gumbel-softmax (Jang et al. 2017; Maddison et al. 2017). For other structures noise on the parts
    gives an approximate sample of p(z) ∝ exp <s, z>; `MarginalStructure.sample` gives exact ones.

    Args:
        scale: of the noise.
        temperature: of the marginals in the backward pass.
        max_norm: cap on the L2 norm of ∇ẑ for each row of the batch, over all its parts; None for no cap.
        generator: of the noise; None means torch's own. Not under `torch.compile`.
    """

    scale: float = 1.0
    temperature: float = 1.0
    max_norm: float | None = None
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        check_positive("scale", self.scale)
        check_positive("temperature", self.temperature)
        check_max_norm(self.max_norm)

    def forward(self, problem: Problem) -> tuple[Parts, tuple[Tensor, ...]]:
        """Return the best structure of the perturbed scores, and those scores."""
        scores = perturbed(problem, "gumbel", self.scale, draw_seeds(problem, 1, self.generator))
        return problem.argmax(scores), tensors(scores)

    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return Jᵀ∇ẑ at the perturbed scores."""
        scores = map_parts(lambda part: part / self.temperature, like(problem.scores, saved))
        grad = masked_and_capped(grad_output, problem.valid, self.max_norm)
        return map_parts(lambda part: part / self.temperature, problem.marginals_vjp(grad, scores))
