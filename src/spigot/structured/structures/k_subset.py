"""Subsets of a given size, such as the tokens of a rationale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import AccurateSums, MarginalStructure, Polytope
from ..checks import constant, lengths_or_full, narrow, refuse_lengths, refuse_rows
from ..equality import equal_settings, hash_settings
from ..kernels.subset.sample import subset_sample
from ..kernels.subset.sums import NO_SUBSET, SUBSET
from ..parts.categories import IndicesForm, category_part_mask, check_size, subset_arguments, subset_sizes
from ..parts.rows import over_rows
from ..polytopes.capped_simplex import CappedSimplex
from ..settings import check_flag, check_integer
from ..shapes import Categories, CategoryMask, Lengths, Mask, PerRow, Seeds


@dataclass(frozen=True)
class KSubset(MarginalStructure[Tensor]):
    """The subsets of exactly k, or of at most k, of the candidates of each row, as 0/1 vectors.

    Scores are `[batch, category]`, and `lengths[batch]` says how many categories each row has. A row with fewer than k
    categories has one subset of k: all of them. So a row of length 0 has the empty subset. It is an error if `mask` and
    scores of -inf leave too few candidates in a row. In a tie the smaller index is taken.

    The argmax sorts the scores, on any device. Sums are exact and take O(k (d - k)) time (O(k d) for at most k) and
    O(k d) memory for each row, in float64 on the CPU; CUDA tensors are copied there and back.

    Args:
        k: the size of the subsets, at least 0, or a tensor of integers, `[batch]`, one for each row.
        at_most: subsets may be smaller. Then the argmax takes positive scores alone.
        dim: the axis of the categories; see `Categorical`.
    """

    k: int | Tensor
    at_most: bool = False
    dim: int = -1

    __eq__, __hash__ = equal_settings, hash_settings

    def __post_init__(self) -> None:
        check_size(self.k)
        check_flag("at_most", self.at_most)
        check_integer("dim", self.dim)

    @property
    def axis(self) -> int:
        """`dim`."""
        return self.dim

    @property
    def nested(self) -> bool:  # type: ignore[override]
        """Whether a subset may hold another one: `at_most`."""
        return self.at_most

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """Numbers between 0 and 1 that sum to k, or to at most k; this is also the convex hull."""
        return CappedSimplex(self.k, self.at_most, self.dim)

    @property
    def hull(self) -> Polytope[Tensor]:
        """The relaxation, which is tight."""
        return self.relaxation

    @property
    def compact_form(self) -> IndicesForm:
        """The indices of the categories."""
        return IndicesForm(self.k, at_most=self.at_most)

    def map_rows(self, function: Callable[[Tensor], Tensor]) -> KSubset:
        """Return the structure of other rows; see the base class."""
        if isinstance(self.k, int) or self.k.dim() == 0:
            return self
        return KSubset(function(self.k), self.at_most, self.dim)

    @over_rows()
    def part_mask(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> CategoryMask:
        """Return which categories may be chosen (bool, shaped like `scores`)."""
        return category_part_mask(scores, lengths, mask)

    @over_rows()
    def argmax(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> Categories:
        """Return the k categories with the highest scores, 0/1, shaped and typed like `scores`."""
        valid = self.part_mask(scores, lengths, mask)
        sizes = lengths_or_full(scores, lengths, scores.size(1))
        refuse_lengths(sizes, scores.size(1), "scores")
        candidates = scores.detach().masked_fill(~valid, -torch.inf)
        refuse_rows(~(candidates < torch.inf).all(1), "scores: NaN or +inf in a candidate cell")
        chosen = subset_sizes(self.k, sizes)
        if not self.at_most:
            refuse_rows(valid.sum(1) < chosen, f"scores: {NO_SUBSET} that mask and -inf scores leave")
        values, order = candidates.sort(dim=1, descending=True, stable=True)
        first = torch.arange(scores.size(1), device=scores.device) < chosen[:, None]
        first = first & (values > 0) if self.at_most else first
        return torch.zeros_like(candidates).scatter(1, order, first.to(scores.dtype))

    def require(
        self, scores: Categories, required: CategoryMask, valid: CategoryMask
    ) -> tuple[Categories, CategoryMask]:
        """Put the required categories above all others: only the order of scores matters."""
        return scores.masked_fill(required, torch.finfo(scores.dtype).max), valid

    @over_rows()
    def log_partition(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return log Σ_z exp <scores, z>, the elementary symmetric polynomial of exp scores, shape `[batch]`."""
        return narrow(SUBSET.log_partition(*self._arguments(scores, lengths, mask)), scores)

    @over_rows()
    def marginals(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> Categories:
        """Return the probability of each category, shaped like `scores`; differentiable (true derivative)."""
        return narrow(SUBSET.marginals(*self._arguments(scores, lengths, mask)), scores)

    @property
    def accurate(self) -> AccurateSums:
        """Log-probabilities and entropies that are right for scores of any size."""
        return AccurateSums(self._log_prob, self._entropy)

    def _log_prob(
        self, scores: Categories, chosen: Categories, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> PerRow:
        """Return log p of the chosen candidates."""
        wide, *others = self._arguments(scores, lengths, mask)
        return SUBSET.log_prob(wide, chosen, *others)  # type: ignore[no-any-return]

    def _entropy(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return the entropy of p(z) in nats, shape `[batch]`; differentiable."""
        return narrow(SUBSET.entropy(*self._arguments(scores, lengths, mask)), scores)

    @over_rows()
    def sample_seeded(
        self, scores: Categories, seeds: Seeds, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> Categories:
        """Return one exact sample of each row; see the base class."""
        return narrow(subset_sample(*self._arguments(constant(scores), lengths, mask), seeds), scores)

    def _arguments(
        self, scores: Categories, lengths: Lengths | None, mask: Mask | None
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor, bool]:
        return *subset_arguments("scores", scores, lengths, mask, self.k), self.at_most
