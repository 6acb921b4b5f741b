"""Projective dependency trees."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import AccurateSums
from ..checks import constant, narrow
from ..kernels.projective.argmax import projective_argmax
from ..kernels.projective.sample import projective_sample
from ..kernels.projective.sums import PROJECTIVE
from ..shapes import Arcs, Lengths, Mask, PerRow, Seeds
from .dependency_tree import DependencyTree


@dataclass(frozen=True)
class ProjectiveTree(DependencyTree):
    """Dependency trees over ROOT and the tokens without crossing arcs (Eisner 1996).

    Scores are `[batch, head, modifier]`, node 0 is ROOT, `lengths[batch]` counts tokens without ROOT. A sentence of
    length 0 has the empty tree. All is exact: O(n³) time and O(n²) memory for each sentence. Marginals are computed in
    float64 on the CPU, and in the precision of the scores on a GPU. The GPU needs triton: without it, and for samples,
    CUDA tensors are copied to the CPU and back.

    Args:
        single_root: ROOT has exactly one child; else at least one.

    Ties are broken from the top down. With `single_root`, ROOT takes the first possible child. Everywhere else a head
    takes the last possible outermost child on its right and the last possible outermost child on its left; the tokens
    between a head and its child go to the left one of the two if possible. So if all trees have equal scores, the head
    of each token is ROOT or, with `single_root`, the first token. Scores are compared in the arithmetic of the chart,
    after the best score of each modifier is subtracted from all its arcs; integers up to 2^24 / n, for instance, are
    compared exactly.
    """

    projective = True

    def argmax(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> Arcs:
        """Return the arcs of the highest-scoring tree, 0/1, shaped and typed like `scores`."""
        return narrow(projective_argmax(*self._arguments(constant(scores), lengths, mask)), scores)

    def log_partition(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""
        return narrow(PROJECTIVE.log_partition(*self._arguments(scores, lengths, mask)), scores)

    def marginals(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> Arcs:
        """Return the probability of each arc, shaped like `scores`; differentiable (true derivative)."""
        return narrow(PROJECTIVE.marginals(*self._arguments(scores, lengths, mask)), scores)

    @property
    def accurate(self) -> AccurateSums:
        """Log-probabilities and entropies that are right for scores of any size."""
        return AccurateSums(self._log_prob, self._entropy)

    def _log_prob(self, scores: Arcs, chosen: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return log p of the chosen candidates."""
        wide, *others = self._arguments(scores, lengths, mask)
        return PROJECTIVE.log_prob(wide, chosen, *others)

    def _entropy(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return the entropy of p(z) in nats, shape `[batch]`; differentiable."""
        return narrow(PROJECTIVE.entropy(*self._arguments(scores, lengths, mask)), scores)

    def sample_seeded(
        self, scores: Arcs, seeds: Seeds, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> Arcs:
        """Return the arcs of one exact sample of each row; see the base class."""
        return narrow(projective_sample(*self._arguments(constant(scores), lengths, mask), seeds), scores)
