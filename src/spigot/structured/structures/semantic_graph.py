"""First-order semantic graphs: predicates, unlabelled arcs and labelled arcs (paper section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full
from ..kernels.graph_assignment import semantic_graph_argmax


class SemanticGraphParts(NamedTuple):
    """Scores, 0/1 indicators or candidates (bool) of the parts of a batch of graphs.

    n counts the tokens of the longest sentence and ROOT, which is node 0. Tops are arcs from ROOT, which is a
    predicate like any other, but never a modifier; no node is its own modifier.
    """

    predicates: Tensor
    """[batch, n]"""
    arcs: Tensor
    """[batch, n, n], head before modifier"""
    labels: Tensor
    """[batch, n, n, label]"""


@dataclass(frozen=True)
class SemanticGraph:
    """Graphs in which every arc has its predicate and exactly one label.

    `deterministic` says for each label whether a predicate may use it at most once (Flanigan et al. 2014);
    empty means that none is restricted. A tensor or any sequence of booleans is stored as a tuple.
    """

    deterministic: Tensor | Sequence[bool] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "deterministic", tuple(bool(flag) for flag in self.deterministic))

    def decode(
        self,
        parts: SemanticGraphParts,
        lengths: Tensor | None = None,
        mask: SemanticGraphParts | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the best graphs in compact form.

        Exact: an arc adds its own score and that of its label; a predicate is in the graph iff its score plus
        that of its best arcs is above 0. Ties go to no arc, no predicate and the smaller label; of arguments
        that compete for a deterministic label on equal terms the smaller wins. Half precision is computed in
        float32, sums in float64. Scores on another device are decoded on the CPU.

        Args:
            parts: scores. What lengths, mask, a score of -inf, or the structure rules out is never read.
            lengths: tokens in each sentence, without ROOT, `[batch]`; None: all rows are full.
            mask: bool, True = candidate. Each tensor need only broadcast to the shape of its scores.

        Returns:
            The predicates (bool, `[batch, n]`) and the label of each arc (int64, `[batch, n, n]`, -1 = none).

        Raises:
            TypeError: a tensor of the wrong dtype.
            ValueError: shapes disagree, or a candidate's score is NaN or +inf.
        """
        predicates, arcs, labels = parts
        flags = self._check(parts, lengths, mask)
        lengths = lengths_or_full(arcs, lengths, arcs.size(1) - 1)
        if mask is None:
            everything = torch.ones((), dtype=torch.bool, device=arcs.device)
            mask = SemanticGraphParts(everything, everything, everything)
        return semantic_graph_argmax(
            predicates,
            arcs,
            labels,
            lengths,
            flags,
            mask.predicates.expand(predicates.shape),
            mask.arcs.expand(arcs.shape),
            mask.labels.expand(labels.shape) if mask.labels.dim() else None,
        )

    def argmax(
        self,
        parts: SemanticGraphParts,
        lengths: Tensor | None = None,
        mask: SemanticGraphParts | None = None,
    ) -> SemanticGraphParts:
        """Return the best graphs as 0/1 parts, in the shapes and dtypes of the scores; see `decode`."""
        predicates, arc_labels = self.decode(parts, lengths, mask)
        return one_hot_parts(predicates, arc_labels, parts)

    def score(self, parts: SemanticGraphParts, predicates: Tensor, arc_labels: Tensor) -> Tensor:
        """Return the score `[batch]` of graphs in `decode`'s form; differentiable in `parts`."""
        arcs = arc_labels >= 0
        chosen = parts.labels.gather(3, arc_labels.clamp(min=0).unsqueeze(3)).squeeze(3)
        of_arcs = torch.where(arcs, parts.arcs + chosen, 0).flatten(1).sum(1)
        return of_arcs + torch.where(predicates, parts.predicates, 0).sum(1)

    def _check(self, parts: SemanticGraphParts, lengths: Tensor | None, mask: SemanticGraphParts | None) -> Tensor:
        predicates, arcs, labels = parts
        check_arguments("parts.arcs", arcs, "batch head modifier", lengths)
        check_arguments("parts.predicates", predicates, "batch node")
        check_arguments("parts.labels", labels, "batch head modifier label")
        if predicates.shape != arcs.shape[:2]:
            raise ValueError(f"parts.predicates: expected shape {list(arcs.shape[:2])}, got {list(predicates.shape)}")
        if labels.shape[:3] != arcs.shape:
            raise ValueError(f"parts.labels: expected shape {list(arcs.shape)} and labels, got {list(labels.shape)}")
        flags = self.deterministic or (False,) * labels.size(3)
        if len(flags) != labels.size(3):
            raise ValueError(f"parts.labels: expected {len(flags)} labels as in `deterministic`, got {labels.size(3)}")
        for name, candidates in mask._asdict().items() if mask is not None else ():
            if candidates.dtype is not torch.bool:
                raise TypeError(f"mask.{name}: expected bool, got {candidates.dtype}")
        return torch.tensor(flags, dtype=torch.bool)


def one_hot_parts(predicates: Tensor, arc_labels: Tensor, like: SemanticGraphParts) -> SemanticGraphParts:
    """Turn graphs in the form of `SemanticGraph.decode` into 0/1 parts, shaped and typed like `like`."""
    arcs = arc_labels >= 0
    labels = torch.zeros_like(like.labels)
    if labels.size(3):
        labels.scatter_(3, arc_labels.clamp(min=0).unsqueeze(3), arcs.unsqueeze(3).to(labels.dtype))
    return SemanticGraphParts(predicates.to(like.predicates.dtype), arcs.to(like.arcs.dtype), labels)
