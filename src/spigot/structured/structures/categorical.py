"""One of k categories: the simplest structure, with a closed form for each operation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import AccurateSums, MarginalStructure, Polytope
from ..checks import check_scores, constant, lengths_or_full, narrow, refuse_lengths, refuse_rows, widen
from ..k_best import check_k
from ..parts.categories import IndicesForm, category_part_mask
from ..parts.rows import check_rows, over_rows
from ..polytopes.simplex import Simplex
from ..seeds import gumbel
from ..settings import check_integer
from ..shapes import Categories, CategoryMask, Lengths, Mask, PerRow, Seeds


@dataclass(frozen=True)
class Categorical(MarginalStructure[Tensor]):
    """One-hot vectors over the candidates of each row.

    Scores are `[batch, category]`, and `lengths[batch]` says how many categories each row has. In a tie the
    smallest index is taken. A row of length 0 has the empty structure: zeros, log-partition 0.

    Args:
        dim: the axis of the categories. Scores may have any shape: all other axes, of which there may be none, are the
            batch, and lengths, losses and whatever has one number for each row are shaped like them. `Gibbs`, `top_k`
            and `audit` take `[batch, category]` alone.
    """

    nested = False

    dim: int = -1

    def __post_init__(self) -> None:
        check_integer("dim", self.dim)

    @property
    def axis(self) -> int:
        """`dim`."""
        return self.dim

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """The simplex; this is also the convex hull."""
        return Simplex(self.dim)

    @property
    def hull(self) -> Polytope[Tensor]:
        """The simplex."""
        return Simplex(self.dim)

    @property
    def compact_form(self) -> IndicesForm:
        """The index of the category."""
        return IndicesForm(single=True)

    @over_rows()
    def part_mask(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> CategoryMask:
        """Return which categories may be chosen (bool, shaped like `scores`)."""
        return category_part_mask(scores, lengths, mask)

    @over_rows()
    def argmax(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> Categories:
        """Return the one-hot vector of the category with the highest score, shaped like `scores`."""
        return _first_best(self._candidates(constant(scores), lengths, mask)).to(scores.dtype)

    def require(
        self, scores: Categories, required: CategoryMask, valid: CategoryMask
    ) -> tuple[Categories, CategoryMask]:
        """Exclude all categories but the required one."""
        return scores, valid & (required | ~required.any(self.dim, keepdim=True))

    def top_k(
        self, scores: Categories, k: int, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the k best categories by sorting; see the base class. Ties go to the smaller index."""
        check_k(k)
        check_scores("scores", scores)
        check_rows(self, scores)
        candidates = self._candidates(constant(scores), lengths, mask)
        best = candidates.sort(dim=1, descending=True, stable=True)
        number = min(k, scores.size(1))
        totals, indices = best.values[:, :number], best.indices[:, :number]
        empty = (candidates == -torch.inf).all(1)
        category = torch.arange(scores.size(1), device=scores.device)
        chosen = (indices[..., None] == category) & (totals > -torch.inf)[..., None]
        pad = torch.nn.functional.pad
        structures = pad(chosen, (0, 0, 0, k - number)).to(scores.dtype)
        totals = pad(totals, (0, k - number), value=-torch.inf)
        # A row of length 0 has the empty structure.
        totals = torch.cat([torch.where(empty, 0.0, totals[:, 0])[:, None], totals[:, 1:]], 1)
        return structures, totals.to(scores.dtype)

    @over_rows()
    def log_partition(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return log Σ_k exp s_k, shape `[batch]`."""
        candidates = self._candidates(scores, lengths, mask)
        empty = (candidates == -torch.inf).all(1)
        # The gradient of a logsumexp over nothing is NaN, so an empty row sums zeros instead.
        candidates = candidates.masked_fill(empty[:, None], 0)
        if not candidates.size(1):
            return narrow(candidates.sum(1), scores)
        # Its gradient, exp(s - total), would have the rounding of a total that is large: the best score is taken off.
        best = candidates.detach().amax(1, keepdim=True)
        total = (candidates - best).logsumexp(1) + best[:, 0]
        return narrow(total.masked_fill(empty, 0), scores)

    @over_rows()
    def marginals(self, scores: Categories, lengths: Lengths | None = None, mask: Mask | None = None) -> Categories:
        """Return softmax(s), shaped like `scores`."""
        candidates = self._candidates(scores, lengths, mask)
        empty = (candidates == -torch.inf).all(1, keepdim=True)
        return narrow(candidates.masked_fill(empty, 0).softmax(1).masked_fill(empty, 0), scores)

    @property
    def accurate(self) -> AccurateSums:
        """Log-probabilities and entropies that are right for scores of any size."""
        return AccurateSums(self._log_prob, self._entropy)

    def _log_prob(
        self, scores: Categories, chosen: Categories, lengths: Lengths | None = None, mask: CategoryMask | None = None
    ) -> PerRow:
        """Return log p of the chosen candidates."""
        log_p = self._log_probabilities(scores, lengths, mask)
        return (torch.where(chosen != 0, log_p, 0.0) * chosen).sum(1)

    def _entropy(self, scores: Categories, lengths: Lengths | None = None, mask: CategoryMask | None = None) -> PerRow:
        """Return the entropy of softmax(s) in nats, shape `[batch]`; differentiable."""
        log_p = self._log_probabilities(scores, lengths, mask)
        finite = log_p != -torch.inf
        log_p = torch.where(finite, log_p, 0.0)
        return narrow(0.0 - torch.where(finite, log_p.exp() * log_p, 0.0).sum(1), scores)  # 0, and not -0

    def _log_probabilities(self, scores: Categories, lengths: Lengths | None, mask: CategoryMask | None) -> Tensor:
        """Return log softmax(s), -inf where there is no candidate, in working precision."""
        candidates = self._candidates(scores, lengths, mask)
        empty = (candidates == -torch.inf).all(1, keepdim=True)
        return candidates.masked_fill(empty, 0).log_softmax(1).masked_fill(empty, -torch.inf)

    @over_rows()
    def sample_seeded(
        self, scores: Categories, seeds: Seeds, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> Categories:
        """Return a one-hot sample of softmax(s); see the base class."""
        candidates = self._candidates(constant(scores), lengths, mask).double()
        return _first_best(candidates + gumbel(seeds, candidates != -torch.inf)).to(scores.dtype)

    def _candidates(self, scores: Categories, lengths: Lengths | None, mask: Mask | None) -> Tensor:
        """Return `scores` in working precision with -inf where there is no candidate."""
        valid = self.part_mask(scores, lengths, mask)
        sizes = lengths_or_full(scores, lengths, scores.size(1))
        refuse_lengths(sizes, scores.size(1), "scores")
        candidates = widen(scores).masked_fill(~valid, -torch.inf)
        refuse_rows(~(candidates < torch.inf).all(1), "scores: NaN or +inf in a candidate cell")
        refuse_rows((sizes > 0) & ~valid.any(1), "scores: no category that mask and -inf scores leave")
        return candidates


def _first_best(candidates: Tensor) -> Tensor:
    """Return the first of the best candidates of each row (bool, `[batch, category]`); none if all are -inf."""
    if not candidates.size(1):
        return candidates.bool()
    best = (candidates == candidates.amax(1, keepdim=True)) & (candidates != -torch.inf)
    return best & (best.cumsum(1) == 1)
