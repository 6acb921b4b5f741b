"""The labels of each arc sum to the arc: the outer polytope of semantic graphs."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import Polytope
from ..checks import narrow
from ..kernels.semantic_graph.labeled_arcs import project_labeled_arcs
from ..parts.base import map_parts
from ..parts.graph import SemanticGraphParts, check_graphs, graph_arguments
from ..shapes import Lengths


@dataclass(frozen=True)
class LabeledArcs(Polytope[SemanticGraphParts]):
    """{Σ_k label[i, j, k] = arc[i, j], all in [0, 1]} (Peng et al. 2018, Equation 6), with predicates in [0, 1].

    Each arc is projected with its labels, independently of other arcs. Two constraints are relaxed: an arc needs its
    predicate, and a predicate may use a deterministic label only once.
    """

    def project(
        self, point: SemanticGraphParts, lengths: Lengths | None = None, mask: SemanticGraphParts | None = None
    ) -> SemanticGraphParts:
        """Return the nearest point of the polytope; differentiable. CUDA tensors are projected on the CPU.

        Args:
            point: NaN or +inf at an arc or a label makes the arc and its labels NaN; at a predicate, the predicate.
            lengths: tokens in each sentence, without ROOT, `[batch]`; None: all rows are full.
            mask: bool, True = candidate. Each tensor need only broadcast to the shape of its scores.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate: no arc without its predicate and some
            label, no label without its arc.
        """
        check_graphs("point", point, lengths, mask)
        projected = SemanticGraphParts(*project_labeled_arcs(*graph_arguments(point, lengths, mask), False))
        return map_parts(narrow, projected, point)
