"""Non-projective dependency trees."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import AccurateSums
from ..checks import constant, narrow
from ..kernels.nonprojective.argmax import nonprojective_argmax
from ..kernels.nonprojective.sample import nonprojective_sample
from ..kernels.nonprojective.sums import NONPROJECTIVE
from ..shapes import Arcs, Lengths, Mask, PerRow, Seeds
from .dependency_tree import DependencyTree


@dataclass(frozen=True)
class NonProjectiveTree(DependencyTree):
    """All dependency trees over the tokens of a sentence; with `single_root`, those with one child of ROOT.

    Scores are `[batch, head, modifier]`, node 0 is ROOT; `lengths[batch]` counts tokens without ROOT. The argmax is a
    maximum spanning arborescence (McDonald et al. 2005), in O(n²). Sums over trees use the matrix-tree theorem (Koo et
    al. 2007), in O(n³), and are accurate at any scale of the scores. All is computed in float64 on the CPU; CUDA
    tensors are copied there and back.
    """

    projective = False

    def argmax(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> Arcs:
        """Return the highest-scoring tree, 0/1, shaped and typed like `scores`, detached.

        Ties go to the smaller head.

        Raises:
            ValueError: shapes do not fit; a candidate scores NaN or +inf; a sentence has no tree.
        """
        return narrow(nonprojective_argmax(*self._arguments(constant(scores), lengths, mask)), scores)

    def log_partition(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; twice differentiable. Errors are those of `argmax`."""
        return narrow(NONPROJECTIVE.log_partition(*self._arguments(scores, lengths, mask)), scores)

    def marginals(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> Arcs:
        """Return the probability of each arc, shaped like `scores`; differentiable. Errors are those of `argmax`."""
        return narrow(NONPROJECTIVE.marginals(*self._arguments(scores, lengths, mask)), scores)

    @property
    def accurate(self) -> AccurateSums:
        """Log-probabilities and entropies that are right for scores of any size."""
        return AccurateSums(self._log_prob, self._entropy)

    def _log_prob(self, scores: Arcs, chosen: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return log p of the chosen candidates."""
        wide, *others = self._arguments(scores, lengths, mask)
        return NONPROJECTIVE.log_prob(wide, chosen, *others)

    def _entropy(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> PerRow:
        """Return the entropy of p(z) in nats, shape `[batch]`; differentiable."""
        return narrow(NONPROJECTIVE.entropy(*self._arguments(scores, lengths, mask)), scores)

    def sample_seeded(
        self, scores: Arcs, seeds: Seeds, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> Arcs:
        """Return the arcs of one exact sample of each row; see the base class. Errors are those of `argmax`."""
        return narrow(nonprojective_sample(*self._arguments(constant(scores), lengths, mask), seeds), scores)
