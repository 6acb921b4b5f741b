"""What structures over the categories of a row share: one category, or k of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, lengths_or_none, mask_or_none, refuse_rows, widen
from ..equality import equal_settings, hash_settings
from .compact import CompactForm, check_integers, is_integer, refuse_out_of_range


def category_part_mask(scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """Return which categories may be chosen: bool, `[batch, category]`.

    Left out are those past `lengths`, those that `mask` rules out, and those that score -inf.
    """
    check_arguments("scores", scores, "batch category", lengths, mask)
    valid = _inside(scores, lengths_or_none(scores, lengths)) & (scores != -torch.inf)
    return valid if mask is None else valid & mask


def category_arguments(
    name: str, values: Tensor, lengths: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Check the arguments of one call, and return them as kernels take them: all lengths are given.

    `name` is what the caller calls `values`.
    """
    check_arguments(name, values, "batch category", lengths, mask)
    return widen(values), lengths_or_full(values, lengths, values.size(1)), mask_or_none(values, mask)


def check_size(k: int | Tensor) -> None:
    """Raise an error unless `k` is a size of subsets, or a tensor of sizes."""
    if isinstance(k, Tensor):
        if not is_integer(k):
            raise TypeError(f"k: expected integers, got {k.dtype}")
        refuse_rows(k.view(-1) < 0, "k: expected numbers of at least 0")
    elif not isinstance(k, int) or k < 0:
        raise ValueError(f"k: expected an integer of at least 0, or a tensor of such, got {k!r}")


def subset_arguments(
    name: str, values: Tensor, lengths: Tensor | None, mask: Tensor | None, k: int | Tensor
) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Do what `category_arguments` does; last come the sizes of the subsets, of which a short row has all."""
    wide, ends, candidates = category_arguments(name, values, lengths, mask)
    return wide, ends, candidates, subset_sizes(k, ends)


def subset_sizes(k: int | Tensor, lengths: Tensor) -> Tensor:
    """Return min(k, length) of each row: int64, `[batch]`."""
    if isinstance(k, int):
        return lengths.clamp(max=k)
    if k.dim() > 0 and k.shape != lengths.shape:
        raise ValueError(f"k: expected one number or shape {list(lengths.shape)}, got {list(k.shape)}")
    return torch.minimum(lengths, k.to(device=lengths.device, dtype=torch.int64))


def indices_to_categories(indices: Tensor, count: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn the indices of categories into 0/1 vectors.

    Args:
        indices: integers, `[batch, k]`, -1 for none.
        count: how many categories there are.
        dtype: of the result.

    Returns:
        0/1, `[batch, category]`.

    Raises:
        ValueError: an index is out of range.
    """
    check_integers("indices", indices, "batch k")
    refuse_out_of_range("indices", indices, count)
    return _categories(indices, count).to(dtype)


def categories_to_indices(categories: Tensor, k: int, lengths: Tensor | None = None) -> Tensor:
    """Turn vectors, 0/1 or soft, into the indices of the k categories with the most weight, in ascending order.

    Args:
        categories: `[batch, category]`.
        k: how many.
        lengths: how many categories each row has, `[batch]`; None: all.

    Returns:
        int64, `[batch, k]`. -1 in place of those that have nothing above 0. Smaller indices win ties.
    """
    check_arguments("categories", categories, "batch category", lengths)
    count = categories.size(1)
    weight = categories.where(_inside(categories, lengths_or_none(categories, lengths)), 0)
    order = weight.sort(dim=1, descending=True, stable=True).indices[:, :k]
    chosen = order.where(weight.gather(1, order) > 0, count).sort(1).values
    chosen = torch.nn.functional.pad(chosen, (0, k - chosen.size(1)), value=count)
    return chosen.where(chosen < count, -1)


@dataclass(frozen=True)
class IndicesForm(CompactForm[Tensor]):
    """The k categories that are chosen, in any order: `[batch, k]`; or, with `single`, the one: `[batch]`.

    A row with fewer than k categories has all of them; the rest of its integers mean nothing. If rows differ in k, or
    may have fewer than k, -1 fills them up.
    """

    __eq__, __hash__ = equal_settings, hash_settings

    parts_noun = "categories"

    k: int | Tensor = 1
    single: bool = False
    at_most: bool = False

    @property
    def noun(self) -> str:  # type: ignore[override]
        """Return "an index" or "indices"."""
        return "an index" if self.single else "indices"

    @property
    def complete(self) -> bool:  # type: ignore[override]
        """Whether no index can be given twice."""
        return self.single

    @property
    def optional(self) -> bool:  # type: ignore[override]
        """Whether rows are filled up."""
        return self.at_most or isinstance(self.k, Tensor)

    def check(self, name: str, parts: Tensor, lengths: Tensor | None) -> None:
        """Check that they are rows of categories."""
        check_arguments(name, parts, "batch category", lengths)

    def shape(self, scores: Tensor) -> list[int | None]:
        """Return `[batch]`, `[batch, k]` or, if rows differ in k, `[batch, any]`."""
        if self.single:
            return [scores.size(0)]
        return [scores.size(0), None if isinstance(self.k, Tensor) else self.k]

    def end(self, scores: Tensor) -> int:
        """Return the number of categories."""
        return scores.size(1)

    def meant(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which integers a row has room for."""
        sizes = lengths_or_full(scores, lengths, scores.size(1))
        if self.single:
            return sizes > 0
        if isinstance(self.k, Tensor):
            return (sizes > 0)[:, None]
        return torch.arange(self.k, device=scores.device) < sizes[:, None]

    def to_parts(self, integers: Tensor, scores: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the 0/1 vectors."""
        indices = integers[:, None] if self.single else integers
        return _categories(indices, scores.size(1)).to(scores.dtype)

    def to_integers(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the indices."""
        most = self.k if isinstance(self.k, int) else int(self.k.max()) if self.k.numel() else 0
        indices = categories_to_indices(parts, most, lengths)
        return indices[:, 0] if self.single else indices

    def members(self, parts: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which rows are 0/1 with the right number of ones."""
        inside = parts.where(_inside(parts, lengths), 0)
        sizes = subset_sizes(self.k, lengths_or_full(parts, lengths, parts.size(1)))
        whole = ((inside == 0) | (inside == 1)).all(1)
        ones = inside.count_nonzero(1)
        return whole & ((ones <= sizes) if self.at_most else (ones == sizes))


def _inside(scores: Tensor, lengths: Tensor | None) -> Tensor:
    sizes = lengths_or_full(scores, lengths, scores.size(1))
    return torch.arange(scores.size(1), device=scores.device) < sizes[:, None]


def _categories(indices: Tensor, count: int) -> Tensor:
    return (indices[:, :, None] == torch.arange(count, device=indices.device)).any(1)
