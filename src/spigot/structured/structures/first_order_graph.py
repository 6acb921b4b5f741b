"""The base class of first-order semantic graphs: predicates, unlabelled arcs and labelled arcs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..parts.graph import (
    ArcLabelsForm,
    SemanticGraphParts,
    arcs_inside,
    check_graphs,
    deterministic_flags,
    nodes_inside,
)
from ..polytopes.graph_hull import GraphHull
from ..polytopes.labeled_arcs import LabeledArcs
from ..shapes import ArcLabels, GraphPredicates, Lengths, PerRow

FAR = 1e150
"""More than the scores of a graph add up to."""


@dataclass(frozen=True)
class FirstOrderGraph(Structure[SemanticGraphParts]):
    """Graphs in which every arc has its predicate and exactly one label (Peng et al. 2018, section 3).

    Scores, and masks, are `SemanticGraphParts`; `lengths[batch]` counts tokens without ROOT.

    Args:
        deterministic: as in `SemanticGraph`.
    """

    deterministic: Tensor | Sequence[bool] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "deterministic", tuple(bool(flag) for flag in self.deterministic))

    @property
    def relaxation(self) -> Polytope[SemanticGraphParts]:
        """The labels of each arc sum to the arc (Equation 6); predicates and determinism are relaxed."""
        return LabeledArcs()

    @property
    def hull(self) -> Polytope[SemanticGraphParts]:
        """The convex hull, a quadratic program for each predicate."""
        return GraphHull(self.deterministic)

    @property
    def compact_form(self) -> ArcLabelsForm:
        """The label of each arc."""
        return ArcLabelsForm(tuple(self.deterministic))

    def part_mask(
        self, scores: SemanticGraphParts, lengths: Lengths | None = None, mask: SemanticGraphParts | None = None
    ) -> SemanticGraphParts:
        """Return which parts may be chosen: an arc only with its predicate and some label, a label with its arc."""
        self._check(scores, lengths, mask)
        predicates, arcs, labels = (part != -torch.inf for part in scores)
        if mask is not None:
            predicates, arcs, labels = predicates & mask.predicates, arcs & mask.arcs, labels & mask.labels
        predicates = predicates & nodes_inside(scores.arcs, lengths)
        arcs = arcs & predicates[:, :, None] & arcs_inside(scores.arcs, lengths) & labels.any(3)
        return SemanticGraphParts(predicates, arcs, labels & arcs[..., None])

    def require(
        self, scores: SemanticGraphParts, required: SemanticGraphParts, valid: SemanticGraphParts
    ) -> tuple[SemanticGraphParts, SemanticGraphParts]:
        """Exclude what competes with required labels, and put required predicates and arcs far above 0.

        So nothing is rounded away: a predicate's total and an arc's score are only compared with 0.
        """
        flags = deterministic_flags("scores", tuple(self.deterministic), scores.labels).to(scores.arcs.device)
        of_arcs = required.labels.any(3)
        of_predicates = required.labels.any(2, keepdim=True) & flags
        labels = valid.labels & (required.labels | ~(of_arcs.unsqueeze(3) | of_predicates))
        arcs, predicates = required.arcs | of_arcs, required.predicates | (required.arcs | of_arcs).any(2)
        raised = SemanticGraphParts(
            scores.predicates.masked_fill(predicates, FAR), scores.arcs.masked_fill(arcs, FAR), scores.labels
        )
        return raised, valid._replace(labels=labels)

    @abstractmethod
    def decode(
        self,
        scores: SemanticGraphParts,
        lengths: Lengths | None = None,
        mask: SemanticGraphParts | None = None,
    ) -> tuple[GraphPredicates, ArcLabels]:
        """Return the decoded graphs in compact form.

        Half precision is computed in float32, sums in float64. Scores on another device are decoded on the CPU.

        Args:
            scores: one for each part. What lengths, mask, a score of -inf or the structure excludes is never read.
            lengths: tokens in each sentence, without ROOT, `[batch]`; None: all rows are full.
            mask: bool, True = candidate. Each tensor need only broadcast to the shape of its scores.

        Returns:
            The predicates (bool, `[batch, n]`) and the label of each arc (int64, `[batch, n, n]`, -1 = none).

        Raises:
            TypeError: a tensor of the wrong dtype.
            ValueError: shapes disagree, or a candidate's score is NaN or +inf.
        """

    def argmax(
        self,
        scores: SemanticGraphParts,
        lengths: Lengths | None = None,
        mask: SemanticGraphParts | None = None,
    ) -> SemanticGraphParts:
        """Return the decoded graphs as 0/1 parts, shaped and typed like the scores; see `decode`."""
        predicates, arc_labels = self.decode(scores, lengths, mask)
        return one_hot_parts(predicates, arc_labels, scores)

    def score_decoded(self, scores: SemanticGraphParts, predicates: GraphPredicates, arc_labels: ArcLabels) -> PerRow:
        """Return the score `[batch]` of graphs in `decode`'s form; differentiable in `scores`.

        The result is that of `score` for the same graphs as 0/1 parts, but it reads far fewer numbers.
        """
        arcs = arc_labels >= 0
        chosen = scores.labels.gather(3, arc_labels.clamp(min=0).unsqueeze(3)).squeeze(3)
        of_arcs = torch.where(arcs, scores.arcs + chosen, 0).flatten(1).sum(1)
        return of_arcs + torch.where(predicates, scores.predicates, 0).sum(1)

    def _check(self, scores: SemanticGraphParts, lengths: Lengths | None, mask: SemanticGraphParts | None) -> Tensor:
        check_graphs("scores", scores, lengths, mask)
        return deterministic_flags("scores", tuple(self.deterministic), scores.labels)


def one_hot_parts(predicates: GraphPredicates, arc_labels: ArcLabels, like: SemanticGraphParts) -> SemanticGraphParts:
    """Turn graphs in the form of `FirstOrderGraph.decode` into 0/1 parts, shaped and typed like `like`."""
    arcs = arc_labels >= 0
    labels = torch.zeros_like(like.labels)
    if labels.size(3):
        labels = labels.scatter(3, arc_labels.clamp(min=0).unsqueeze(3), arcs.unsqueeze(3).to(labels.dtype))
    return SemanticGraphParts(predicates.to(like.predicates.dtype), arcs.to(like.arcs.dtype), labels)
