"""Semantic dependency graphs: NeurboParser's hinge loss (Peng et al. 2017; section 4.1.1), or log-losses of parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from spigot.data.files import Writable
from spigot.data.readers import read_sentences
from spigot.data.sdp import write_sdp
from spigot.data.sentence import Confidence, Graph, Sentence, under_name
from spigot.data.vocabulary import Roles
from spigot.evaluation.graph_f1 import GraphScore, graph_score
from spigot.evaluation.report import Measure, graph_measures, label_measures
from spigot.models.graph_scorer import Decoded
from spigot.models.semantic_parser import gold_graphs
from spigot.structured import SemanticGraph, SemanticGraphParts
from spigot.tasks.base import Comments, Task, Unknown

FALSE_POSITIVE, FALSE_NEGATIVE = 0.4, 0.6
"""Costs of a superfluous and of a missing labelled arc in NeurboParser's hinge loss."""


class Semantics(Task):
    """Labelled graphs, from `SemanticGraphParts` of scores. The part has `roles` and a `structure`.

    The loss of a sentence is, with "hinge", `graph_hinge` of the whole graph; with "nll", `graph_nll` of its parts.
    """

    part_name = "semantic parser"
    outputs = "graphs"
    format = "sdp"
    scores = ("uf", "lf")

    kind: Literal["semantics"] = "semantics"
    name: str = "semantics"
    loss: Literal["hinge", "nll"] = "hinge"
    min_role_count: int = Field(30, ge=1)
    """Roles with fewer training arcs are never predicted."""

    def roles(self, sentences: Iterable[Sentence]) -> Roles:
        """Return the roles of training sentences."""
        return Roles.build(sentences, self.min_role_count, self.name)

    def read(self, path: Path) -> Iterator[Sentence]:
        """Yield the sentences of a file; the only graph of one has any name there (JSON)."""
        return (under_name(sentence, "graphs", self.name) for sentence in read_sentences(path, graph=self.name))

    def has_gold(self, sentence: Sentence) -> bool:
        """Return whether a sentence has the graph."""
        return self.name in sentence.graphs

    def gold(self, part: Any, sentences: Sequence[Sentence]) -> tuple[Tensor, ...]:
        """Return the fields of `Decoded`."""
        return gold_graphs(sentences, part.roles, self.name)

    def unknown(self, part: Any, sentences: Sequence[Sentence]) -> Unknown:
        """Return how many arcs, those to tops included, have a role that the part does not know."""
        names = part.roles.names
        found = [arc.label not in names for sentence in sentences for arc in sentence.graphs[self.name].arcs]
        often = "" if self.min_role_count == 1 else f" at least {self.min_role_count} times"
        return Unknown(sum(found), len(found), "arcs", f"role that training has{often}")

    def losses(self, part: Any, output: SemanticGraphParts, gold: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """Return `graph_hinge` or `graph_nll`."""
        if self.loss == "nll":
            return graph_nll(output, Decoded(*gold), lengths)
        return graph_hinge(part.structure, output, Decoded(*gold), lengths)

    def score(self, gold: Iterable[Sentence], predicted: Iterable[Sentence]) -> GraphScore:
        """Return counts of arcs, tops, predicates and whole graphs."""
        pairs = zip(gold, predicted, strict=True)
        return sum((graph_score(*pair, self.name) for pair in pairs), GraphScore())

    def values(self, score: GraphScore) -> tuple[float, ...]:
        """Return unlabelled and labelled F1."""
        return score.uf, score.lf

    def measures(self, score: GraphScore) -> list[Measure]:
        """Return precision, recall and F1, labelled and unlabelled, and complete graphs."""
        return graph_measures(score)

    def label_measures(self, score: GraphScore) -> list[Measure]:
        """Return the F1 of each role."""
        return label_measures(score.by_label)

    def annotate(self, sentences: Sequence[Sentence], predictions: Iterable[Graph]) -> list[Sentence]:
        """Return the sentences with graphs."""
        return [s.with_graph(self.name, graph) for s, graph in zip(sentences, predictions, strict=True)]

    def confidences(
        self, part: Any, output: SemanticGraphParts, sentences: Sequence[Sentence], lengths: Tensor
    ) -> list[Confidence]:
        """Return the probability of each arc, and that of its label given the arc, with roles that may all repeat.

        With "nll" that is what the part was trained to give: each pair of tokens by itself. With "hinge" it is the
        marginal in the Gibbs distribution of `arc_marginals`, exact for a part whose roles may all repeat:
        `SemanticGraph` has no marginals, for want of a fast sum over graphs in which some roles may not repeat.
        """
        parts = part.predictable(output)
        allowed = part.structure.part_mask(parts, lengths)
        arcs, labels = arc_marginals(parts, allowed, apart=self.loss == "nll")
        found = []
        for row, sentence in enumerate(sentences):
            at = [(row, arc.head, arc.modifier) for arc in sentence.graphs[self.name].arcs]
            roles = [part.roles.names[arc.label] for arc in sentence.graphs[self.name].arcs]
            index = torch.tensor(at, dtype=torch.long, device=arcs.device).view(-1, 3).unbind(1)
            of_arcs = arcs[index].tolist()
            of_labels = labels[(*index, torch.tensor(roles, dtype=torch.long, device=arcs.device))].tolist()
            found.append(Confidence(tuple(of_arcs), tuple(of_labels)))
        return found

    def write(self, sentences: Iterable[Sentence], target: Writable, comments: Comments) -> None:
        """Write SDP."""
        write_sdp(sentences, target, comments=comments, graph=self.name)


def arc_marginals(parts: SemanticGraphParts, allowed: SemanticGraphParts, apart: bool = False) -> tuple[Tensor, Tensor]:
    """Return p(arc), `[batch, head, modifier]`, and p(label | arc), `[batch, head, modifier, label]`.

    In p(graph) ∝ exp(score) over graphs in which an arc needs its predicate and one label, and nothing else: given its
    predicate, each pair of tokens is a choice of its own among the labels and no arc, which scores 0.

    Args:
        parts: scores.
        allowed: which parts may be chosen (bool): `SemanticGraph.part_mask`.
        apart: whether predicates have no part in it: p(arc) is that given its predicate.
    """
    scores = (parts.arcs[..., None] + parts.labels).masked_fill(~allowed.labels, -torch.inf)
    odds = scores.logsumexp(3)
    predicates = torch.sigmoid(parts.predicates + F.softplus(odds).sum(2)).masked_fill(~allowed.predicates, 0)
    arcs = torch.sigmoid(odds) if apart else predicates[:, :, None] * torch.sigmoid(odds)
    # Where there is no arc, the softmax of nothing would be NaN.
    return arcs, scores.masked_fill(~allowed.arcs[..., None], 0).softmax(3)


def graph_hinge(structure: SemanticGraph, parts: SemanticGraphParts, gold: Decoded, lengths: Tensor) -> Tensor:
    """Return max_z [<s, z> + cost(z)] - <s, gold> for each sentence, `[batch]`, by exact decoding.

    The cost is 0.4 for a labelled arc that is not gold and 0.6 for a gold one that is missing.
    The same as `hinge_loss`, but graphs hold the label of each arc instead of a number for each labelled arc.
    """
    chosen = gold.arc_labels >= 0
    at = gold.arc_labels.clamp(min=0)[..., None]
    with torch.no_grad():
        labels = parts.labels + FALSE_POSITIVE
        gold_labels = labels.gather(-1, at) - (FALSE_POSITIVE + FALSE_NEGATIVE) * chosen[..., None]
        labels.scatter_(-1, at, gold_labels)
        best = Decoded(*structure.decode(parts._replace(labels=labels), lengths))
    predicted = best.arc_labels >= 0
    correct = (predicted & (best.arc_labels == gold.arc_labels)).flatten(1).sum(1)
    false_positives = predicted.flatten(1).sum(1) - correct
    false_negatives = chosen.flatten(1).sum(1) - correct
    cost = FALSE_POSITIVE * false_positives + FALSE_NEGATIVE * false_negatives
    return F.relu(structure.score_decoded(parts, *best) + cost - structure.score_decoded(parts, *gold))


def graph_nll(parts: SemanticGraphParts, gold: Decoded, lengths: Tensor) -> Tensor:
    """Return -Σ log p(part) for each sentence, `[batch]`: each pair of tokens and each predicate by itself.

    A pair has one of its roles or no arc, which scores 0, as in a graph of highest score; a token is a predicate or
    none (Dozat & Manning 2018, with one distribution in place of theirs over arcs and over labels).
    """
    scores = F.pad(parts.arcs[..., None] + parts.labels, (1, 0))
    node = torch.arange(scores.shape[1], device=scores.device)
    inside = node <= lengths[:, None]
    pairs = inside[:, :, None] & (inside & (node > 0))[:, None] & (node[:, None] != node)
    target = (gold.arc_labels + 1).masked_fill(~pairs, -1)
    of_pairs = F.cross_entropy(scores.flatten(0, 2), target.flatten(), ignore_index=-1, reduction="none")
    flags = gold.predicates.to(parts.predicates.dtype)
    of_tokens = F.binary_cross_entropy_with_logits(parts.predicates, flags, reduction="none").masked_fill(~inside, 0)
    return of_pairs.view(target.shape).sum((1, 2)) + of_tokens.sum(1)
