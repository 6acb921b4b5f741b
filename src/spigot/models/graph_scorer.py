"""From the states of tokens, and a syntactic tree over them, to semantic graphs: first-order scores (section 4.1.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.data.sentence import TOP, Arc, Graph, Sentence
from spigot.data.vocabulary import Roles
from spigot.models.config import NamedScorer, NamedTreeFeature
from spigot.models.tree_features.base import TreeFeature
from spigot.structured import SemanticGraph, SemanticGraphParts


class Decoded(NamedTuple):
    """A batch of graphs: `predicates[batch, n]` (bool), `arc_labels[batch, head, modifier]` (-1: no arc)."""

    predicates: Tensor
    arc_labels: Tensor


class GraphScorer(nn.Module):
    """Scores predicates, arcs and labelled arcs, and decodes them exactly.

    Args:
        scorer: makes the scorers of the three kinds of parts.
        roles: the labels of arcs.
        input_dim: width of a state.
        tree_feature: what the scorers read of the states and a syntactic tree; None: they read the states.
    """

    def __init__(
        self, scorer: NamedScorer, roles: Roles, input_dim: int, tree_feature: NamedTreeFeature | None = None
    ) -> None:
        super().__init__()
        self.roles = roles
        self.structure = SemanticGraph(roles.deterministic)
        self.tree_feature: TreeFeature | None = None
        width = input_dim
        if tree_feature is not None:
            self.tree_feature = tree_feature.build(input_dim=input_dim)
            width = self.tree_feature.output_dim
        made = scorer.build()
        self.predicate = made.tokens(width)
        # Neither a hinge loss nor an end task that reads the graph has a gradient for more than a few arcs.
        self.arc = made.graph_arcs(width)
        self.label = made.labels(width, len(roles))

    def score(
        self, states: Tensor, syntax: Tensor | None = None, pairs: Tensor | None = None, barred: Tensor | None = None
    ) -> SemanticGraphParts:
        """Return the scores of all parts in single precision.

        Args:
            states: `[batch, n, input_dim]`.
            syntax: `[batch, head, modifier]`, the (hard or soft) syntactic tree, if there is a `tree_feature`.
            pairs: bool `[batch, head, modifier]`, the arcs to score; the others get -inf.
            barred: bool `[batch or 1, head, modifier, role]`, the roles that get -inf; by default tops hang from ROOT,
                and nothing else does.
        """
        if syntax is not None:
            if self.tree_feature is None:
                raise ValueError("syntax: expected None, as the parser reads no syntactic tree, got one")
            states = self.tree_feature(states, syntax)
        if barred is None:
            barred = self.barred(states)
        labels = self.label(states, pairs).float().masked_fill(barred, -torch.inf)
        arcs = self.arc(states, pairs).squeeze(-1).float()
        return SemanticGraphParts(self.predicate(states).float(), arcs, labels)

    def barred(self, states: Tensor, unknown: bool = False) -> Tensor:
        """Return the roles that an arc cannot have, bool `[1, head, 1, role]`: all but tops at ROOT, tops elsewhere.

        `unknown`: the role unknown to the training data, too.
        """
        top = torch.zeros(len(self.roles), dtype=torch.bool, device=states.device)
        top[self.roles.names[TOP]] = True
        root = torch.arange(states.shape[1], device=states.device) == 0
        barred = root[:, None] != top
        if unknown:
            barred[:, 0] = True
        return barred[None, :, None]

    @torch.no_grad()
    def parse(
        self, states: Tensor, lengths: Tensor, syntax: Tensor | None = None, threshold: float | None = None
    ) -> Decoded:
        """Return the graphs of highest score that use no role unknown to the training data.

        `threshold`: how probable a labelled arc has to be instead, see `over_threshold`.
        """
        # Barred at once: scores of all labels of all pairs are large, and each copy of them takes its time.
        parts = self.score(states, syntax, barred=self.barred(states, unknown=True))
        if threshold is not None:
            parts = over_threshold(parts, threshold)
        return Decoded(*self.structure.decode(parts, lengths))

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


def over_threshold(parts: SemanticGraphParts, threshold: float) -> SemanticGraphParts:
    """Return scores by which an arc is chosen if its best label is more probable than `threshold`.

    Probabilities are those of `graph_nll`: a pair of tokens has one of the labels, or no arc. In the graph of highest
    score a label is more probable than no arc. F1 is highest with a threshold of half of it (Lipton et al. 2014).
    """
    best = parts.labels.amax(-1).clamp(min=torch.finfo(parts.labels.dtype).min)  # where all labels are barred, too
    labels = parts.labels - best[..., None]
    log_best = parts.arcs + best - F.softplus(parts.arcs + best + labels.exp().sum(-1).log())
    log_odds = log_best - torch.log1p(-log_best.exp().clamp(max=1 - 1e-6))
    needed = math.log(threshold / (1 - threshold))
    return parts._replace(arcs=log_odds - needed, labels=labels)
