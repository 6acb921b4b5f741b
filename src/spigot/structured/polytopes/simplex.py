"""The probability simplex: the convex hull of the one-hot vectors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope
from ..checks import narrow
from ..kernels.simplex.columns import project_columns
from ..parts.categories import category_arguments
from ..parts.rows import over_rows
from ..settings import check_integer
from ..shapes import Categories, Lengths, Mask


@dataclass(frozen=True)
class Simplex(Polytope[Tensor]):
    """{p : p >= 0, Σ p = 1} over the candidates of each row.

    The projection is sparsemax (Martins & Astudillo 2016); it is differentiable.

    Args:
        dim: the axis of the categories; see `Categorical`.
    """

    dim: int = -1

    def __post_init__(self) -> None:
        check_integer("dim", self.dim)

    @property
    def axis(self) -> int:
        """`dim`."""
        return self.dim

    @over_rows("point")
    def project(self, point: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> Categories:
        """Return the nearest point of the simplex.

        Args:
            point: `[batch, category]`. NaN or +inf at a candidate makes its row NaN.
            lengths: how many categories each row has, `[batch]`; None: all of them. 0 gives zeros.
            mask: bool, shaped like `point`; True = candidate.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: `mask` leaves a row with no candidate.
        """
        wide, sizes, candidates = category_arguments("point", point, lengths, mask)
        column_mask = None if candidates is None else candidates.unsqueeze(2)
        return narrow(project_columns(wide.unsqueeze(2), sizes, column_mask, False).squeeze(2), point)
