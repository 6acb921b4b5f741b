"""Accuracy of sentiment."""

from __future__ import annotations

from dataclasses import dataclass

from spigot.data.sentence import Sentence
from spigot.evaluation.counts import Additive, ratio


@dataclass(frozen=True)
class AccuracyScore(Additive):
    """Counts over sentences; `AccuracyScore()` is zero."""

    sentences: int = 0
    correct: int = 0
    positive: int = 0
    """Sentences whose gold label is positive."""
    correct_positive: int = 0

    @property
    def accuracy(self) -> float:
        """Share of the sentences with the right label."""
        return ratio(self.correct, self.sentences)

    @property
    def negative(self) -> int:
        """Sentences whose gold label is negative."""
        return self.sentences - self.positive

    @property
    def correct_negative(self) -> int:
        """Negative sentences with the right label."""
        return self.correct - self.correct_positive


def accuracy(gold: Sentence, system: Sentence) -> AccuracyScore:
    """Score one sentence. Raises ValueError if a label is missing."""
    for side, sentence in (("gold", gold), ("system", system)):
        if sentence.sentiment is None:
            raise ValueError(f"sentence {sentence.id!r}: expected a sentiment on the {side} side, got none")
    right = gold.sentiment == system.sentiment
    return AccuracyScore(1, int(right), int(gold.sentiment == 1), int(right and gold.sentiment == 1))
