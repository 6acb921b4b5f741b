"""Numbers between 0 and 1 with a given sum: the convex hull of the subsets of k."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope
from ..checks import check_arguments, lengths_or_full, mask_or_none, narrow, widen
from ..kernels.simplex.capped import project_capped_simplex


@dataclass(frozen=True)
class CappedSimplex(Polytope[Tensor]):
    """{z : 0 <= z <= 1, Σ z = k} over the candidates of each row; with k = 1 it is the simplex.

    Also known as the budget polytope and, its vertices being the subsets of k, as the hypersimplex. The projection is
    exact, and differentiable.

    Args:
        k: the sum; a row with fewer than k categories sums to their number.
    """

    k: int

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or self.k < 1:
            raise ValueError(f"k: expected an integer of at least 1, got {self.k!r}")

    def project(self, point: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the nearest point of the polytope. CUDA tensors are projected on the CPU.

        Args:
            point: `[batch, category]`. NaN or +inf at a candidate makes its row NaN.
            lengths: how many categories each row has, `[batch]`; None: all of them. 0 gives zeros.
            mask: bool, shaped like `point`; True = candidate.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: a row has fewer candidates than it has to choose.
        """
        check_arguments("point", point, "batch category", lengths, mask)
        sizes = lengths_or_full(point, lengths, point.size(1))
        return narrow(project_capped_simplex(widen(point), sizes, mask_or_none(point, mask), self.k), point)
