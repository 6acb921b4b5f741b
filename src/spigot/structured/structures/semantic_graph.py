"""First-order semantic graphs, decoded exactly (paper section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.semantic_graph.argmax import semantic_graph_argmax
from ..parts.graph import SemanticGraphParts, graph_arguments
from ..shapes import ArcLabels, GraphPredicates, Lengths
from .first_order_graph import FirstOrderGraph


@dataclass(frozen=True)
class SemanticGraph(FirstOrderGraph):
    """Graphs in which every arc has its predicate and exactly one label (Peng et al. 2018, section 3).

    Scores, and masks, are `SemanticGraphParts`; `lengths[batch]` counts tokens without ROOT. Decoding is exact.

    Args:
        deterministic: for each label, whether a predicate may use it at most once (Flanigan et al. 2014); empty
            means no label is restricted. A tensor or a sequence of booleans is stored as a tuple.

    In a tie there is no arc, no predicate, and the smaller label is taken. If two arguments with equal scores compete
    for a deterministic label, the smaller one gets it.
    """

    def decode(
        self,
        scores: SemanticGraphParts,
        lengths: Lengths | None = None,
        mask: SemanticGraphParts | None = None,
    ) -> tuple[GraphPredicates, ArcLabels]:
        """Return the best graphs in compact form; see the base class.

        An arc adds its own score and that of its label. A predicate is in the graph if its score plus the scores of its
        best arcs is above 0.
        """
        flags = self._check(scores, lengths, mask)
        predicates, arcs, labels, tokens, predicate_mask, arc_mask, label_mask = graph_arguments(scores, lengths, mask)
        return semantic_graph_argmax(predicates, arcs, labels, tokens, flags, predicate_mask, arc_mask, label_mask)
