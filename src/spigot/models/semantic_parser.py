"""NeurboParser's basic model (Peng et al. 2017): first-order semantic dependency parsing (section 4.1.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from spigot.data.sentence import SEMANTICS, Sentence
from spigot.data.vocabulary import Roles, Tokens, Vocabulary
from spigot.models.config import NamedTreeFeature, ParserConfig
from spigot.models.encoders.base import Column, WithEncoder
from spigot.models.graph_scorer import Decoded, GraphScorer
from spigot.models.tag_pairs import TagPairs
from spigot.structured import SemanticGraphParts


class SemanticParser(WithEncoder, GraphScorer):
    """An encoder of its own, and a `GraphScorer` on its states, with roles pruned by the tags of the two tokens."""

    def __init__(
        self,
        config: ParserConfig,
        vocabulary: Vocabulary,
        roles: Roles,
        tree_feature: NamedTreeFeature | None,
        vectors: dict[str, Tensor] | None = None,
    ) -> None:
        encoder = config.encoder.build(vocabulary=vocabulary, vectors=vectors)
        super().__init__(config.scorer, roles, encoder.output_dim, tree_feature)
        self.vocabulary = vocabulary
        self.tag_pairs = TagPairs(vocabulary, roles)
        self.encoder = encoder

    @property
    def needs(self) -> frozenset[Column]:
        """See `Encoder`; tags also where they rule out roles."""
        return super().needs | ({"tags"} if self.tag_pairs.restricts else set())

    def forward(
        self,
        tokens: Tokens,
        dropped: Tensor | None = None,
        syntax: Tensor | None = None,
        pairs: Tensor | None = None,
    ) -> SemanticGraphParts:
        """Return the scores of all parts; see `GraphScorer.score`."""
        states = self.encoder(tokens, dropped)
        return self.score(states, syntax, pairs, ~self.tag_pairs(tokens.tags[:, : states.shape[1]]))


def gold_graphs(sentences: Sequence[Sentence], roles: Roles, name: str = SEMANTICS) -> Decoded:
    """Return the graphs of this name of a batch; ROOT is a predicate if there is a top."""
    n = 1 + max((len(sentence) for sentence in sentences), default=0)
    predicates = np.zeros((len(sentences), n), bool)
    arc_labels = np.full((len(sentences), n, n), -1, np.int64)
    for row, sentence in enumerate(sentences):
        if name not in sentence.graphs:
            raise ValueError(f"sentence {sentence.id}: expected a graph {name!r}, got none")
        for head, modifier, label in sentence.graphs[name].arcs:
            arc_labels[row, head, modifier] = roles.names[label]
            predicates[row, head] = True
        predicates[row, list(sentence.graphs[name].predicates)] = True
    return Decoded(torch.from_numpy(predicates), torch.from_numpy(arc_labels))
