"""A user's own encoder and use of the tree, in one file, named in recipes by their dotted paths."""

from typing import Literal

import torch
from torch import Tensor, nn

from spigot.data.vocabulary import Tokens, Vocabulary
from spigot.models.encoders.base import Encoder
from spigot.models.tree_features.base import TreeFeature


class Window(Encoder):
    """The sum of the embeddings of neighbouring words, and the share of capitals in a token's own."""

    word_dropout = 0.5

    def __init__(self, vocabulary: Vocabulary, size: int, width: Literal[1, 3, 5] = 3):
        super().__init__()
        self.output_dim = size + 1
        self.word = nn.Embedding(len(vocabulary.words), size)
        self.reach = width // 2

    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> Tensor:
        words = tokens.words if dropped is None else tokens.words.masked_fill(dropped, 0)
        position = torch.arange(words.shape[1], device=words.device)
        inside = (position <= tokens.lengths[:, None])[..., None]
        vectors = self.word(words) * inside
        padded = nn.functional.pad(vectors, (0, 0, self.reach, self.reach))
        states = padded.unfold(1, 2 * self.reach + 1, 1).sum(-1) * inside
        return torch.cat([states, self.capitals(tokens).to(states)], -1)[:, :-1]

    def capitals(self, tokens: Tokens) -> Tensor:
        shares = torch.zeros(*tokens.words.shape, 1)
        for row, forms in enumerate(tokens.forms):
            for k, form in enumerate(forms, 1):
                shares[row, k] = sum(map(str.isupper, form)) / len(form)
        return shares


class HeadsAlone(TreeFeature):
    """`scale` times the state of a token's head, without the token's own state."""

    def __init__(self, input_dim: int, scale: float = 1.0):
        super().__init__()
        self.output_dim = input_dim
        self.scale = scale

    def forward(self, states: Tensor, arcs: Tensor) -> Tensor:
        return self.scale * (arcs.to(states.dtype).transpose(1, 2) @ states)
