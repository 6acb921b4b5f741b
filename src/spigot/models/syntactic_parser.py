"""The arc-factored syntactic parser of Kiperwasser & Goldberg (2016), with exact decoding (section 4.1.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from spigot.data.sentence import NO_LABEL, SYNTAX, Sentence, Tree
from spigot.data.vocabulary import Labels, Tokens, Vocabulary
from spigot.models.config import SyntaxConfig
from spigot.models.scorers.base import PairScorer
from spigot.structured import arcs_to_heads


class ScoredArcs(NamedTuple):
    """`scores[batch, head, modifier]` in single precision, and the `states[batch, n, d]` that they come from."""

    scores: Tensor
    states: Tensor


class SyntacticParser(nn.Module):
    """Scores the arcs of a dependency tree and, given `labels`, the labels of arcs once these are chosen.

    `config.structure` says which arcs are a tree. Labels have no part in that: each arc of the best tree gets the label
    that scores highest (Kiperwasser & Goldberg 2016; Dozat & Manning 2017).
    """

    def __init__(
        self,
        config: SyntaxConfig,
        vocabulary: Vocabulary,
        labels: Labels | None = None,
        vectors: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.labels = labels
        self.structure = config.structure.build()
        self.encoder = config.encoder.build(vocabulary=vocabulary, vectors=vectors)
        scorer = config.scorer.build()
        self.arc = scorer.tree_arcs(self.encoder.output_dim)
        self.label: PairScorer | None = None
        if labels is not None:
            self.label = scorer.labels(self.encoder.output_dim, len(labels))

    @property
    def word_dropout(self) -> float:
        """See `Encoder`."""
        return self.encoder.word_dropout

    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> ScoredArcs:
        """Return the scores of all arcs."""
        states = self.encoder(tokens, dropped)
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

    def start_from(self, other: SyntacticParser) -> None:
        """Take the weights of a trained parser of the same vocabulary; labels, if this one has some, are the same."""
        weights = other.state_dict()
        if self.label is None:
            weights = {name: tensor for name, tensor in weights.items() if not name.startswith("label.")}
        self.load_state_dict(weights)


def gold_heads(sentences: Sequence[Sentence], name: str = SYNTAX) -> Tensor:
    """Return `heads[batch, n]` of the trees of this name: -1 at ROOT and past the lengths."""
    return _rows(sentences, name, lambda tree: tree.heads)


def gold_labels(sentences: Sequence[Sentence], labels: Labels, name: str = SYNTAX) -> Tensor:
    """Return the numbers `[batch, n]` of the labels: -1 at ROOT, past the lengths and where a label is not known."""
    return _rows(sentences, name, lambda tree: [labels[label] for label in tree.labels])


def _rows(sentences: Sequence[Sentence], name: str, numbers: Callable[[Tree], Sequence[int]]) -> Tensor:
    n = 1 + max((len(sentence) for sentence in sentences), default=0)
    rows = np.full((len(sentences), n), -1, np.int64)
    for row, sentence in enumerate(sentences):
        if name not in sentence.trees:
            raise ValueError(f"sentence {sentence.id}: expected a tree {name!r}, got none")
        rows[row, 1 : len(sentence) + 1] = numbers(sentence.trees[name])
    return torch.from_numpy(rows)
