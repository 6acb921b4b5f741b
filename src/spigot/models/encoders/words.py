"""The vector of each word, whatever its neighbours: for models in which only a tree connects the words."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from spigot.data.vocabulary import Tokens, Vocabulary
from spigot.models.encoders.base import Encoder
from spigot.models.encoders.word_vectors import WordVectors


class WordEncoder(WordVectors, Encoder):
    """A table of word vectors.

    Args:
        vocabulary: of the training data.
        vectors: from a word to its vector `[word_dim]`; None leaves all words as they are drawn.
        word_dim: width of a vector.
        word_dropout: see `Encoder`.
        dropout: elementwise, of the vectors.
        embedding_std: standard deviation of the numbers in the table, which starts at random; None means 1 / √dim.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        vectors: dict[str, Tensor] | None = None,
        *,
        word_dim: Annotated[int, Field(ge=1, le=8192)] = 100,
        word_dropout: Annotated[float, Field(ge=0)] = 0.0,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        embedding_std: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        super().__init__(word_dim, vocabulary, embedding_std)
        self.output_dim = word_dim
        self.word_dropout = word_dropout
        self.dropout = dropout
        if vectors is not None:
            self.load_vectors(vocabulary, vectors)

    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> Tensor:
        """Return the vectors `[batch, n, word_dim]` of ROOT and the tokens (0 past the lengths)."""
        words = tokens.words if dropped is None else tokens.words.masked_fill(dropped, 0)
        states = F.dropout(self.embed_words(words[:, :-1]), self.dropout, self.training)
        position = torch.arange(states.shape[1], device=states.device)
        return states * (position <= tokens.lengths[:, None])[..., None]
