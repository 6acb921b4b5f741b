"""Matrices of pairs, `[batch, row, column]`, and matchings as one column for each row."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import as_lengths, check_arguments, lengths_or_none, mask_or_none, widen
from .compact import CompactForm, check_integers, first_largest, refuse_out_of_range


def pair_lengths(values: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return how many rows and columns are real, int64, `[batch, 2]`; None: all."""
    sizes = lengths_or_none(values, lengths)
    return sizes if sizes is None or sizes.dim() == 2 else sizes[:, None].expand(-1, 2)


def check_pairs(name: str, values: Tensor, lengths: Tensor | None, mask: Tensor | None) -> None:
    """Check the types and shapes of one call; `name` is what the caller calls `values`."""
    sizes = as_lengths(lengths)
    if sizes is not None and sizes.dim() == 2 and isinstance(values, Tensor):
        if sizes.shape != (values.size(0), 2):
            raise ValueError(f"lengths: expected shape [{values.size(0)}, 2], got {list(sizes.shape)}")
        check_arguments(name, values, "batch row column", sizes[:, 0], mask)
    else:
        check_arguments(name, values, "batch row column", sizes, mask)


def pair_arguments(
    name: str, values: Tensor, lengths: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Check the arguments of one call, and return them as kernels take them."""
    check_pairs(name, values, lengths, mask)
    return widen(values), pair_lengths(values, lengths), mask_or_none(values, mask)


def columns_to_matching(columns: Tensor, dtype: torch.dtype = torch.float32, count: int | None = None) -> Tensor:
    """Turn the column of each row into a 0/1 matrix.

    Args:
        columns: integers, `[batch, row]`, -1 for none.
        dtype: of the result.
        count: how many columns there are; None: as many as rows.

    Returns:
        0/1, `[batch, row, column]`.

    Raises:
        ValueError: a column is out of range.
    """
    check_integers("columns", columns, "batch row")
    count = columns.size(1) if count is None else count
    refuse_out_of_range("columns", columns, count)
    return _matching(columns, count, dtype)


def matching_to_columns(matching: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Turn matrices, 0/1 or soft, into the column with the most weight for each row.

    Args:
        matching: `[batch, row, column]`.
        lengths: how many rows, and as many columns, are real, `[batch]`, or rows and columns, `[batch, 2]`; None: all.

    Returns:
        int64, `[batch, row]`. -1 past the length, and where a row has nothing above 0. The smallest column wins a tie.
    """
    pair_arguments("matching", matching, lengths, None)
    return first_largest(matching.where(inside_pairs(matching, lengths), 0))


@dataclass(frozen=True)
class ColumnsForm(CompactForm[Tensor]):
    """The column of each row, `[batch, row]`; -1 for none, where rows may stay without one."""

    noun = "columns"
    parts_noun = "pairs"
    optional = True

    at_most_one: bool = False

    def check(self, name: str, parts: Tensor, lengths: Tensor | None) -> None:
        """Check that they are matrices of pairs."""
        check_pairs(name, parts, lengths, None)

    def shape(self, scores: Tensor) -> list[int | None]:
        """Return `[batch, row]`."""
        return list(scores.shape[:2])

    def end(self, scores: Tensor) -> int:
        """Return the number of columns."""
        return scores.size(2)

    def meant(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which rows are real."""
        return inside_pairs(scores, lengths).any(2)

    def to_parts(self, integers: Tensor, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the matrices."""
        return _matching(integers, scores.size(2), scores.dtype)

    def to_integers(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the columns."""
        return matching_to_columns(parts, lengths)

    def members(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which rows are matchings."""
        cells = inside_pairs(parts, lengths)
        inside = parts.where(cells, 0)
        pairs = (inside != 0).long()
        whole = ((inside == 0) | (inside == 1)).flatten(1).all(1)
        whole &= (pairs.sum(1) <= 1).all(1) & (pairs.sum(2) <= 1).all(1)
        if self.at_most_one:
            return whole
        # All of the smaller side.
        smaller = torch.minimum(cells.any(1).sum(1), cells.any(2).sum(1))
        return whole & (pairs.flatten(1).sum(1) == smaller)


def inside_pairs(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return which cells are of real rows and columns: bool, `[batch, row, column]`."""
    sizes = pair_lengths(values, lengths)
    if sizes is None:
        return torch.ones(values.shape, dtype=torch.bool, device=values.device)
    row, column = (torch.arange(count, device=values.device) for count in values.shape[1:])
    return (row < sizes[:, :1])[:, :, None] & (column < sizes[:, 1:])[:, None, :]


def _matching(columns: Tensor, count: int, dtype: torch.dtype) -> Tensor:
    return (columns[:, :, None] == torch.arange(count, device=columns.device)).to(dtype)
