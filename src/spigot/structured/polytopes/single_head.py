"""Each modifier has one head: the outer polytope of all dependency trees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Polytope
from ..checks import lengths_or_full, mask_or_none, narrow, refuse_lengths, refuse_rows, widen
from ..kernels.simplex.columns import project_columns
from ..parts.arcs import arc_part_mask, check_arcs
from ..settings import check_flag
from ..shapes import Arcs, Lengths, Mask


@dataclass(frozen=True)
class SingleHead(Polytope[Tensor]):
    """{z : z >= 0, Σ_h z[h, m] = 1 for each modifier m} (Peng et al. 2018, Equation 5); with labels, Σ over them too.

    Each modifier is projected onto the simplex over its candidate heads (Algorithm 2), with ROOT among them as in the
    program published with the paper. Two constraints are relaxed: the arcs form a tree, and the number of children of
    ROOT.

    Args:
        labels: points are `[batch, head, modifier, label]`; else `[batch, head, modifier]`.
    """

    labels: bool = False

    def __post_init__(self) -> None:
        check_flag("labels", self.labels)

    def project(self, point: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> Arcs:
        """Return the nearest point of the polytope.

        Args:
            point: `[batch, head, modifier]` or `[batch, head, modifier, label]`, node 0 is ROOT. NaN or +inf at a
                candidate makes its modifier NaN.
            lengths: tokens in each sentence, without ROOT, `[batch]`; None: all rows are full.
            mask: bool, shaped like `point`; True = candidate.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: `mask` leaves a modifier with no head.
        """
        check_arcs("point", point, self.labels, lengths, mask)
        tokens = lengths_or_full(point, lengths, point.size(1) - 1)
        if not self.labels:
            return narrow(project_columns(widen(point), tokens, mask_or_none(point, mask), True), point)
        refuse_lengths(tokens, point.size(1) - 1, "point", " (ROOT does not count)")
        # Each modifier is a row, whose candidates are pairs of a head and a label.
        valid = arc_part_mask("point", point, True, lengths, mask).transpose(1, 2).flatten(2)
        node = torch.arange(point.size(1), device=point.device)
        real = (node > 0) & (node <= tokens[:, None])
        refuse_rows((real & ~valid.any(2)).any(1), "point: no candidate for a modifier")
        pairs = widen(point).transpose(1, 2).flatten(2)
        shape, sizes = (-1, pairs.size(2), 1), torch.where(real, pairs.size(2), 0).flatten()
        projected = project_columns(pairs.reshape(shape), sizes, valid.reshape(shape), False).view_as(pairs)
        return narrow(projected.view(point.transpose(1, 2).shape).transpose(1, 2), point)
