"""NeurboParser's basic model (Peng et al. 2017): first-order semantic dependency parsing (section 4.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from spigot.data.sentence import SEMANTICS, Arc, Graph, Sentence
from spigot.data.vocabulary import Roles, Tokens, Vocabulary
from spigot.models.config import NamedTreeFeature, ParserConfig
from spigot.models.tag_pairs import TagPairs
from spigot.models.tree_features.base import TreeFeature
from spigot.structured.structures.semantic_graph import SemanticGraph, SemanticGraphParts


class Decoded(NamedTuple):
    """A batch of graphs: `predicates[batch, n]` (bool), `arc_labels[batch, head, modifier]` (-1: no arc)."""

    predicates: Tensor
    arc_labels: Tensor


class SemanticParser(nn.Module):
    """Scores predicates, arcs and labelled arcs, and decodes them exactly.

    With a `tree_feature` the scorers read what it makes of the states and a syntactic tree, else the states.
    """

    def __init__(
        self,
        config: ParserConfig,
        vocabulary: Vocabulary,
        roles: Roles,
        tree_feature: NamedTreeFeature | None,
        vectors: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.roles = roles
        self.structure = SemanticGraph(roles.deterministic)
        self.tag_pairs = TagPairs(vocabulary, roles)
        self.encoder = config.encoder.build(vocabulary=vocabulary, vectors=vectors)
        width = self.encoder.output_dim
        self.tree_feature: TreeFeature | None = None
        if tree_feature is not None:
            self.tree_feature = tree_feature.build(input_dim=width)
            width = self.tree_feature.output_dim
        scorer = config.scorer.build()
        self.predicate = scorer.tokens(width)
        # Neither a hinge loss nor an end task that reads the graph has a gradient for more than a few arcs.
        self.arc = scorer.graph_arcs(width)
        self.label = scorer.labels(width, len(roles))

    @property
    def word_dropout(self) -> float:
        """See `Encoder`."""
        return self.encoder.word_dropout

    def forward(
        self,
        tokens: Tokens,
        dropped: Tensor | None = None,
        syntax: Tensor | None = None,
        pairs: Tensor | None = None,
    ) -> SemanticGraphParts:
        """Return the scores of all parts in single precision; -inf for roles that the tags rule out.

        `syntax[batch, head, modifier]` is the (hard or soft) syntactic tree of the batch; `pairs` (bool, of the same
        shape) the arcs to score, the others being -inf.
        """
        states = self.encoder(tokens, dropped)
        if syntax is not None:
            if self.tree_feature is None:
                raise ValueError("syntax: expected None, as the parser reads no syntactic tree, got one")
            states = self.tree_feature(states, syntax)
        barred = ~self.tag_pairs(tokens.tags[:, : states.shape[1]])
        labels = self.label(states, pairs).float().masked_fill(barred, -torch.inf)
        arcs = self.arc(states, pairs).squeeze(-1).float()
        return SemanticGraphParts(self.predicate(states).float(), arcs, labels)

    def predictable(self, parts: SemanticGraphParts) -> SemanticGraphParts:
        """Return the scores with that of the role unknown to the training data at -inf: it is never predicted."""
        unknown = torch.zeros(parts.labels.shape[-1], dtype=torch.bool, device=parts.labels.device)
        unknown[0] = True
        return parts._replace(labels=parts.labels.masked_fill(unknown, -torch.inf))

    @torch.no_grad()
    def candidates(self, parts: SemanticGraphParts, margin: float) -> SemanticGraphParts:
        """Return which parts score at most `margin` less than they need to be chosen (bool).

        An arc needs a score above 0 together with a label; predicates are all candidates. With any margin of at
        least 0 the best graph is among the candidates.
        """
        labels = parts.arcs[..., None] + parts.labels >= -margin
        return SemanticGraphParts(torch.ones_like(parts.predicates, dtype=torch.bool), labels.any(-1), labels)

    @torch.no_grad()
    def decode(self, parts: SemanticGraphParts, lengths: Tensor) -> Decoded:
        """Return the graphs of highest score that use no role unknown to the training data."""
        return Decoded(*self.structure.decode(self.predictable(parts), lengths))

    def graphs(self, decoded: Decoded, sentences: Sequence[Sentence]) -> list[Graph]:
        """Turn a decoded batch into graphs (without frames)."""
        names = self.roles.names.strings
        rows, heads, modifiers = (index.tolist() for index in torch.nonzero(decoded.arc_labels >= 0, as_tuple=True))
        labels = decoded.arc_labels[decoded.arc_labels >= 0].tolist()
        arcs: list[list[Arc]] = [[] for _ in sentences]
        for row, head, modifier, label in zip(rows, heads, modifiers, labels, strict=True):
            arcs[row].append(Arc(head, modifier, names[label]))
        predicates: list[set[int]] = [set() for _ in sentences]
        for row, token in torch.nonzero(decoded.predicates).tolist():
            predicates[row].add(token)
        return [Graph(tuple(a), frozenset(p - {0})) for a, p in zip(arcs, predicates, strict=True)]


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
