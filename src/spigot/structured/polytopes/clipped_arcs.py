"""The polytope of labelled arcs, with the mapping onto it of the published program."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import Polytope
from ..checks import narrow
from ..kernels.semantic_graph.labeled_arcs import project_labeled_arcs
from ..parts.base import map_parts
from ..parts.graph import SemanticGraphParts, check_graphs, graph_arguments
from ..shapes import Lengths


@dataclass(frozen=True)
class ClippedArcs(Polytope[SemanticGraphParts]):
    """The set of `LabeledArcs`, with two projections in sequence in place of the nearest point.

    First each arc is clipped to [0, 1], independently of its labels. Then its labels are projected onto the simplex
    that sums to the arc. The program published with Peng et al. 2018 does this in place of the projection onto their
    Equation 6, so a gradient for labels never moves their arc. That program does not project predicates; here they are
    clipped to [0, 1].
    """

    def project(
        self, point: SemanticGraphParts, lengths: Lengths | None = None, mask: SemanticGraphParts | None = None
    ) -> SemanticGraphParts:
        """Return a point of the polytope, not in general the nearest; arguments are those of `LabeledArcs.project`."""
        check_graphs("point", point, lengths, mask)
        clipped = SemanticGraphParts(*project_labeled_arcs(*graph_arguments(point, lengths, mask), True))
        return map_parts(narrow, clipped, point)
