"""SPIGOT from the marginals, by exponentiated gradient (Mihaylova, Niculae & Martins 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..parts.base import Parts, map_parts
from ..problem import Problem
from .base import ArgmaxSurrogate, Saved
from .capping import capped
from .settings import check_count, check_max_norm, check_positive


@dataclass(frozen=True)
class SPIGOTEG(ArgmaxSurrogate):
    """Like `SPIGOTCE`, with exponentiated gradient steps, which need no projection.

        u  = E[z] under p(z) ∝ exp <θ, z>, with θ = s at first
        θ <- θ - η γ(u)
        ∇s = u before the first step - u after the last

    For categories this is u <- softmax(log u - η γ(u)). γ is as in `SPIGOTCE`.

    Args:
        step_size: η.
        max_norm: cap on the L2 norm of γ for each row, over all its parts; None for no cap.
        steps: the number of steps; more than one needs `downstream`.
    """

    needs_marginals = True

    step_size: float = 1.0
    max_norm: float | None = None
    steps: int = 1

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_max_norm(self.max_norm)
        check_count("steps", self.steps)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the marginals before the steps minus those after them."""
        theta = problem.scores
        before = marginals = problem.marginals()
        for step in range(self.steps):
            again = step > 0 or problem.downstream is not None
            grad = capped(problem.gradient_at(marginals) if again else grad_output, self.max_norm)
            theta = map_parts(lambda at, by: at - self.step_size * by, theta, grad)
            marginals = problem.marginals(theta)
        return map_parts(torch.sub, before, marginals)
