"""From words, and a tree over them, to the class of the sentence."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.data.vocabulary import Labels, Tokens, Vocabulary
from spigot.models.config import NamedTreeFeature, SentenceClassifierConfig
from spigot.models.encoders.base import WithEncoder
from spigot.models.scorers.perceptron import glorot


class SentenceClassifier(WithEncoder, nn.Module):
    """An encoder, what a tree makes of its states, one vector of all of them, and a hidden layer.

    Args:
        config: sizes, and how states become one vector.
        vocabulary: of the training data.
        labels: the classes.
        tree_feature: what is read of trees; None: it reads none.
        vectors: from a word to its vector.
    """

    def __init__(
        self,
        config: SentenceClassifierConfig,
        vocabulary: Vocabulary,
        labels: Labels,
        tree_feature: NamedTreeFeature | None = None,
        vectors: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = vocabulary
        self.labels = labels
        self.encoder = config.encoder.build(vocabulary=vocabulary, vectors=vectors)
        width = self.encoder.output_dim
        self.tree_feature = None if tree_feature is None else tree_feature.build(input_dim=width)
        if self.tree_feature is not None:
            width = self.tree_feature.output_dim
        self.hidden = nn.Linear(width, config.hidden)
        self.output = nn.Linear(config.hidden, len(labels))
        glorot(self.hidden)
        glorot(self.output)

    def forward(self, tokens: Tokens, dropped: Tensor | None = None, arcs: Tensor | None = None) -> Tensor:
        """Return the scores of the classes `[batch, class]`, in single precision.

        `arcs[batch, head, modifier]` is a hard tree or a relaxed one, for a classifier that reads trees.
        """
        states = self.encoder(tokens, dropped)
        if self.tree_feature is not None:
            if arcs is None:
                raise ValueError("arcs: expected a tree, as the classifier reads trees, got None")
            states = self.tree_feature(states, arcs)
        pooled = F.dropout(self._pool(states.float(), tokens.lengths), self.config.dropout, self.training)
        hidden = F.dropout(F.relu(self.hidden(pooled)), self.config.dropout, self.training)
        return self.output(hidden).float()

    def _pool(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return one vector for each sentence, `[batch, width]`."""
        if self.config.pooling == "root":
            return states[:, 0]
        position = torch.arange(states.shape[1], device=states.device)
        token = ((position > 0) & (position <= lengths[:, None]))[..., None]
        if self.config.pooling == "max":
            return states.masked_fill(~token, -torch.inf).amax(1)
        return (states * token).sum(1) / lengths[:, None]
