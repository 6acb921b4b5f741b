"""Numbers between 0 and 1 with a given sum: the convex hull of the subsets of size k."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope
from ..checks import narrow
from ..equality import equal_settings, hash_settings
from ..kernels.simplex.capped import project_capped_simplex
from ..parts.categories import check_size, subset_arguments
from ..parts.rows import over_rows
from ..settings import check_flag, check_integer
from ..shapes import Categories, Lengths, Mask


@dataclass(frozen=True)
class CappedSimplex(Polytope[Tensor]):
    """{z : 0 <= z <= 1, Σ z = k} over the candidates of each row; with k = 1 it is the simplex.

    Also known as the budget polytope and as the hypersimplex; its vertices are the subsets of size k. The projection is
    exact, and differentiable.

    Args:
        k: the sum, at least 0, or a tensor of integers, `[batch]`, one for each row; a row with fewer than k categories
            sums to the number of its categories.
        at_most: Σ z <= k instead.
        dim: the axis of the categories; see `Categorical`.
    """

    k: int | Tensor
    at_most: bool = False
    dim: int = -1

    __eq__, __hash__ = equal_settings, hash_settings

    def __post_init__(self) -> None:
        check_size(self.k)
        check_flag("at_most", self.at_most)
        check_integer("dim", self.dim)

    @property
    def axis(self) -> int:
        """`dim`."""
        return self.dim

    @over_rows("point")
    def project(self, point: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> Categories:
        """Return the nearest point of the polytope. CUDA tensors are projected on the CPU.

        Arguments and result are those of `Simplex.project`.

        Raises:
            ValueError: a row has too few candidates for its sum.
        """
        arguments = subset_arguments("point", point, lengths, mask, self.k)
        return narrow(project_capped_simplex(*arguments, self.at_most), point)
