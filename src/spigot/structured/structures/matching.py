"""Perfect matchings of rows and columns: assignment, alignment, sorting, permutations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..checks import constant, narrow
from ..kernels.matching.argmax import matching_argmax
from ..parts.square import ColumnsForm, inside_square, square_arguments
from ..polytopes.birkhoff import Birkhoff
from ..shapes import Lengths, Mask, PairMask, Pairs


@dataclass(frozen=True)
class Matching(Structure[Tensor]):
    """Permutation matrices: each row has one column, each column one row.

    Scores are `[batch, row, column]`, square, and `lengths[batch]` is the number of real rows and of real columns; 0
    gives the empty matching. The argmax is exact, by shortest augmenting paths (Jonker and Volgenant 1987): O(n³) time
    and O(n²) memory for each matrix, in float64 on the CPU; CUDA tensors are copied there and back. A sum over all
    matchings is a permanent, which is intractable, so there are no marginals.

    Ties: the choice depends on the matrix alone, not on the batch. If all scores are equal, it is the identity. In
    general rows choose in order, and each takes the first of its best columns that is free.
    """

    nested: ClassVar[bool] = False

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """The doubly stochastic matrices; this is also the convex hull."""
        return Birkhoff()

    @property
    def hull(self) -> Polytope[Tensor]:
        """The relaxation, which is tight."""
        return self.relaxation

    @property
    def compact_form(self) -> ColumnsForm:
        """The column of each row."""
        return ColumnsForm()

    def part_mask(self, scores: Pairs, lengths: Lengths | None = None, mask: Mask | None = None) -> PairMask:
        """Return which pairs may be matched (bool, shaped like `scores`)."""
        square_arguments("scores", scores, lengths, mask)
        valid = inside_square(scores, lengths) & (scores != -torch.inf)
        return valid if mask is None else valid & mask

    def argmax(self, scores: Pairs, lengths: Lengths | None = None, mask: Mask | None = None) -> Pairs:
        """Return the perfect matching of the highest score, 0/1, shaped and typed like `scores`."""
        return narrow(matching_argmax(*square_arguments("scores", constant(scores), lengths, mask)), scores)

    def require(self, scores: Pairs, required: PairMask, valid: PairMask) -> tuple[Pairs, PairMask]:
        """Exclude all other pairs in the row and in the column of a required one."""
        taken = required.any(1, keepdim=True) | required.any(2, keepdim=True)
        return scores, valid & (required | ~taken)
