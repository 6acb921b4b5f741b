"""From words, and the semantic graph over them, to a sentiment (paper section 4.2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Roles, Tokens, Vocabulary
from spigot.models.config import BagClassifierConfig, BiLSTMClassifierConfig, ClassifierConfig
from spigot.models.encoders.base import Column, WithEncoder
from spigot.models.encoders.word_vectors import WordVectors
from spigot.models.scorers.perceptron import glorot
from spigot.structured import SemanticGraphParts

CLASSES = 2
"""Negative and positive."""


class BiLSTMClassifier(WithEncoder, nn.Module):
    """Sums features of the tokens, each of its own state and of the heads that a semantic graph gives it.

    feature_j = ReLU(b + W_s h_j + [Σ_i z_ij W_h h_i + Σ_i,l z_ilj W_r e_l] / max(1, number of j's heads))

    The divisor is a constant for the gradient, as in the original program. ROOT is a token, too: it is the head
    of the tops. Without `roles` there is no graph, and the states themselves are summed (the baseline BILSTM; the
    original adds the state of the end marker).
    """

    def __init__(
        self,
        config: BiLSTMClassifierConfig,
        vocabulary: Vocabulary,
        roles: Roles | None = None,
        vectors: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = vocabulary
        self.encoder = config.encoder.build(vocabulary=vocabulary, vectors=vectors)
        width = self.encoder.output_dim
        self.itself: nn.Linear | None = None
        if roles is not None:
            self.itself = nn.Linear(width, config.feature)
            self.head = nn.Linear(width, config.feature, bias=False)
            self.role = nn.Linear(config.feature, config.feature, bias=False)
            self.role_embedding = nn.Embedding(len(roles), config.feature)
            bound = (3.0 / config.feature) ** 0.5
            nn.init.uniform_(self.role_embedding.weight, -bound, bound)
            width = config.feature
        self.hidden = nn.Linear(width, config.hidden)
        self.output = nn.Linear(config.hidden, CLASSES)
        reads_graph = () if self.itself is None else (self.itself, self.head, self.role)
        for part in (*reads_graph, self.hidden, self.output):
            glorot(part)

    def forward(self, tokens: Tokens, dropped: Tensor | None = None, graph: SemanticGraphParts | None = None) -> Tensor:
        """Return the scores of the classes, `[batch, 2]`. `graph` is hard, or a relaxed one, over the same nodes."""
        features = self.encoder(tokens, dropped)
        if self.itself is not None:
            if graph is None:
                raise ValueError("graph: expected one, as the classifier reads semantic graphs, got None")
            features = self.features(features, graph, tokens.lengths)
        summed = features.float().sum(1)
        hidden = F.dropout(F.relu(self.hidden(summed)), self.config.dropout, self.training)
        return self.output(hidden).float()

    def features(self, states: Tensor, graph: SemanticGraphParts, lengths: Tensor) -> Tensor:
        """Return the features of ROOT and the tokens `[batch, n, feature]` (0 past the lengths)."""
        if self.itself is None:
            raise ValueError("features: expected a classifier that reads semantic graphs, got one that does not")
        arcs, labels = graph.arcs.to(states.dtype), graph.labels.to(states.dtype)
        # What a role adds does not depend on the head, so heads are summed out first.
        incoming = arcs.transpose(1, 2) @ self.head(states)
        incoming = incoming + labels.sum(1) @ self.role(self.role_embedding.weight)
        heads = arcs.detach().sum(1).clamp(min=1)[..., None]
        features = F.relu(self.itself(states) + incoming / heads)
        position = torch.arange(states.shape[1], device=states.device)
        features = features * (position <= lengths[:, None])[..., None]
        return F.dropout(features, self.config.dropout, self.training)


class BagClassifier(WordVectors):
    """A deep averaging network (Iyyer et al. 2015), which sees neither order nor graph."""

    def __init__(
        self, config: BagClassifierConfig, vocabulary: Vocabulary, vectors: dict[str, Tensor] | None = None
    ) -> None:
        super().__init__(config.word_dim, vocabulary)
        self.config = config
        self.vocabulary = vocabulary
        widths = [config.word_dim, *[config.hidden] * config.layers]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(widths[-1], CLASSES)
        glorot(self)
        if vectors is not None:
            self.load_vectors(vocabulary, vectors)

    word_dropout = 0.0
    """Words are not made unknown: they are left out, see `forward`."""
    needs: frozenset[Column] = frozenset({"words"})

    def forward(self, tokens: Tokens, dropped: Tensor | None = None, graph: SemanticGraphParts | None = None) -> Tensor:
        """Return the scores of the classes, `[batch, 2]`."""
        words = tokens.words
        position = torch.arange(words.shape[1], device=words.device)
        kept = (position >= 1) & (position <= tokens.lengths[:, None])
        if self.training and self.config.word_dropout:
            kept = kept & (torch.rand(words.shape, device=words.device) >= self.config.word_dropout)
        weights = kept.float()
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
        state = (weights[:, None] @ self.embed_words(words)).squeeze(1)
        for layer in self.layers:
            state = F.dropout(F.relu(layer(state)), self.config.dropout, self.training)
        return self.output(state).float()


Classifier = BiLSTMClassifier | BagClassifier


def build_classifier(
    config: ClassifierConfig, vocabulary: Vocabulary, roles: Roles | None, vectors: dict[str, Tensor] | None = None
) -> Classifier:
    """Make the classifier of a description; `roles` are those of the graphs that it reads, None for none."""
    if isinstance(config, BagClassifierConfig):
        return BagClassifier(config, vocabulary, vectors)
    return BiLSTMClassifier(config, vocabulary, roles, vectors)


def gold_sentiments(sentences: Sequence[Sentence]) -> Tensor:
    """Return the labels of a batch, `[batch]` (int64)."""
    for sentence in sentences:
        if sentence.sentiment is None:
            raise ValueError(f"sentence {sentence.id}: expected a sentiment, got none")
    return torch.tensor([sentence.sentiment for sentence in sentences], dtype=torch.int64)
