"""SPIGOT from the marginals, by exponentiated gradient (Mihaylova, Niculae & Martins 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..parts.base import Parts, map_parts
from ..problem import Problem
from ..settings import check_count, check_max_norm, check_positive
from .base import ArgmaxSurrogate, Saved
from .capping import capped


@dataclass(frozen=True)
class SPIGOTEG(ArgmaxSurrogate):
    """Like `SPIGOTCE`, with exponentiated gradient steps, which need no projection.

        u  = E[z] under p(z) ∝ exp <θ, z>, with θ = s at first
        θ <- θ - η γ(u)
        ∇s = u before the first step - u after the last

    ∇s is not linear in γ: see `SPIGOT`. For categories this is u <- softmax(log u - η γ(u)). γ is as in `SPIGOTCE`.

    Args:
        step_size: η.
        max_norm: cap on the L2 norm of γ for each row, over all its parts; None for no cap.
        steps: the number of steps; more than one needs `downstream`.
        normalize: scale γ of each row to an L2 norm of 1 before each step.
    """

    needs_marginals = True

    step_size: float = 1.0
    max_norm: float | None = None
    steps: int = 1
    normalize: bool = False

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_max_norm(self.max_norm, self.normalize)
        check_count("steps", self.steps)

    @property
    def needs_downstream(self) -> bool:  # type: ignore[override]
        """Whether there is a second step, at which the loss is evaluated again."""
        return self.steps > 1

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the marginals before the steps minus those after them."""
        theta = problem.scores
        before = marginals = problem.marginals()
        for step in range(self.steps):
            again = step > 0 or problem.downstream is not None
            grad = capped(problem.gradient_at(marginals) if again else grad_output, self.max_norm, self.normalize)
            theta = map_parts(lambda at, by: at - self.step_size * by, theta, grad)
            marginals = problem.marginals(theta)
        return map_parts(torch.sub, before, marginals)
