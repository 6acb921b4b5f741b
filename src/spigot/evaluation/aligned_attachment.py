"""Attachment scores of trees over aligned words: precision, recall and F1, as CoNLL 2018 scores raw text.

An item is a word with its head, or with its head and label, all by their names in an `Alignment`; it is right if the
other file has it. Where sentences and tokens are equal, precision, recall and F1 are the score of `attachment`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spigot.data.sentence import NO_LABEL, SYNTAX, Sentence
from spigot.evaluation.alignment import Alignment, Names
from spigot.evaluation.attachment import CONTENT, tree_of
from spigot.evaluation.counts import Counts, CountsByLabel
from spigot.evaluation.punctuation import FORMS_RULE, PunctuationRule


@dataclass(frozen=True)
class AlignedAttachmentScore:
    """Counts over two files; what each of them is of equal tokens says `AttachmentScore`."""

    heads: Counts
    labels: Counts
    universal_labels: Counts
    content: Counts
    word_heads: Counts
    word_labels: Counts
    trees: Counts
    """Sentences of the same words with every head right."""
    labelled_trees: Counts
    """Sentences of the same words with every head and every label right."""
    punctuation: Counts
    """Words that the punctuation rule left out; an aligned word is left out on both sides."""
    gold_labels: int
    system_labels: int
    by_label: CountsByLabel

    @property
    def has_labels(self) -> bool:
        """Whether both sides have any label at all."""
        return self.gold_labels > 0 and self.system_labels > 0

    @property
    def has_content(self) -> bool:
        """Whether there are labels of Universal Dependencies to compare."""
        return self.content.gold > 0 and self.system_labels > 0


class _Item(NamedTuple):
    head: int
    word: int
    label: str
    punctuation: bool

    @property
    def attached(self) -> tuple[int, int]:
        return self.head, self.word

    @property
    def labelled(self) -> tuple[int, int, str]:
        return self.head, self.word, self.label

    @property
    def universal(self) -> tuple[int, int, str]:
        return self.head, self.word, self.relation

    @property
    def relation(self) -> str:
        """The label without its subtype."""
        return self.label.partition(":")[0]


_Trees = list[list[_Item]]
"""The items of each sentence of a file."""


def aligned_attachment(
    gold: Sequence[Sentence],
    system: Sequence[Sentence],
    alignment: Alignment,
    punctuation: PunctuationRule = FORMS_RULE,
    tree: str = SYNTAX,
) -> AlignedAttachmentScore:
    """Score the trees of this name.

    The form and tag of the gold word say whether an aligned word is punctuation, those of other words on either side
    their own.

    Raises ValueError if a tree is missing.
    """
    marks = {**_marks(system, alignment.system, punctuation), **_marks(gold, alignment.gold, punctuation)}
    sides = (
        _read(gold, alignment.gold, marks, tree, "gold"),
        _read(system, alignment.system, marks, tree, "system"),
    )

    def count(item: Callable[[_Item], Hashable], keep: Callable[[_Item], bool] = lambda it: True) -> Counts:
        return Counts.of(*({item(it) for items in side for it in items if keep(it)} for side in sides))

    def count_trees(item: Callable[[_Item], Hashable]) -> Counts:
        return Counts.of(*({frozenset(map(item, items)) for items in side} for side in sides))

    gold_labels, system_labels = (sum(it.label != NO_LABEL for items in side for it in items) for side in sides)
    return AlignedAttachmentScore(
        heads=count(lambda it: it.attached),
        labels=count(lambda it: it.labelled),
        universal_labels=count(lambda it: it.universal),
        content=count(lambda it: it.universal, lambda it: it.relation in CONTENT),
        word_heads=count(lambda it: it.attached, lambda it: not it.punctuation),
        word_labels=count(lambda it: it.labelled, lambda it: not it.punctuation),
        trees=count_trees(lambda it: it.attached),
        labelled_trees=count_trees(lambda it: it.labelled),
        punctuation=count(lambda it: it.word, lambda it: it.punctuation),
        gold_labels=gold_labels,
        system_labels=system_labels,
        by_label=_by_label(*sides),
    )


def _marks(sentences: Sequence[Sentence], names: Sequence[Names], rule: PunctuationRule) -> dict[int, bool]:
    """Return for each name whether the rule takes its word for punctuation."""
    return {
        name: rule.test(form, tag)
        for sentence, of_sentence in zip(sentences, names, strict=True)
        for name, form, tag in zip(of_sentence[1:], sentence.forms, sentence.tags, strict=True)
    }


def _read(
    sentences: Sequence[Sentence], names: Sequence[Names], marks: dict[int, bool], tree: str, side: str
) -> _Trees:
    trees = []
    for sentence, name in zip(sentences, names, strict=True):
        found = tree_of(sentence, tree, side)
        words = zip(found.heads, name[1:], found.labels, strict=True)
        trees.append([_Item(name[head], word, label, marks[word]) for head, word, label in words])
    return trees


def _by_label(gold: _Trees, system: _Trees) -> CountsByLabel:
    ours, theirs = ({it.labelled for items in side for it in items} for side in (gold, system))
    return CountsByLabel.of(*((label for _, _, label in items) for items in (ours, theirs, ours & theirs)))
