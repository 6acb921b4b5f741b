"""SPIGOT (Peng, Thomson & Smith 2018, section 2.2, Equations 4a-4c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..parts.base import Parts, map_parts
from ..problem import Problem
from .base import Surrogate
from .settings import check_count, check_max_norm, check_positive
from .straight_through import masked_and_capped


@dataclass(frozen=True)
class SPIGOT(Surrogate):
    """The structure takes a gradient step as if it were a parameter, is projected back, and shows how far it moved.

        p̂ = ẑ - η ∇ẑ         (4a)
        z̃ = proj_P(p̂)        (4b)
        ∇s = ẑ - z̃           (4c)

    Args:
        step_size: η.
        max_norm: cap on the L2 norm of ∇ẑ for each row of the batch, over all its parts, before the step; None for
            no cap. The published program has η = 1 and hides a cap in its projection: 1 for parsing, 5/32 for
            sentiment.
        polytope: P; None means the structure's own `relaxation`, "hull" its exact convex hull.
        steps: how often (4a) and (4b) are done, each from where the last ended (Mihaylova et al. 2020). From the
            second on, the gradient is that of the loss at the relaxed structure: `structured_argmax` has to be given
            `downstream`.
    """

    step_size: float = 1.0
    max_norm: float | None = None
    polytope: Polytope | Literal["hull"] | None = None
    steps: int = 1

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_max_norm(self.max_norm)
        check_count("steps", self.steps)

    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return ẑ - z̃, 0 where there is no candidate."""
        moved = pull_back(self, problem, output, output, grad_output)
        return map_parts(torch.sub, output, moved)


def pull_back(how: SPIGOT, problem: Problem, point: Parts, vertex: Parts, grad: Parts) -> Parts:
    """Return where `how.steps` projected gradient steps lead from `point`, the first of them along `grad`.

    `vertex` is a structure near `point`, from which projections onto the hull start.
    """
    polytope, valid = polytope_of(how.polytope, problem.structure), problem.valid
    for step in range(how.steps):
        if step > 0:
            grad = problem.gradient_at(point)
        capped = masked_and_capped(grad, valid, how.max_norm)
        ahead = map_parts(lambda at, by: at - how.step_size * by, point, capped)
        point = polytope.project(ahead, problem.lengths, valid, start=vertex)
    return point


def polytope_of(polytope: Polytope | Literal["hull"] | None, structure: Structure) -> Polytope:
    """Return the polytope that a surrogate's argument means for a structure."""
    if polytope is None:
        return structure.relaxation
    if isinstance(polytope, str):
        if polytope != "hull":
            raise ValueError(f'polytope: expected a Polytope, "hull" or None, got {polytope!r}')
        return structure.hull
    return polytope
