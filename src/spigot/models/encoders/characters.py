"""A convolution over the characters of each word (Kim et al. 2016; Ma & Hovy 2016)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from spigot.data.vocabulary import Vocabulary
from spigot.models.tanh import tanh

HALF = 20
"""Of a longer word, this many characters at each end are read."""


class CharacterCNN(nn.Module):
    """max_t tanh(W [c_{t-1}; c_t; c_{t+1}] + b) over the characters c_t of a word as it is written; 0 around it.

    ROOT, the end marker and padding get 0.

    Args:
        vocabulary: of the training data; other characters share one embedding.
        dim: width of the result.
        embedding_dim: width of c_t.
    """

    def __init__(self, vocabulary: Vocabulary, dim: int, embedding_dim: int = 32) -> None:
        super().__init__()
        self._characters = vocabulary.characters
        self._padding = len(self._characters)
        self.embedding = nn.Embedding(self._padding + 1, embedding_dim, padding_idx=self._padding)
        self.convolution = nn.Conv1d(embedding_dim, dim, 3, padding=1)

    def forward(self, forms: Sequence[Sequence[str]], width: int) -> Tensor:
        """Return `[batch, width, dim]` for the words of each sentence, which stand at 1..length."""
        numbers: dict[str, int] = {}
        places = np.zeros((len(forms), width), np.int64)
        for sentence, words in enumerate(forms):
            places[sentence, 1 : len(words) + 1] = [numbers.setdefault(word, len(numbers) + 1) for word in words]
        rows = [[self._characters[character] for character in _ends(word)] for word in numbers]
        codes = np.full((len(rows), max(map(len, rows), default=1)), self._padding, np.int64)
        for line, row in zip(codes, rows, strict=True):
            line[: len(row)] = row
        device = self.embedding.weight.device
        known = torch.from_numpy(codes).to(device)
        values = tanh(self.convolution(self.embedding(known).transpose(1, 2)))
        best = values.masked_fill((known == self._padding)[:, None], -1.0).amax(2)
        vectors = torch.cat([best.new_zeros(1, best.shape[1]), best])
        return vectors[torch.from_numpy(places).to(device)]


def _ends(word: str) -> str:
    return word if len(word) <= 2 * HALF else word[:HALF] + word[-HALF:]
