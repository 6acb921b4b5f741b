"""Accuracy of tags."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from spigot.data.sentence import Sentence, TagColumn, column_of
from spigot.evaluation.counts import Additive, Counts, CountsByLabel, ratio


@dataclass(frozen=True)
class TagScore(Additive):
    """Counts over tokens; `TagScore()` is zero."""

    tokens: int = 0
    correct: int = 0
    by_tag: CountsByLabel = field(default_factory=CountsByLabel)

    @property
    def accuracy(self) -> float:
        """Share of the tokens with the right tag."""
        return ratio(self.correct, self.tokens)


def tagging(gold: Sentence, system: Sentence, column: TagColumn = "tags") -> TagScore:
    """Score one sentence, its tags or its universal tags. Raises ValueError if the sentences differ in length."""
    if len(gold) != len(system):
        raise ValueError(f"sentence {gold.id!r}: expected {len(gold)} tokens, as in gold, got {len(system)}")
    ours, theirs = column_of(gold, column), column_of(system, column)
    golds, systems = Counter(ours), Counter(theirs)
    hits = Counter(a for a, b in zip(ours, theirs, strict=True) if a == b)
    by_tag = {tag: Counts(golds[tag], systems[tag], hits[tag]) for tag in golds.keys() | systems.keys()}
    return TagScore(len(gold), hits.total(), CountsByLabel(by_tag))
