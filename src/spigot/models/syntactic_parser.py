"""The arc-factored syntactic parser of Kiperwasser & Goldberg (2016), with exact decoding (section 4.1.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from spigot.data.sentence import SYNTAX, Sentence, Tree
from spigot.data.vocabulary import Labels, Tokens, Vocabulary
from spigot.models.config import SyntaxConfig
from spigot.models.encoders.base import WithEncoder
from spigot.models.tree_scorer import ScoredArcs, TreeScorer
from spigot.structured import heads_to_arcs


class SyntacticParser(WithEncoder, TreeScorer):
    """An encoder of its own, and a `TreeScorer` on its states."""

    def __init__(
        self,
        config: SyntaxConfig,
        vocabulary: Vocabulary,
        labels: Labels | None = None,
        vectors: dict[str, Tensor] | None = None,
    ) -> None:
        encoder = config.encoder.build(vocabulary=vocabulary, vectors=vectors)
        super().__init__(config.scorer, config.structure, encoder.output_dim, labels)
        self.vocabulary = vocabulary
        self.encoder = encoder

    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> ScoredArcs:
        """Return the scores of all arcs."""
        return self.score(self.encoder(tokens, dropped))

    def start_from(self, other: SyntacticParser) -> None:
        """Take the weights of a trained parser of the same vocabulary; labels, if this one has some, are the same."""
        weights = other.state_dict()
        if self.label is None:
            weights = {name: tensor for name, tensor in weights.items() if not name.startswith("label.")}
        self.load_state_dict(weights)


def gold_heads(sentences: Sequence[Sentence], name: str = SYNTAX) -> Tensor:
    """Return `heads[batch, n]` of the trees of this name: -1 at ROOT and past the lengths."""
    return _rows(sentences, name, lambda tree: tree.heads)


def given_arcs(sentences: Sequence[Sentence], name: str = SYNTAX) -> Tensor:
    """Return the trees of this name as arcs `[batch, n, n]` of 0 and 1, which a tree feature reads."""
    return heads_to_arcs(gold_heads(sentences, name), dtype=torch.get_default_dtype())


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
