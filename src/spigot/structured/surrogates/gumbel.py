"""Perturb-and-MAP: the best structure under perturbed scores."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..noise import draw_seeds, perturbed
from ..parts.base import Parts, map_parts
from ..problem import Problem
from ..settings import check_max_norm, check_positive
from .base import DifferentiableSurrogate
from .marginal_jacobian import hard_marginals


@dataclass(frozen=True)
class Gumbel(DifferentiableSurrogate):
    """Forward: argmax_z <s̃, z> with s̃ = s + scale · Gumbel noise on each part (Papandreou & Yuille 2011).
    Backward: the Jacobian of the marginals at s̃ / temperature, transposed, times ∇ẑ.

    For categories and scale 1 the structure is an exact sample of softmax(s), and the gradient is that of
    straight-through Gumbel-softmax (Jang et al. 2017; Maddison et al. 2017). For other structures noise on the parts
    gives an approximate sample of p(z) ∝ exp <s, z>; `MarginalStructure.sample` gives exact ones.

    Args:
        scale: of the noise.
        temperature: of the marginals in the backward pass.
        max_norm: cap on the L2 norm of ∇ẑ for each row, over all its parts; None for no cap.
        generator: of the noise; None means torch's default. Not supported under `torch.compile`.
    """

    needs_marginals = True

    scale: float = 1.0
    temperature: float = 1.0
    max_norm: float | None = None
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        check_positive("scale", self.scale, learnt=True)
        check_positive("temperature", self.temperature, learnt=True)
        check_max_norm(self.max_norm)

    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the best structure of the perturbed scores, with the derivative of their marginals."""
        scores = perturbed(problem, "gumbel", self.scale, draw_seeds(problem, 1, self.generator))
        soft = map_parts(lambda part: part / self.temperature, scores)
        return hard_marginals(problem, problem.argmax(scores), soft, self.max_norm)
