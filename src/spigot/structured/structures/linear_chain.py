"""Linear chains: a tag for each position, scored by itself and with its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import AccurateSums, MarginalStructure, Polytope
from ..checks import mask_or_none, narrow, widen
from ..k_best import check_k
from ..kernels.chain.argmax import chain_argmax
from ..kernels.chain.k_best import chain_k_best
from ..kernels.chain.operators import ChainOperators
from ..kernels.chain.sample import chain_sample
from ..kernels.chain.shared import SHARED_CHAIN
from ..kernels.chain.sums import CHAIN
from ..kernels.runtime.gibbs import GibbsOperators
from ..parts.base import common_dtype
from ..parts.chain import LinearChainParts, TagsForm, chain_lengths, check_chains
from ..polytopes.chain_simplices import ChainSimplices
from ..polytopes.hull import Hull
from ..shapes import Lengths, PerRow, Seeds


@dataclass(frozen=True)
class LinearChain(MarginalStructure[LinearChainParts]):
    """Sequences of tags, as 0/1 indicators of tags and of pairs of neighbouring tags: the linear-chain CRF.

    Scores, and masks, are `LinearChainParts`; `lengths[batch]` counts positions, and a row of length 0 has the empty
    sequence. A score of -inf forbids a tag or a transition. Transitions that are the same at all positions, as
    `LinearChainParts.shared` makes them, are much faster: their sums need no exponential for each step, and O(t) memory
    a position. A row with no allowed sequence is an error. All is exact: n positions and t tags take O(n t²) time and
    O(n t + t²) memory besides the result, in float64 on the CPU. CUDA tensors are copied there and back, except for the
    argmax if triton is installed. Marginals keep their intermediate values in the result, in the dtype of the scores.

    Ties: the last position takes the smallest of its best tags. Each earlier position takes the smallest of the tags
    that are best before the tag of the next position.
    """

    @property
    def relaxation(self) -> Polytope[LinearChainParts]:
        """One tag for each position, one pair of tags between neighbours."""
        return ChainSimplices()

    @property
    def hull(self) -> Polytope[LinearChainParts]:
        """The convex hull, by active set."""
        return Hull(self)

    @property
    def compact_form(self) -> TagsForm:
        """The tag of each position."""
        return TagsForm()

    def part_mask(
        self, scores: LinearChainParts, lengths: Lengths | None = None, mask: LinearChainParts | None = None
    ) -> LinearChainParts:
        """Return which tags and which pairs of tags may be chosen (bool, shaped like `scores`)."""
        check_chains("scores", scores, lengths, mask)
        emissions, transitions = scores
        position = torch.arange(emissions.size(1), device=emissions.device)
        inside = position < chain_lengths(scores, lengths)[:, None]
        tags = inside[:, :, None] & (emissions != -torch.inf)
        steps = (chain_lengths(scores, lengths) > 1)[:, None] if scores.is_shared else inside[:, 1:]
        pairs = steps[:, :, None, None] & (transitions != -torch.inf)
        return LinearChainParts(tags, pairs) if mask is None else LinearChainParts(tags & mask[0], pairs & mask[1])

    def argmax(
        self, scores: LinearChainParts, lengths: Lengths | None = None, mask: LinearChainParts | None = None
    ) -> LinearChainParts:
        """Return the highest-scoring sequence (Viterbi 1967), 0/1, shaped and typed like `scores`."""
        return _typed(scores, chain_argmax(*self._arguments(_detached(scores), lengths, mask)))

    def top_k(
        self, scores: LinearChainParts, k: int, lengths: Lengths | None = None, mask: LinearChainParts | None = None
    ) -> tuple[LinearChainParts, Tensor]:
        """Return the k best sequences, in one pass; see the base class. Ties are those of the argmax."""
        check_k(k)
        tags, totals = chain_k_best(k, *self._arguments(_detached(scores), lengths, mask))
        found = TagsForm().to_parts(tags.flatten(0, 1), scores, None)
        several = LinearChainParts(*(part.unflatten(0, (-1, k)) for part in found))
        return several, totals.to(common_dtype(scores))

    def log_partition(
        self, scores: LinearChainParts, lengths: Lengths | None = None, mask: LinearChainParts | None = None
    ) -> PerRow:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""
        return _sums(scores).log_partition(*self._arguments(scores, lengths, mask)).to(common_dtype(scores))

    def marginals(
        self, scores: LinearChainParts, lengths: Lengths | None = None, mask: LinearChainParts | None = None
    ) -> LinearChainParts:
        """Return the probability of each tag and pair of tags; differentiable (true derivative)."""
        return _typed(scores, _sums(scores).marginals(*self._arguments(scores, lengths, mask)))

    @property
    def accurate(self) -> AccurateSums:
        """Log-probabilities and entropies that are right for scores of any size."""
        return AccurateSums(self._log_prob, self._entropy, self._tags_log_prob)

    def _log_prob(
        self,
        scores: LinearChainParts,
        chosen: LinearChainParts,
        lengths: Lengths | None = None,
        mask: LinearChainParts | None = None,
    ) -> PerRow:
        """Return log p of the chosen candidates."""
        emissions, transitions, *others = self._arguments(scores, lengths, mask)
        return _sums(scores).log_prob(emissions, transitions, chosen.emissions, chosen.transitions, *others)

    def _tags_log_prob(
        self,
        scores: LinearChainParts,
        tags: Tensor,
        lengths: Lengths | None = None,
        mask: LinearChainParts | None = None,
    ) -> PerRow:
        """Return log p of the sequences with these tags, -1 for none; -inf where one has an excluded part."""
        emissions, transitions, *others = self._arguments(scores, lengths, mask)
        return _operators(scores).tags_log_prob(emissions, transitions, tags, *others)

    def _entropy(
        self, scores: LinearChainParts, lengths: Lengths | None = None, mask: LinearChainParts | None = None
    ) -> PerRow:
        """Return the entropy of p(z) in nats, shape `[batch]`; differentiable."""
        return _sums(scores).entropy(*self._arguments(scores, lengths, mask)).to(common_dtype(scores))

    def sample_seeded(
        self,
        scores: LinearChainParts,
        seeds: Seeds,
        lengths: Lengths | None = None,
        mask: LinearChainParts | None = None,
    ) -> LinearChainParts:
        """Return one exact sample of each row; see the base class."""
        return _typed(scores, chain_sample(*self._arguments(_detached(scores), lengths, mask), seeds))

    def _arguments(
        self, scores: LinearChainParts, lengths: Lengths | None, mask: LinearChainParts | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        check_chains("scores", scores, lengths, mask)
        tags, pairs = (None, None) if mask is None else map(mask_or_none, scores, mask)
        emissions, transitions = map(widen, scores)
        if emissions.dtype is not transitions.dtype:
            emissions, transitions = emissions.double(), transitions.double()
        return emissions, transitions, chain_lengths(scores, lengths), tags, pairs


def _operators(scores: LinearChainParts) -> ChainOperators:
    check_chains("scores", scores)
    return SHARED_CHAIN if scores.is_shared else CHAIN


def _sums(scores: LinearChainParts) -> GibbsOperators:
    return _operators(scores).gibbs


def _detached(scores: LinearChainParts) -> LinearChainParts:
    check_chains("scores", scores)
    return LinearChainParts(scores.emissions.detach(), scores.transitions.detach())


def _typed(scores: LinearChainParts, parts: tuple[Tensor, Tensor]) -> LinearChainParts:
    return LinearChainParts(*map(narrow, parts, scores))
