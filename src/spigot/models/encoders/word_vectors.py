"""A table of word vectors, some of which are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.data.vocabulary import Vocabulary


class WordVectors(nn.Module):
    """Base of what reads words: a trained table, and a fixed one for words whose vectors get no gradient."""

    vector_word: Tensor

    def __init__(self, dim: int, vocabulary: Vocabulary, std: float | None = None) -> None:
        super().__init__()
        trained = vocabulary.trained_words
        self.word = nn.Embedding(trained, dim)
        self.register_buffer("vector_word", torch.zeros(len(vocabulary.words) - trained, dim))
        init_table(self.word, std)

    @torch.no_grad()
    def load_vectors(self, vocabulary: Vocabulary, vectors: dict[str, Tensor]) -> None:
        """Put vectors into the tables' rows."""
        trained = vocabulary.trained_words
        for k, word in enumerate(vocabulary.words.strings):
            vector = vectors.get(word)
            if vector is not None:
                table, row = (self.word.weight, k) if k < trained else (self.vector_word, k - trained)
                table[row] = vector

    def embed_words(self, words: Tensor) -> Tensor:
        """Return the vectors of `words[batch, n]`, `[batch, n, dim]`."""
        trained = self.word.num_embeddings
        known = words < trained
        vectors = self.word(torch.where(known, words, 0))
        if self.vector_word.shape[0]:
            fixed = F.embedding(torch.where(known, 0, words - trained), self.vector_word)
            vectors = torch.where(known[..., None], vectors, fixed)
        return vectors


def init_table(table: nn.Embedding, std: float | None = None) -> None:
    """Draw numbers of a given standard deviation; by default 1 / √d, which is Glorot initialisation of a row."""
    bound = 3.0**0.5 * (table.embedding_dim**-0.5 if std is None else std)
    nn.init.uniform_(table.weight, -bound, bound)
