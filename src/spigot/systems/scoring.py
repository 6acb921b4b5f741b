"""Score a trained system on sentences with gold annotation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from spigot.data.sentence import Sentence
from spigot.evaluation.accuracy import AccuracyScore, accuracy
from spigot.evaluation.attachment import AttachmentScore, attachment
from spigot.evaluation.graph_f1 import GraphScore, graph_score
from spigot.systems.base import JointSystem
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment
from spigot.systems.streaming import parse_all
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics

Score = TypeVar("Score", AttachmentScore, GraphScore, AccuracyScore)


def score_trees(model: SyntaxThenSemantics, gold: Sequence[Sentence]) -> AttachmentScore:
    """Score the syntactic parser alone."""
    return _score(model.parse_syntax, gold, attachment, AttachmentScore())


def score_graphs(model: JointSystem, gold: Sequence[Sentence]) -> GraphScore:
    """Score the semantic parser, fed by the syntactic one where there is one."""
    if isinstance(model, SemanticsThenSentiment):
        if model.semantics is None:
            raise ValueError("model: expected a system with a semantic parser, got one without")
        return _score(model.semantics.parse, gold, graph_score, GraphScore())
    return _score(model.parse, gold, graph_score, GraphScore())


def score_sentiment(model: SemanticsThenSentiment, gold: Sequence[Sentence], parsed: bool = False) -> AccuracyScore:
    """Score the classifier, fed by the semantic parser where there is one; if `parsed`, by the sentences' graphs."""
    return _score(model.classify if parsed else model.parse, gold, accuracy, AccuracyScore())


def _score(
    parse: Callable[[Sequence[Sentence]], list[Sentence]],
    gold: Sequence[Sentence],
    score: Callable[[Sentence, Sentence], Score],
    total: Score,
) -> Score:
    for ours, theirs in zip(gold, parse_all(parse, gold), strict=True):
        total = total + score(ours, theirs)
    return total
