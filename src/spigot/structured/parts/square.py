"""Square matrices of pairs, `[batch, row, column]`, and matchings as one column for each row."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, lengths_or_none, mask_or_none, widen
from .compact import CompactForm, check_integers, first_largest, refuse_out_of_range


def square_arguments(
    name: str, values: Tensor, lengths: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Check the arguments of one call, and return them as kernels take them.

    `name` is what the caller calls `values`.
    """
    check_arguments(name, values, "batch row column", lengths, mask)
    if values.size(1) != values.size(2):
        raise ValueError(f"{name}: expected as many columns as rows, got {list(values.shape)}")
    return widen(values), lengths_or_none(values, lengths), mask_or_none(values, mask)


def columns_to_matching(columns: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn the column of each row into a 0/1 matrix.

    Args:
        columns: integers, `[batch, row]`, -1 for none (padding).
        dtype: of the result.

    Returns:
        0/1, `[batch, row, column]`.

    Raises:
        ValueError: a column is out of range.
    """
    check_integers("columns", columns, "batch row")
    refuse_out_of_range("columns", columns, columns.size(1))
    return _matching(columns, dtype)


def matching_to_columns(matching: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Turn matrices, 0/1 or soft, into the column with the most weight for each row.

    Args:
        matching: `[batch, row, column]`.
        lengths: how many rows, and as many columns, are real, `[batch]`; None: all.

    Returns:
        int64, `[batch, row]`. -1 past the length, and where a row has nothing above 0. The smallest column wins a tie.
    """
    square_arguments("matching", matching, lengths, None)
    return first_largest(matching.where(inside_square(matching, lengths), 0))


class ColumnsForm(CompactForm[Tensor]):
    """The column of each row, `[batch, row]`."""

    noun = "columns"
    parts_noun = "pairs"

    def shape(self, scores: Tensor) -> list[int | None]:
        """Return `[batch, row]`."""
        return list(scores.shape[:2])

    def end(self, scores: Tensor) -> int:
        """Return the number of columns."""
        return scores.size(2)

    def meant(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which rows are real."""
        sizes = lengths_or_full(scores, lengths, scores.size(1))
        return torch.arange(scores.size(1), device=scores.device) < sizes[:, None]

    def to_parts(self, integers: Tensor, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the matrices."""
        return _matching(integers, scores.dtype)

    def to_integers(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the columns."""
        return matching_to_columns(parts, lengths)

    def members(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which rows are permutation matrices."""
        inside = parts.where(inside_square(parts, lengths), 0)
        sizes = self.meant(parts, lengths).long()
        whole = ((inside == 0) | (inside == 1)).flatten(1).all(1)
        return whole & ((inside != 0).sum(1) == sizes).all(1) & ((inside != 0).sum(2) == sizes).all(1)


def inside_square(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return which cells are of real rows and columns: bool, `[batch, row, column]`."""
    sizes = lengths_or_full(values, lengths, values.size(1))
    inside = torch.arange(values.size(1), device=values.device) < sizes[:, None]
    return inside[:, :, None] & inside[:, None, :]


def _matching(columns: Tensor, dtype: torch.dtype) -> Tensor:
    return (columns[:, :, None] == torch.arange(columns.size(1), device=columns.device)).to(dtype)
