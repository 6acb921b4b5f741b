"""Accuracy of the classes of sentences."""

from __future__ import annotations

from dataclasses import dataclass, field

from spigot.data.categories import category_of
from spigot.data.sentence import Sentence
from spigot.evaluation.counts import Additive, CountsByLabel, ratio


@dataclass(frozen=True)
class CategoryScore(Additive):
    """Counts over sentences; `CategoryScore()` is zero."""

    sentences: int = 0
    correct: int = 0
    by_category: CountsByLabel = field(default_factory=CountsByLabel)

    @property
    def accuracy(self) -> float:
        """Share of the sentences with the right class."""
        return ratio(self.correct, self.sentences)


def categorization(gold: Sentence, system: Sentence, name: str) -> CategoryScore:
    """Score one sentence. Raises ValueError if a side has no class of this name."""
    found = [category_of(sentence, name) for sentence in (gold, system)]
    for side, category in zip(("gold", "system"), found, strict=True):
        if category is None:
            raise ValueError(f"sentence {gold.id!r}: expected a category {name!r} on the {side} side, got none")
    right = found[0] == found[1]
    ours, theirs = ([str(category)] for category in found)
    return CategoryScore(1, int(right), CountsByLabel.of(ours, theirs, ours if right else []))
