"""Monotone alignments of two sequences: edit distance and dynamic time warping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..checks import check_arguments
from .axes import within
from .program import DynamicProgram
from .value import Value, cat, stack


@dataclass(frozen=True)
class MonotoneAlignment(DynamicProgram[Tensor]):
    """Paths over a grid from its corner (0, 0) to (n, m), by moves along both axes or along one of them.

    `moves[batch, i, j, move]` scores the move that arrives at (i, j): move 0 from (i - 1, j - 1), 1 from (i - 1, j), 2
    from (i, j - 1). So move 0 aligns row i with column j, 1 and 2 leave out a row or a column, all counted from 1.
    `lengths[batch, 2]` counts rows and columns, or `lengths[batch]` both. `alignment_scores` and `warping_scores` make
    the scores of edit distances (Needleman and Wunsch 1970) and of dynamic time warping (Sakoe and Chiba 1978). The
    recurrence takes n + m steps, one a diagonal.
    """

    axes: ClassVar[str] = "batch row+1 column+1 3"
    counted: ClassVar[str] = "row column"
    none: ClassVar[str] = "no alignment"

    def inside(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """Return which moves stay within the grid of their row."""
        rows, columns = (within(size, lengths[:, k] + 1) for k, size in enumerate(scores.shape[1:3]))
        not_first = [torch.arange(size, device=scores.device) > 0 for size in scores.shape[1:3]]
        down, right = torch.broadcast_tensors(not_first[0][:, None], not_first[1])
        return (rows[:, :, None] & columns[:, None])[..., None] & torch.stack([down & right, down, right], -1)

    def total(self, scores: Value, lengths: Tensor) -> Value:
        """Return the sum over paths, diagonal by diagonal: i + j = 0, 1, ..., n + m.

        total[i, j] = total[i - 1, j - 1] · both + total[i - 1, j] · down + total[i, j - 1] · right
        """
        batch, rows = scores.shape[:2]
        nothing, outside = scores.zero(batch, rows), scores.zero(batch, 1)
        diagonals = [nothing, cat([scores.one(batch, 1), nothing[:, 1:]], 1)]
        for moves in scores.skewed().unbind(2)[1:]:
            both, down, right = moves.unbind(2)
            two_before, before = (cat([outside, diagonal[:, :-1]], 1) for diagonal in diagonals[-2:])
            diagonals.append(stack([two_before * both, before * down, diagonals[-1] * right], 2).sum(2))
        return stack(diagonals[1:], 1).at(lengths.sum(1)).at(lengths[:, 0])


def alignment_scores(substitution: Tensor, deletion: Tensor, insertion: Tensor) -> Tensor:
    """Return the scores of a `MonotoneAlignment`, `[batch, row + 1, column + 1, 3]`.

    Args:
        substitution: of aligning a row with a column, `[batch, row, column]`. With -1 where they differ, 0 where they
            are equal, and -1 in the other two, the best score is minus the edit distance (Levenshtein 1966).
        deletion: of leaving out a row, `[batch, row]`.
        insertion: of leaving out a column, `[batch, column]`.

    Raises:
        TypeError: they are no floating-point tensors.
        ValueError: shapes that do not fit.
    """
    check_arguments("substitution", substitution, "batch row column")
    batch, rows, columns = substitution.shape
    for name, given, shape in (("deletion", deletion, [batch, rows]), ("insertion", insertion, [batch, columns])):
        check_arguments(name, given, "batch row" if given is deletion else "batch column")
        if list(given.shape) not in (shape, [1, shape[1]]):
            raise ValueError(f"{name}: expected shape {shape}, got {list(given.shape)}")
    pad = torch.nn.functional.pad
    return torch.stack(
        [
            pad(substitution, (1, 0, 1, 0)),
            pad(deletion, (1, 0))[:, :, None].expand(batch, rows + 1, columns + 1),
            pad(insertion, (1, 0))[:, None].expand(batch, rows + 1, columns + 1),
        ],
        3,
    )


def warping_scores(cells: Tensor) -> Tensor:
    """Return the scores of a `MonotoneAlignment` whose path scores each cell that it visits, by whichever move.

    Each row then has a column, and each column a row. With minus distances in `cells[batch, row, column]`, the best
    score is minus the distance of dynamic time warping, and -`log_partition` is soft-DTW (Cuturi and Blondel 2017).

    Raises:
        TypeError: `cells` are no floating-point tensor.
        ValueError: a wrong shape.
    """
    check_arguments("cells", cells, "batch row column")
    entered = torch.nn.functional.pad(cells, (1, 0, 1, 0), value=-torch.inf)
    return entered[..., None].expand(*entered.shape, 3)
