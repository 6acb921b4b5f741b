"""One tag for each position and one pair of tags between neighbours: an outer polytope of linear chains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Polytope
from ..checks import mask_or_none, narrow, refuse_lengths, refuse_rows, widen
from ..kernels.simplex.columns import project_columns
from ..parts.chain import LinearChainParts, chain_lengths, check_chains
from ..shapes import Lengths


@dataclass(frozen=True)
class ChainSimplices(Polytope[LinearChainParts]):
    """{z >= 0, Σ_t emission[i, t] = 1, Σ_{s, t} transition[i, s, t] = 1 for each position i}.

    A product of simplices, each projected onto independently (Michelot 1986). One constraint is relaxed: the pair of
    tags between two positions agrees with the tags there. With it the polytope would be the convex hull.

    Transitions that all steps share are counts: {z >= 0, Σ_{s, t} transition[s, t] = positions - 1}.
    """

    def project(
        self, point: LinearChainParts, lengths: Lengths | None = None, mask: LinearChainParts | None = None
    ) -> LinearChainParts:
        """Return the nearest point of the polytope; differentiable.

        Args:
            point: NaN or +inf at a candidate makes its simplex NaN.
            lengths: positions of each row, `[batch]`; None: all rows are full. 0 gives zeros.
            mask: bool, True = candidate.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: a position has no candidate.
        """
        check_chains("point", point, lengths, mask)
        sizes = chain_lengths(point, lengths)
        masks = (None, None) if mask is None else tuple(map(mask_or_none, point, mask))
        positions = point.emissions.size(1)
        refuse_lengths(sizes, positions, "point")
        emissions, steps = _onto_simplices(point.emissions, sizes, masks[0]), sizes - 1
        if not point.is_shared:
            return LinearChainParts(emissions, _onto_simplices(point.transitions, steps, masks[1]))
        # The nearest point of a simplex whose numbers sum to k is k times that of the simplex to the point over k.
        count = steps.clamp(min=1).to(point.transitions)[:, None, None, None]
        return LinearChainParts(
            emissions, count * _onto_simplices(point.transitions / count, steps.clamp(0, 1), masks[1])
        )


def _onto_simplices(point: Tensor, sizes: Tensor, mask: Tensor | None) -> Tensor:
    """Project each of the first `sizes[b]` positions of row b onto a simplex; `point` is `[batch, position, ...]`."""
    inside = torch.arange(point.size(1), device=point.device) < sizes[:, None]
    flat = point.flatten(2)
    valid = flat != -torch.inf if mask is None else mask.flatten(2) & (flat != -torch.inf)
    refuse_rows((inside & ~valid.any(2)).any(1), "point: a simplex with no dimension")
    rows = widen(flat).flatten(0, 1).unsqueeze(2)
    row_mask = None if mask is None else mask.reshape(rows.shape)
    projected = project_columns(rows, inside.flatten() * rows.size(1), row_mask, False)
    return narrow(projected.reshape(point.shape), point)
