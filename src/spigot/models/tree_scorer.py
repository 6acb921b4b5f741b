"""From the states of tokens to arc scores, trees and labels (paper section 4.1.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from spigot.data.sentence import NO_LABEL, Tree
from spigot.data.vocabulary import Labels
from spigot.models.config import NamedScorer, NamedTreeStructure
from spigot.models.scorers.base import PairScorer
from spigot.structured import arcs_to_heads


class ScoredArcs(NamedTuple):
    """`scores[batch, head, modifier]` in single precision, and the `states[batch, n, d]` that they come from."""

    scores: Tensor
    states: Tensor


class TreeScorer(nn.Module):
    """Scores the arcs of a dependency tree and, given `labels`, the labels of arcs once these are chosen.

    `structure` says which arcs are a tree. Labels have no part in that: each arc of the best tree gets the label that
    scores highest (Kiperwasser & Goldberg 2016; Dozat & Manning 2017).

    Args:
        scorer: makes the scorers of arcs and labels.
        structure: the trees.
        input_dim: width of a state.
        labels: None for a parser without labels.
    """

    def __init__(
        self, scorer: NamedScorer, structure: NamedTreeStructure, input_dim: int, labels: Labels | None = None
    ) -> None:
        super().__init__()
        self.labels = labels
        self.structure = structure.build()
        made = scorer.build()
        self.arc = made.tree_arcs(input_dim)
        self.label: PairScorer | None = None
        if labels is not None:
            self.label = made.labels(input_dim, len(labels))

    def score(self, states: Tensor) -> ScoredArcs:
        """Return the scores of all arcs between the tokens of `states[batch, n, input_dim]`."""
        return ScoredArcs(self.arc(states).squeeze(-1).float(), states)

    def label_scores(self, states: Tensor, heads: Tensor) -> Tensor:
        """Return the scores `[batch, modifier, label]` of the labels of one arc to each token.

        `heads[batch, modifier]` has -1 at ROOT and past the lengths, where scores mean nothing.
        """
        if self.label is None:
            raise ValueError("labels: expected a parser that was made with labels, got one without")
        return self.label.at(states, heads.clamp(min=0)).float()

    @torch.no_grad()
    def trees(self, output: ScoredArcs, lengths: Tensor) -> list[Tree]:
        """Return the tree of highest score for each sentence; labels are "_" in a parser without labels."""
        heads = arcs_to_heads(self.structure.argmax(output.scores, lengths), lengths)
        names: list[str] = [NO_LABEL]
        numbers = torch.zeros_like(heads)
        if self.labels is not None:
            names, numbers = self.labels.names, self.label_scores(output.states, heads).argmax(-1)
        rows = zip(heads.tolist(), numbers.tolist(), lengths.tolist(), strict=True)
        return [Tree(tuple(row[1 : n + 1]), tuple(names[k] for k in label[1 : n + 1])) for row, label, n in rows]
