"""What the parsers are trained to do: structured hinge losses, and the log-loss of structured attention.

All losses are sums over the sentences of a batch, one per sentence before that: the surrogate of the
argmax between two tasks then sees each sentence's own gradient, whatever the size of the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from spigot.models.semantic_parser import Decoded
from spigot.structured import (
    MarginalStructure,
    Structure,
    hamming_cost,
    heads_to_arcs,
    hinge_loss,
    negative_log_likelihood,
)
from spigot.structured.structures.semantic_graph import SemanticGraph, SemanticGraphParts

FALSE_POSITIVE, FALSE_NEGATIVE = 0.4, 0.6
"""Costs of a labelled arc too many and one too few in NeurboParser's hinge loss."""


def tree_hinge(structure: Structure, arc_scores: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
    """Return max_z [<s, z> + cost(z)] - <s, gold> for each sentence, `[batch]`.

    The cost counts wrong heads (Taskar-style margin, Kiperwasser & Goldberg 2016). If the gold tree is no
    member of the structure (say, a non-projective one) the difference may be negative: it is cut at 0.
    """
    gold = heads_to_arcs(heads, dtype=arc_scores.dtype)
    wrong_heads = hamming_cost(gold, false_positive=1.0, false_negative=0.0)
    return hinge_loss(arc_scores, gold, structure, wrong_heads, lengths=lengths, outside="clip")


def tree_nll(structure: MarginalStructure, arc_scores: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
    """Return -log p(gold) for each sentence, `[batch]`: the log-loss of structured attention."""
    return negative_log_likelihood(arc_scores, heads_to_arcs(heads, dtype=arc_scores.dtype), structure, lengths=lengths)


def graph_hinge(structure: SemanticGraph, parts: SemanticGraphParts, gold: Decoded, lengths: Tensor) -> Tensor:
    """Return max_z [<s, z> + cost(z)] - <s, gold> for each sentence, `[batch]`, by exact decoding.

    The cost is 0.4 for a labelled arc that is not gold and 0.6 for a gold one that is missing.
    The same as `hinge_loss`, with graphs as the label of each arc, in place of a number for each labelled arc.
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
