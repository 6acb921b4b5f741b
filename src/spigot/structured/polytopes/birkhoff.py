"""Doubly stochastic matrices and their like: the convex hull of matchings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope
from ..checks import narrow
from ..kernels.matching.projection import project_birkhoff
from ..parts.square import pair_arguments
from ..settings import check_flag
from ..shapes import Mask, PairLengths, Pairs


@dataclass(frozen=True)
class Birkhoff(Polytope[Tensor]):
    """{z : z >= 0, Σ_i z[i, j] = Σ_j z[i, j] = 1} over the candidates of each matrix.

    Its vertices are the permutation matrices (Birkhoff and von Neumann). If there are more columns than rows, columns
    sum to at most 1, and the other way around. The projection is exact to rounding, by Newton's method on the dual, and
    differentiable: O(n³) for each of about ten steps.

    Args:
        at_most_one: all rows and columns sum to at most 1.
    """

    at_most_one: bool = False

    def __post_init__(self) -> None:
        check_flag("at_most_one", self.at_most_one)

    def project(self, point: Pairs, lengths: PairLengths | None = None, mask: Mask | None = None) -> Pairs:
        """Return the nearest point of the polytope, computed in float64. CUDA tensors are projected on the CPU.

        Args:
            point: `[batch, row, column]`. NaN or +inf at a candidate makes its matrix NaN.
            lengths: the number of real rows and as many columns, `[batch]`, or of rows and columns, `[batch, 2]`; None:
                all. 0 gives zeros.
            mask: bool, shaped like `point`; True = candidate.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: the candidates hold no matching.
        """
        return narrow(project_birkhoff(*pair_arguments("point", point, lengths, mask), self.at_most_one), point)
