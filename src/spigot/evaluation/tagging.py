"""Accuracy of tags, and of lemmas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from spigot.data.sentence import NO_TAG, Sentence, TokenColumn, column_of
from spigot.evaluation.counts import Additive, CountsByLabel, ratio

COLUMNS: dict[str, TokenColumn] = {"UPOS": "upos", "XPOS": "tags", "Lemmas": "lemmas"}
"""The columns by the names of their scores in CoNLL 2018."""

ITEM: dict[TokenColumn, str] = {"tags": "tag", "upos": "universal tag", "lemmas": "lemma"}
"""What a token has in each column."""


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


def tagging(gold: Sentence, system: Sentence, column: TokenColumn = "tags") -> TagScore:
    """Score one column of a sentence. Raises ValueError if the sentences differ in length."""
    if len(gold) != len(system):
        raise ValueError(f"sentence {gold.id!r}: expected {len(gold)} tokens, as in gold, got {len(system)}")
    ours, theirs = column_of(gold, column), column_of(system, column)
    right = [a for a, b in zip(ours, theirs, strict=True) if a == b]
    return TagScore(len(gold), len(right), CountsByLabel.of(ours, theirs, right))


def columns_of_both(gold: Sequence[Sentence], system: Sequence[Sentence]) -> dict[str, TokenColumn]:
    """Return those of `COLUMNS` in which both sides have anything."""
    return {name: column for name, column in COLUMNS.items() if all(_has_tags(s, column) for s in (gold, system))}


def _has_tags(sentences: Iterable[Sentence], column: TokenColumn) -> bool:
    return any(tag != NO_TAG for sentence in sentences for tag in column_of(sentence, column))
