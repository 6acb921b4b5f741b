"""Dependency trees, projective or not."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import MarginalStructure, Polytope
from ..checks import constant, narrow
from ..kernels.nonprojective.argmax import nonprojective_argmax
from ..kernels.nonprojective.sample import nonprojective_sample
from ..kernels.nonprojective.sums import (
    nonprojective_log_partition,
    nonprojective_marginals,
)
from ..parts.arcs import Heads, arc_arguments, arc_part_mask
from ..polytopes.hull import Hull
from ..polytopes.single_head import SingleHead


@dataclass(frozen=True)
class NonProjectiveTree(MarginalStructure[Tensor]):
    """All dependency trees over the tokens of a sentence; with `single_root`, those with one child of ROOT.

    Scores are `[batch, head, modifier]`, node 0 being ROOT; `lengths[batch]` counts tokens without ROOT. The argmax is
    a maximum spanning arborescence (McDonald et al. 2005), in O(n²). Sums over trees are those of the matrix-tree
    theorem (Koo et al. 2007), in O(n³), and right at any scale of the scores. All of it is computed in float64 on the
    CPU, wherever the scores are.
    """

    single_root: bool = True

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """Each modifier has one head."""
        return SingleHead()

    @property
    def hull(self) -> Polytope[Tensor]:
        """The convex hull, by active set."""
        return Hull(self)

    @property
    def compact_form(self) -> Heads:
        """The head of each modifier."""
        return Heads(projective=False, single_root=self.single_root)

    def part_mask(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return which arcs may be chosen (bool, shaped like `scores`)."""
        return arc_part_mask(scores, lengths, mask)

    def argmax(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the highest-scoring tree, 0/1, shaped and typed like `scores`, detached.

        Ties go to the smaller head.

        Raises:
            ValueError: shapes do not fit; a candidate scores NaN or +inf; a sentence has no tree.
        """
        return narrow(nonprojective_argmax(*self._arguments(constant(scores), lengths, mask)), scores)

    def log_partition(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; twice differentiable. Errors are those of `argmax`."""
        return narrow(nonprojective_log_partition(*self._arguments(scores, lengths, mask)), scores)

    def marginals(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the probability of each arc, shaped like `scores`; differentiable. Errors are those of `argmax`."""
        return narrow(nonprojective_marginals(*self._arguments(scores, lengths, mask)), scores)

    def sample_seeded(
        self, scores: Tensor, seeds: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return the arcs of one exact sample of each row; see the base class. Errors are those of `argmax`."""
        return narrow(nonprojective_sample(*self._arguments(constant(scores), lengths, mask), seeds), scores)

    def _arguments(
        self, scores: Tensor, lengths: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None, Tensor | None, bool]:
        return *arc_arguments(scores, lengths, mask), self.single_root
