"""The convex hull of semantic graphs: the tightest polytope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope
from ..checks import narrow
from ..kernels.semantic_graph.hull import project_graph_hull
from ..parts.base import map_parts
from ..parts.graph import SemanticGraphParts, check_graphs, deterministic_flags, graph_arguments
from ..shapes import Lengths


@dataclass(frozen=True)
class GraphHull(Polytope[SemanticGraphParts]):
    """The convex hull of the graphs of `SemanticGraph(deterministic)`: for each predicate p, arc a_j and label b_jk

        0 <= p <= 1,    a_j <= p,    b_jk >= 0,    Σ_k b_jk = a_j,    Σ_j b_jk <= p  for each deterministic k.

    This is the exact hull. With p = 1 these are the constraints of a bipartite assignment of arguments to labels, which
    are totally unimodular: all vertices are 0/1, the graphs in which the predicate is on. All constraints but the first
    scale with p. So for p < 1 the set is p times that polytope: mixtures of its points with 0, the only graph in which
    the predicate is off. Predicates share no constraint.

    Args:
        deterministic: as in `SemanticGraph`.
    """

    deterministic: Tensor | Sequence[bool] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "deterministic", tuple(bool(flag) for flag in self.deterministic))

    def project(
        self, point: SemanticGraphParts, lengths: Lengths | None = None, mask: SemanticGraphParts | None = None
    ) -> SemanticGraphParts:
        """Return the nearest point of the hull; differentiable. It is computed in float64, on the CPU.

        Arguments and result are those of `LabeledArcs.project`, but NaN or +inf at a candidate makes its whole
        predicate NaN, with all its arcs and labels.
        """
        check_graphs("point", point, lengths, mask)
        flags = deterministic_flags("point", tuple(self.deterministic), point.labels)
        *projected, _ = project_graph_hull(*graph_arguments(point, lengths, mask), flags)
        return map_parts(narrow, SemanticGraphParts(*projected), point)
