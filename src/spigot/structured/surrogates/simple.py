"""SIMPLE (Ahmed, Zeng, Niepert & Van den Broeck 2023): exact samples with the Jacobian of the exact marginals."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..noise import draw_seeds
from ..parts.base import Parts
from ..problem import Problem
from .base import DifferentiableSurrogate
from .marginal_jacobian import hard_marginals


@dataclass(frozen=True)
class SIMPLE(DifferentiableSurrogate):
    """Forward: an exact sample of p(z) ∝ exp <s, z>. Backward: the Jacobian of E[z], transposed, times ∇ẑ.

    The paper has it for subsets of k (`KSubset`); it is defined for every structure with sums. `MarginalJacobian` has
    the argmax in place of the sample, `Gumbel` the best structure under noise.

    Args:
        generator: of the samples; None means torch's default. Not supported under `torch.compile`.
    """

    needs_marginals = True

    generator: torch.Generator | None = None

    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the sample, with the derivative of the marginals."""
        drawn = problem.sample(draw_seeds(problem, 1, self.generator).flatten())
        return hard_marginals(problem, drawn, problem.scores, None)
