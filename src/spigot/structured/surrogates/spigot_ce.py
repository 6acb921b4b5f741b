"""SPIGOT from the marginals, by projected gradient (Mihaylova, Niculae & Martins 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..parts.base import Parts, map_parts
from ..problem import Problem
from .base import Saved
from .projected_gradient import ProjectedGradient


@dataclass(frozen=True)
class SPIGOTCE(ProjectedGradient):
    """The gradient of a cross-entropy whose target is the marginals after `steps` steps of projected gradient.

        u₀ = μ = E[z]
        u  <- proj_P(u - η γ(u))
        ∇s = μ - u

    γ(u) is the gradient of the loss at u if `structured_argmax` gets `downstream`. Otherwise it is ∇ẑ, the gradient at
    the structure, and only one step is possible. If all probability is on one structure, this is SPIGOT. Arguments are
    those of `SPIGOT`, and so is the role of the scale of the loss.
    """

    needs_marginals = True

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return μ - u, 0 where there is no candidate."""
        marginals = problem.marginals()
        grad = grad_output if problem.downstream is None else problem.gradient_at(marginals)
        return map_parts(torch.sub, marginals, self.pull_back(problem, marginals, grad))
