"""Accuracy of tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from spigot.data.sentence import NO_TAG, Sentence, TagColumn, column_of
from spigot.evaluation.alignment import Alignment, Names
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


COLUMNS: dict[str, TagColumn] = {"UPOS": "upos", "XPOS": "tags"}
"""The columns of tags by their names in CoNLL-U."""


def columns_of_both(gold: Sequence[Sentence], system: Sequence[Sentence]) -> dict[str, TagColumn]:
    """Return those of `COLUMNS` in which both sides have a tag at all."""
    return {name: column for name, column in COLUMNS.items() if all(_has_tags(s, column) for s in (gold, system))}


def aligned_tagging(
    gold: Sequence[Sentence], system: Sequence[Sentence], alignment: Alignment, column: TagColumn
) -> Counts:
    """Count words with their tags by the words' names: precision and recall are over each side's words (CoNLL 2018)."""
    return Counts.of(_named(gold, alignment.gold, column), _named(system, alignment.system, column))


def _has_tags(sentences: Iterable[Sentence], column: TagColumn) -> bool:
    return any(tag != NO_TAG for sentence in sentences for tag in column_of(sentence, column))


def _named(sentences: Sequence[Sentence], names: Sequence[Names], column: TagColumn) -> set[tuple[int, str]]:
    pairs = zip(sentences, names, strict=True)
    return {item for sentence, name in pairs for item in zip(name[1:], column_of(sentence, column), strict=True)}
