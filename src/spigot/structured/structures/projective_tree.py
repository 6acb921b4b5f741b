"""Projective dependency trees."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import MarginalStructure, Polytope
from ..checks import constant, narrow
from ..kernels.projective.argmax import projective_argmax
from ..kernels.projective.sample import projective_sample
from ..kernels.projective.sums import (
    projective_log_partition,
    projective_marginals,
)
from ..parts.arcs import Heads, arc_arguments, arc_part_mask
from ..polytopes.hull import Hull
from ..polytopes.single_head import SingleHead


@dataclass(frozen=True)
class ProjectiveTree(MarginalStructure[Tensor]):
    """Dependency trees over ROOT and the tokens, drawn without crossing arcs (Eisner 1996).

    Scores are `[batch, head, modifier]`, node 0 is ROOT, `lengths[batch]` counts tokens without ROOT. A sentence of
    length 0 has the empty tree. All is exact: O(n³) time and O(n²) memory for each sentence. Marginals are computed in
    float64 on the CPU, in the precision of the scores on a GPU. There triton is needed: without it, and for samples,
    CUDA tensors are copied to the CPU and back.

    Args:
        single_root: ROOT has exactly one child; else at least one.

    Ties are broken from the top down. With `single_root` the first possible child of ROOT is taken.
    Everywhere else a head takes the last possible outermost child on its right, and the last possible outermost child
    on its left; and what lies between a head and its child goes to the left of the two as far as possible. So if all
    trees are equal, all tokens hang from ROOT, or, with `single_root`, from the first token. Trees count as
    equal if their scores are so in the arithmetic of the chart, after the best score of each modifier is taken off all
    its arcs; integers up to 2^24 / n, for instance, are compared exactly.
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
        return Heads(projective=True, single_root=self.single_root)

    def part_mask(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return which arcs may be chosen (bool, shaped like `scores`)."""
        return arc_part_mask(scores, lengths, mask)

    def argmax(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the arcs of the highest-scoring tree, 0/1, shaped and typed like `scores`."""
        return narrow(projective_argmax(*self._arguments(constant(scores), lengths, mask)), scores)

    def log_partition(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""
        return narrow(projective_log_partition(*self._arguments(scores, lengths, mask)), scores)

    def marginals(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the probability of each arc, shaped like `scores`; differentiable (true derivative)."""
        return narrow(projective_marginals(*self._arguments(scores, lengths, mask)), scores)

    def sample_seeded(
        self, scores: Tensor, seeds: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return the arcs of one exact sample of each row; see the base class."""
        return narrow(projective_sample(*self._arguments(constant(scores), lengths, mask), seeds), scores)

    def _arguments(
        self, scores: Tensor, lengths: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None, Tensor | None, bool]:
        return *arc_arguments(scores, lengths, mask), self.single_root
