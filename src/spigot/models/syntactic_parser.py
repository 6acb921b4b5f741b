"""The arc-factored syntactic parser of Kiperwasser & Goldberg (2016), with Eisner decoding (section 4.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from spigot.data.sentence import SYNTAX, Sentence
from spigot.data.vocabulary import Tokens, Vocabulary
from spigot.models.config import ParserConfig
from spigot.structured import MarginalStructure


class SyntacticParser(nn.Module):
    """Scores the arcs of a dependency tree; `structure` says which arcs are a tree."""

    def __init__(
        self,
        config: ParserConfig,
        vocabulary: Vocabulary,
        structure: MarginalStructure,
        vectors: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.structure = structure
        self.encoder = config.encoder.build(vocabulary=vocabulary, vectors=vectors)
        self.arc = config.scorer.build().tree_arcs(self.encoder.output_dim)

    @property
    def word_dropout(self) -> float:
        """See `Encoder`."""
        return self.encoder.word_dropout

    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> Tensor:
        """Return `arc_scores[batch, head, modifier]` in single precision."""
        return self.arc(self.encoder(tokens, dropped)).squeeze(-1).float()


def gold_heads(sentences: Sequence[Sentence], name: str = SYNTAX) -> Tensor:
    """Return `heads[batch, n]` of the trees of this name: -1 at ROOT and past the lengths."""
    n = 1 + max((len(sentence) for sentence in sentences), default=0)
    heads = np.full((len(sentences), n), -1, np.int64)
    for row, sentence in enumerate(sentences):
        if name not in sentence.trees:
            raise ValueError(f"sentence {sentence.id}: expected a tree {name!r}, got none")
        heads[row, 1 : len(sentence) + 1] = sentence.trees[name].heads
    return torch.from_numpy(heads)
