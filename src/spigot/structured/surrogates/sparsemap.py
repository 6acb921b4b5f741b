"""SparseMAP (Niculae et al. 2018): a sparse mixture of structures in place of a decision."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..parts.base import Parts, map_parts, masked
from ..polytopes.hull import Hull, onto_face_of
from ..problem import Problem
from .base import Surrogate
from .settings import check_positive


@dataclass(frozen=True)
class SparseMAP(Surrogate):
    """Forward: the point of the structures' convex hull nearest to s / T. Backward: its true derivative.

    That point is argmax_u <s, u> - T/2 ‖u‖² over the hull: an expectation of a few structures, where `Marginals` gives
    weight to all. One of `Categorical` is sparsemax (Martins & Astudillo 2016). Needs nothing but a `Structure.argmax`;
    see `Hull` for what it costs.

    Args:
        temperature: T; towards 0 the output becomes the argmax.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_positive("temperature", self.temperature)

    def forward(self, problem: Problem) -> tuple[Parts, tuple[Tensor, ...]]:
        """Return the projection, shaped like the scores, and the vertices that it is made of."""
        point, hull, vertex = self._point(problem), problem.structure.hull, problem.argmax()
        if not isinstance(hull, Hull) or torch.compiler.is_compiling():
            # Its projection can be done again; only the vertices that a long search finds are worth keeping.
            return problem.project(point, hull, vertex), ()
        solution = hull.solve(point, problem.lengths, problem.valid, start=vertex)
        return solution.point, (solution.weights, solution.members)

    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return Jᵀ∇u: the gradient, projected onto the differences of the vertices, divided by T."""
        grad, hull = masked(grad_output, problem.valid), problem.structure.hull
        if saved:
            weights, members = saved
            grad = onto_face_of(grad, weights, members)
        else:
            start = problem.argmax() if isinstance(hull, Hull) else None
            grad = hull.project_vjp(self._point(problem), grad, problem.lengths, problem.valid, start=start)
        return map_parts(lambda part: part / self.temperature, grad)

    def _point(self, problem: Problem) -> Parts:
        return map_parts(lambda part: part / self.temperature, problem.scores)
