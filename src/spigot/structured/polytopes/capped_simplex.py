"""Numbers between 0 and 1 with a given sum: the convex hull of the subsets of size k."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope
from ..checks import narrow
from ..kernels.simplex.capped import project_capped_simplex
from ..parts.categories import category_arguments
from ..shapes import Categories, Lengths, Mask


@dataclass(frozen=True)
class CappedSimplex(Polytope[Tensor]):
    """{z : 0 <= z <= 1, Σ z = k} over the candidates of each row; with k = 1 it is the simplex.

    Also known as the budget polytope and as the hypersimplex; its vertices are the subsets of size k. The projection is
    exact, and differentiable.

    Args:
        k: the sum; a row with fewer than k categories sums to the number of its categories.
    """

    k: int

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or self.k < 1:
            raise ValueError(f"k: expected an integer of at least 1, got {self.k!r}")

    def project(self, point: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> Categories:
        """Return the nearest point of the polytope. CUDA tensors are projected on the CPU.

        Arguments and result are those of `Simplex.project`.

        Raises:
            ValueError: a row has too few candidates for its sum.
        """
        return narrow(project_capped_simplex(*category_arguments("point", point, lengths, mask), self.k), point)
