"""Score a trained system on sentences with gold annotation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.evaluation.attachment import AttachmentScore, attachment
from spigot.evaluation.graph_f1 import GraphScore, graph_score
from spigot.models.system import SyntaxThenSemantics

PARSING_BUDGET = 2048
"""Tokens in a batch when no gradient is kept."""

Score = TypeVar("Score", AttachmentScore, GraphScore)


def score_trees(model: SyntaxThenSemantics, gold: Sequence[Sentence]) -> AttachmentScore:
    """Score the syntactic parser alone."""
    return _score(model.parse_syntax, gold, attachment, AttachmentScore())


def score_graphs(model: SyntaxThenSemantics, gold: Sequence[Sentence]) -> GraphScore:
    """Score the semantic parser, fed by the syntactic one where there is one."""
    return _score(model.parse, gold, graph_score, GraphScore())


def _score(
    parse: Callable[[Sequence[Sentence]], list[Sentence]],
    gold: Sequence[Sentence],
    score: Callable[[Sentence, Sentence], Score],
    total: Score,
) -> Score:
    for batch in make_batches([len(s) for s in gold], PARSING_BUDGET):
        sentences = [gold[k] for k in batch]
        for ours, theirs in zip(sentences, parse(sentences), strict=True):
            total = total + score(ours, theirs)
    return total
