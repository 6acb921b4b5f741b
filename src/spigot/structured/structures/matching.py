"""Perfect matchings of rows and columns: assignment, alignment, sorting, permutations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..checks import constant, narrow
from ..kernels.matching.argmax import matching_argmax
from ..parts.square import Columns, inside_square, square_arguments
from ..polytopes.birkhoff import Birkhoff


@dataclass(frozen=True)
class Matching(Structure[Tensor]):
    """Permutation matrices: each row has one column, each column one row.

    Scores are `[batch, row, column]`, square, and `lengths[batch]` says how many rows, and as many columns, are real; 0
    gives the empty matching. The argmax is exact, by shortest augmenting paths (Jonker and Volgenant 1987): O(n³) time
    and O(n²) memory for each matrix, in float64 on the CPU; CUDA tensors are copied there and back. To sum over all
    matchings is to compute a permanent, which is intractable, so there are no marginals.

    Ties: of equally good matchings one is found that depends on the matrix alone, not on the batch. If all are equal,
    it is the identity; in general rows choose in their order, and each takes the first free of its best columns.
    """

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """The doubly stochastic matrices, which are also the convex hull."""
        return Birkhoff()

    @property
    def hull(self) -> Polytope[Tensor]:
        """The relaxation, which is tight."""
        return self.relaxation

    @property
    def compact_form(self) -> Columns:
        """The column of each row."""
        return Columns()

    def part_mask(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return which pairs may be matched (bool, shaped like `scores`)."""
        square_arguments("scores", scores, lengths, mask)
        valid = inside_square(scores, lengths) & (scores != -torch.inf)
        return valid if mask is None else valid & mask

    def argmax(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the perfect matching of the highest score, 0/1, shaped and typed like `scores`."""
        return narrow(matching_argmax(*square_arguments("scores", constant(scores), lengths, mask)), scores)
