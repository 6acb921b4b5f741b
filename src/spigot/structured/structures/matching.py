"""Matchings of rows and columns: assignment, alignment, sorting, permutations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..checks import constant, narrow
from ..kernels.matching.argmax import matching_argmax
from ..parts.square import ColumnsForm, inside_pairs, pair_arguments
from ..polytopes.birkhoff import Birkhoff
from ..settings import check_flag
from ..shapes import Mask, PairLengths, PairMask, Pairs


@dataclass(frozen=True)
class Matching(Structure[Tensor]):
    """Matchings of rows and columns as 0/1 matrices; of as many columns as rows, permutation matrices.

    Scores are `[batch, row, column]`. Each row has at most one column, each column at most one row, and of the smaller
    side all are matched. `lengths[batch]` is the number of real rows and of real columns, `lengths[batch, 2]` that of
    rows and that of columns; 0 gives the empty matching. The argmax is exact, by shortest augmenting paths (Jonker and
    Volgenant 1987): O(n³) time and O(n²) memory for each matrix, in float64 on the CPU; CUDA tensors are copied there
    and back. A sum over all matchings is a permanent, which is intractable, so there are no marginals.

    Args:
        at_most_one: any row and any column may stay without a partner. Then the argmax takes no pair that lowers the
            score.

    Ties: the choice depends on the matrix alone, not on the batch. If all scores of a square matrix are equal, it is
    the identity (with `at_most_one` and scores of 0, the empty matching). In general rows choose in order, and each
    takes the first of its best columns that is free.
    """

    at_most_one: bool = False

    def __post_init__(self) -> None:
        check_flag("at_most_one", self.at_most_one)

    @property
    def nested(self) -> bool:  # type: ignore[override]
        """Whether a matching may hold another one: `at_most_one`."""
        return self.at_most_one

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """The doubly stochastic matrices, or their like; this is also the convex hull."""
        return Birkhoff(self.at_most_one)

    @property
    def hull(self) -> Polytope[Tensor]:
        """The relaxation, which is tight."""
        return self.relaxation

    @property
    def compact_form(self) -> ColumnsForm:
        """The column of each row."""
        return ColumnsForm(self.at_most_one)

    def part_mask(self, scores: Pairs, lengths: PairLengths | None = None, mask: Mask | None = None) -> PairMask:
        """Return which pairs may be matched (bool, shaped like `scores`)."""
        pair_arguments("scores", scores, lengths, mask)
        valid = inside_pairs(scores, lengths) & (scores != -torch.inf)
        return valid if mask is None else valid & mask

    def argmax(self, scores: Pairs, lengths: PairLengths | None = None, mask: Mask | None = None) -> Pairs:
        """Return the matching of the highest score, 0/1, shaped and typed like `scores`."""
        arguments = pair_arguments("scores", constant(scores), lengths, mask)
        return narrow(matching_argmax(*arguments, self.at_most_one), scores)

    def require(self, scores: Pairs, required: PairMask, valid: PairMask) -> tuple[Pairs, PairMask]:
        """Exclude all other pairs in the row and in the column of a required one, and let it raise the score."""
        taken = required.any(1, keepdim=True) | required.any(2, keepdim=True)
        return scores.masked_fill(required, 1.0) if self.at_most_one else scores, valid & (required | ~taken)
