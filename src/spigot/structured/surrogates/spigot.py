"""SPIGOT (Peng, Thomson & Smith 2018, section 2.2, Equations 4a-4c)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..parts.base import Parts, map_parts
from ..problem import Problem
from .base import Saved
from .projected_gradient import ProjectedGradient


@dataclass(frozen=True)
class SPIGOT(ProjectedGradient):
    """The structure takes a gradient step and is projected back onto a polytope; ∇s is the difference.

        p̂ = ẑ - η ∇ẑ         (4a)
        z̃ = proj_P(p̂)        (4b)
        ∇s = ẑ - z̃           (4c)

    ∇s is not linear in ∇ẑ: the scale of the loss, such as 1 / batch of a mean, or that of a `GradScaler`, changes η.
    Tell the layer (`loss_scale`), or set `normalize`.

    Args:
        step_size: η.
        max_norm: cap on the L2 norm of ∇ẑ for each row, over all its parts, before the step; None for no cap. The
            published program has η = 1, and a cap in the code of its projection: 1 for parsing, 5/32 for sentiment.
        polytope: P; None means the structure's own `relaxation`, "hull" its exact convex hull.
        steps: the number of steps (4a) and (4b), each from the result of the one before (Mihaylova et al. 2020). From
            the second on, the gradient is that of the loss at the relaxed structure, so `structured_argmax` needs
            `downstream`.
        normalize: scale ∇ẑ of each row to an L2 norm of 1 before the step: then ∇s does not depend on the scale of
            the loss, nor on the size of the batch.
    """

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return ẑ - z̃, 0 where there is no candidate."""
        return map_parts(torch.sub, output, self.pull_back(problem, output, grad_output))
