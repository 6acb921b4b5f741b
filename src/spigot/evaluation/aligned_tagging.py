"""Accuracy of tags and lemmas over aligned words: precision, recall and F1, as CoNLL 2018 scores raw text."""

from __future__ import annotations

from collections.abc import Sequence

from spigot.data.sentence import Sentence, TokenColumn, column_of
from spigot.evaluation.alignment import Alignment, Names
from spigot.evaluation.counts import Counts


def aligned_tagging(
    gold: Sequence[Sentence], system: Sequence[Sentence], alignment: Alignment, column: TokenColumn
) -> Counts:
    """Count words with their tags by the words' names: precision and recall are over each side's words."""
    return Counts.of(_named(gold, alignment.gold, column), _named(system, alignment.system, column))


def _named(sentences: Sequence[Sentence], names: Sequence[Names], column: TokenColumn) -> set[tuple[int, str]]:
    pairs = zip(sentences, names, strict=True)
    return {item for sentence, name in pairs for item in zip(name[1:], column_of(sentence, column), strict=True)}
