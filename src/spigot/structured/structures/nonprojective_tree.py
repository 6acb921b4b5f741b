"""Non-projective dependency trees."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.nonprojective.argmax import nonprojective_argmax
from ..kernels.nonprojective.sample import nonprojective_sample
from ..kernels.nonprojective.sums import NONPROJECTIVE
from .dependency_tree import DependencyTree
from .labelled import Kernels


@dataclass(frozen=True)
class NonProjectiveTree(DependencyTree):
    """All dependency trees over the tokens of a sentence; with `single_root`, those with one child of ROOT.

    Scores are `[batch, head, modifier]`, node 0 is ROOT; `lengths[batch]` counts tokens without ROOT. The argmax is a
    maximum spanning arborescence (McDonald et al. 2005), in O(n²). Sums over trees use the matrix-tree theorem (Koo et
    al. 2007), in O(n³), and are accurate at any scale of the scores. All is computed in float64 on the CPU; CUDA
    tensors are copied there and back. Ties go to the smaller head.

    Args:
        single_root: ROOT has exactly one child; else at least one.
        labels: scores are `[batch, head, modifier, label]`, and each arc of the tree has exactly one label. Of equally
            good labels the smallest is taken.
    """

    projective = False
    kernels = Kernels(nonprojective_argmax, NONPROJECTIVE, nonprojective_sample)
