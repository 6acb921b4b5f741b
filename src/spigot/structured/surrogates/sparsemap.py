"""SparseMAP (Niculae et al. 2018): a sparse mixture of structures in place of a decision."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Surrogate
from ..parts import Parts, like, map_parts, masked, tensors
from ..polytopes.hull import Hull, onto_face_of
from ..problem import Problem
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
        if not isinstance(hull, Hull):
            return problem.project(point, hull), ()
        solution = hull.solve(point, problem.lengths, problem.valid, start=vertex)
        return solution.point, (solution.weights, solution.members)

    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return Jᵀ∇u: the gradient, projected onto the differences of the vertices, divided by T."""
        grad = masked(grad_output, problem.valid)
        if saved:
            weights, members = saved
            grad = onto_face_of(grad, weights, members)
        else:
            # What the structure itself knows about its hull is no long search: it can be done again.
            with torch.enable_grad():
                leaves = map_parts(lambda part: part.requires_grad_(), self._point(problem))
                projected = problem.project(leaves, problem.structure.hull)
            grad = like(output, torch.autograd.grad(tensors(projected), tensors(leaves), tensors(grad)))
        return map_parts(lambda part: part / self.temperature, grad)

    def _point(self, problem: Problem) -> Parts:
        return map_parts(lambda part: part / self.temperature, problem.scores)
