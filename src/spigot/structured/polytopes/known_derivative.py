"""Polytopes whose projection tells its own derivative."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from ..base import Polytope
from ..checks import narrow, widen


class KnownDerivative(Polytope):
    """A polytope of points in one tensor, the derivative of whose projection can be told from where it led."""

    @abstractmethod
    def derivative(self, projected: Tensor, grad: Tensor) -> Tensor:
        """Return the gradient for the point, given the projection and the gradient for it; float32 or float64."""

    def project_vjp(
        self,
        point: Tensor,
        grad: Tensor,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        start: Tensor | None = None,
    ) -> Tensor:
        """Return the gradient for `point`, given the one for `project(point)`; both shaped like `point`."""
        projected = self.project(widen(point.detach()), lengths, mask, start=start)
        return narrow(self.derivative(projected, widen(grad)), grad)
