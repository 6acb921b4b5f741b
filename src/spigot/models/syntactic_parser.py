"""The arc-factored syntactic parser of Kiperwasser & Goldberg (2016), with Eisner decoding (section 4.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Tokens, Vocabulary
from spigot.models.config import ParserConfig
from spigot.models.scorers import ArcScorer


class SyntacticParser(nn.Module):
    """Scores the arcs of a dependency tree; which tree wins is the structure's affair."""

    def __init__(self, config: ParserConfig, vocabulary: Vocabulary, vectors: dict[str, Tensor] | None = None) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.encoder = config.encoder.build(vocabulary=vocabulary, vectors=vectors)
        self.arc = ArcScorer(self.encoder.output_dim, config.mlp)

    @property
    def word_dropout(self) -> float:
        """See `Encoder`."""
        return self.encoder.word_dropout

    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> Tensor:
        """Return `arc_scores[batch, head, modifier]` in single precision."""
        return self.arc(self.encoder(tokens, dropped)).squeeze(-1).float()


def gold_heads(sentences: Sequence[Sentence]) -> Tensor:
    """Return `heads[batch, n]` of sentences with trees: -1 at ROOT and past the lengths."""
    n = 1 + max((len(sentence) for sentence in sentences), default=0)
    heads = np.full((len(sentences), n), -1, np.int64)
    for row, sentence in enumerate(sentences):
        if sentence.tree is None:
            raise ValueError(f"sentence {sentence.id}: expected a syntactic tree, got none")
        heads[row, 1 : len(sentence) + 1] = sentence.tree.heads
    return torch.from_numpy(heads)
