"""Each modifier has one head: the outer polytope of all dependency trees."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope
from ..checks import check_arguments, lengths_or_full, mask_or_none, narrow, widen
from ..kernels.simplex.columns import project_columns
from ..shapes import Arcs, Lengths, Mask


@dataclass(frozen=True)
class SingleHead(Polytope[Tensor]):
    """{z : z >= 0, Σ_h z[h, m] = 1 for each modifier m} (Peng et al. 2018, Equation 5).

    Each modifier is projected onto the simplex over its candidate heads (Algorithm 2), with ROOT among them as in the
    program published with the paper. Two constraints are relaxed: the arcs form a tree, and the number of children of
    ROOT.
    """

    def project(self, point: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> Arcs:
        """Return the nearest point of the polytope.

        Args:
            point: `[batch, head, modifier]`, node 0 is ROOT. NaN or +inf at a candidate makes its column NaN.
            lengths: tokens in each sentence, without ROOT, `[batch]`; None: all rows are full.
            mask: bool, shaped like `point`; True = candidate.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: `mask` leaves a modifier with no head.
        """
        check_arguments("point", point, "batch head modifier", lengths, mask)
        tokens = lengths_or_full(point, lengths, point.size(1) - 1)
        return narrow(project_columns(widen(point), tokens, mask_or_none(point, mask), True), point)
