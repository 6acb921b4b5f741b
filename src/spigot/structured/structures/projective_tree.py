"""Projective dependency trees."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.projective.argmax import projective_argmax
from ..kernels.projective.sample import projective_sample
from ..kernels.projective.sums import PROJECTIVE
from .dependency_tree import DependencyTree
from .labelled import Kernels


@dataclass(frozen=True)
class ProjectiveTree(DependencyTree):
    """Dependency trees over ROOT and the tokens without crossing arcs (Eisner 1996).

    Scores are `[batch, head, modifier]`, node 0 is ROOT, `lengths[batch]` counts tokens without ROOT. A sentence of
    length 0 has the empty tree. All is exact: O(n³) time and O(n²) memory for each sentence. Marginals are computed in
    float64 on the CPU, and in the precision of the scores on a GPU. The GPU needs triton: without it, and for samples,
    CUDA tensors are copied to the CPU and back.

    Args:
        single_root: ROOT has exactly one child; else at least one.
        labels: scores are `[batch, head, modifier, label]`, and each arc of the tree has exactly one label.

    Ties are broken from the top down. With `single_root`, ROOT takes the first possible child. Everywhere else a head
    takes the last possible outermost child on its right and the last possible outermost child on its left; the tokens
    between a head and its child go to the left one of the two if possible. So if all trees have equal scores, the head
    of each token is ROOT or, with `single_root`, the first token. Scores are compared in the arithmetic of the chart,
    after the best score of each modifier is subtracted from all its arcs; integers up to 2^24 / n, for instance, are
    compared exactly. Of equally good labels the smallest is taken.
    """

    projective = True
    kernels = Kernels(projective_argmax, PROJECTIVE, projective_sample)
