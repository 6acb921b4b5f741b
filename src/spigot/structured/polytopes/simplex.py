"""The probability simplex: the convex hull of the one-hot vectors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope
from ..checks import check_arguments, lengths_or_full, mask_or_none, narrow, widen
from ..kernels.simplex.columns import project_columns


@dataclass(frozen=True)
class Simplex(Polytope[Tensor]):
    """{p : p >= 0, Σ p = 1} over the candidates of each row.

    Projecting onto it is sparsemax (Martins & Astudillo 2016), and so differentiable.
    """

    def project(self, point: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
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
        check_arguments("point", point, "batch category", lengths, mask)
        sizes = lengths_or_full(point, lengths, point.size(1))
        mask = mask_or_none(point, mask)
        column_mask = None if mask is None else mask.unsqueeze(2)
        return narrow(project_columns(widen(point).unsqueeze(2), sizes, column_mask, False).squeeze(2), point)
