"""Each span at most once: a cheap outer polytope of binary trees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Polytope
from ..checks import refuse_rows, widen
from ..kernels.simplex.columns import project_columns
from ..parts.spans import in_every_tree, span_part_mask
from ..settings import check_flag
from ..shapes import Lengths, Mask, Spans


@dataclass(frozen=True)
class SpanBox(Polytope[Tensor]):
    """{z : z >= 0, Σ_label z <= 1 for each span, = 1 for the spans that every binary tree has}.

    Without labels this is a box in which the spans of one token and the whole span are fixed to 1. Two constraints are
    relaxed: spans do not cross, and their number is fixed.

    Args:
        labels: points are `[batch, first, last, label]`; else `[batch, first, last]`.
    """

    labels: bool = False

    def __post_init__(self) -> None:
        check_flag("labels", self.labels)

    def project(self, point: Spans, lengths: Lengths | None = None, mask: Mask | None = None) -> Spans:
        """Return the nearest point of the polytope.

        Args:
            point: `[batch, first, last]` or `[batch, first, last, label]`. NaN or +inf at a candidate makes its span
                NaN.
            lengths: tokens in each row, `[batch]`; None: all rows are full. 0 gives zeros.
            mask: bool, shaped like `point`; True = candidate.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: `mask` leaves no label for a span that every tree has.
        """
        valid = span_part_mask("point", point, self.labels, lengths, mask)
        fixed = in_every_tree("point", point, lengths)
        values = widen(point).masked_fill(~valid, 0)
        if not self.labels:
            values, valid = values.unsqueeze(3), valid.unsqueeze(3)
        refuse_rows((fixed & ~valid.any(3)).flatten(1).any(1), "point: no candidate for a span that every tree has")
        kept = values.clamp_min(0)
        total = kept.sum(3)
        # Not "total > 1": NaN has to reach the projection, which makes its span NaN.
        full = fixed | ~((total <= 1) | ~valid.any(3))
        shape = (-1, values.size(3), 1)
        sizes = torch.where(full, values.size(3), 0).flatten()
        on_simplex = project_columns(values.reshape(shape), sizes, valid.reshape(shape), False)
        projected = torch.where(full.unsqueeze(3), on_simplex.view_as(values), kept)
        return (projected if self.labels else projected.squeeze(3)).to(point.dtype)
