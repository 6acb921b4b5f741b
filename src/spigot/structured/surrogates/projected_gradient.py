"""Projected gradient steps from a (relaxed) structure: the base of `SPIGOT` and `SPIGOTCE`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, NamedTuple

from ..base import Polytope, Structure
from ..parts.base import Parts, map_parts
from ..problem import Problem
from ..results import own_polytope
from ..settings import check_count, check_max_norm, check_positive
from .base import ArgmaxSurrogate
from .capping import capped


class ProjectedStep(NamedTuple, Generic[Parts]):
    """One step: the gradient as it was used, the point after the step, and its projection."""

    grad: Parts
    ahead: Parts
    projected: Parts


@dataclass(frozen=True)
class ProjectedGradient(ArgmaxSurrogate):
    """A surrogate that moves a (relaxed) structure by gradient steps and projects each onto a polytope."""

    step_size: float = 1.0
    max_norm: float | None = None
    polytope: Polytope[Any] | Literal["hull"] | None = None
    steps: int = 1
    normalize: bool = False

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_max_norm(self.max_norm, self.normalize)
        check_count("steps", self.steps)
        if not (self.polytope is None or self.polytope == "hull" or isinstance(self.polytope, Polytope)):
            got = f"the class {self.polytope.__name__}" if isinstance(self.polytope, type) else repr(self.polytope)
            raise ValueError(f'polytope: expected a Polytope, "hull" or None, got {got}')

    @property
    def needs_downstream(self) -> bool:  # type: ignore[override]
        """Whether there is a second step, at which the loss is evaluated again."""
        return self.steps > 1

    def pull_back(self, problem: Problem[Parts], point: Parts, grad: Parts) -> Parts:
        """Return `point` after `steps` projected gradient steps, the first of them along `grad`."""
        return self.path(problem, point, grad)[-1].projected

    def path(self, problem: Problem[Parts], point: Parts, grad: Parts) -> list[ProjectedStep[Parts]]:
        """Return the `steps` projected gradient steps from `point`, the first of them along `grad`."""
        polytope = polytope_of(self.polytope, problem.structure)
        path: list[ProjectedStep[Parts]] = []
        for step in range(self.steps):
            if step > 0:
                grad = problem.gradient_at(point)
            grad = capped(grad, self.max_norm, self.normalize)
            ahead = map_parts(lambda at, by: at - self.step_size * by, point, grad)
            point = problem.project(ahead, polytope)
            path.append(ProjectedStep(grad, ahead, point))
        return path


def polytope_of(polytope: Polytope[Parts] | Literal["hull"] | None, structure: Structure[Parts]) -> Polytope[Parts]:
    """Return the polytope that the argument `polytope` of a surrogate names for a structure."""
    if polytope is None:
        return own_polytope(structure, "relaxation")
    if isinstance(polytope, str):
        return own_polytope(structure, "hull")
    # A surrogate sees rows, whatever the axis of the scores was.
    return polytope if polytope.axis in (None, -1) else replace(polytope, dim=-1)  # type: ignore[type-var]
