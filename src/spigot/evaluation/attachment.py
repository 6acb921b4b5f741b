"""Attachment scores of dependency trees: UAS, LAS, complete trees, with and without punctuation; CoNLL 2018's too.

The shared task of CoNLL 2018 (Zeman et al. 2018) scores all tokens, compares labels without their subtypes
(`nsubj:pass` is `nsubj`), and adds CLAS, the F1 of labelled content words. Here both sides have the same tokens, as
with gold tokenisation there; of other tokens see `aligned_attachment`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress

from spigot.data.sentence import NO_LABEL, SYNTAX, Sentence, Tree
from spigot.evaluation.counts import ZERO, Additive, Counts, CountsByLabel, ratio
from spigot.evaluation.punctuation import FORMS_RULE, PunctuationRule

_CONTENT = (
    "nsubj obj iobj csubj ccomp xcomp obl vocative expl dislocated advcl advmod discourse nmod appos nummod acl amod "
    "conj fixed flat compound list parataxis orphan goeswith reparandum root dep"
)
CONTENT = frozenset(_CONTENT.split())
"""The universal relations of content words: all but those of function words and punctuation (Nivre & Fang 2017)."""


@dataclass(frozen=True)
class AttachmentScore(Additive):
    """Counts over sentences; `AttachmentScore()` is zero.

    Words are the tokens that the punctuation rule leaves. Labels are compared whole, subtypes included, but for
    `universal_labels` and `content`.
    """

    sentences: int = 0
    tokens: int = 0
    heads: int = 0
    """Tokens with the right head."""
    labels: int = 0
    """Tokens with the right head and the right label."""
    universal_labels: int = 0
    """Tokens with the right head and the right label, subtypes left out."""
    content: Counts = ZERO
    """Content words (labels in `CONTENT`), correct with the right head and label, subtypes left out."""
    words: int = 0
    word_heads: int = 0
    word_labels: int = 0
    trees: int = 0
    """Sentences with every head right."""
    labelled_trees: int = 0
    """Sentences with every head and every label right."""
    gold_labels: int = 0
    """Gold tokens that have a label, other than "_"."""
    system_labels: int = 0
    by_label: CountsByLabel = field(default_factory=CountsByLabel)
    """For each label, the tokens that carry it; correct are those with the right head too."""

    @property
    def has_labels(self) -> bool:
        """Whether both sides have any label at all: an unlabelled parser's "_" cannot be scored."""
        return self.gold_labels > 0 and self.system_labels > 0

    @property
    def punctuation(self) -> int:
        """The number of tokens that the punctuation rule left out."""
        return self.tokens - self.words

    @property
    def uas(self) -> float:
        """Share of all tokens, punctuation included, with the right head."""
        return ratio(self.heads, self.tokens)

    @property
    def las(self) -> float | None:
        """Share of all tokens with the right head and label, or None where one side has no labels."""
        return ratio(self.labels, self.tokens) if self.has_labels else None

    @property
    def universal_las(self) -> float | None:
        """As `las`, of labels without subtypes: LAS of CoNLL 2018."""
        return ratio(self.universal_labels, self.tokens) if self.has_labels else None

    @property
    def clas(self) -> float | None:
        """F1 of content words with the right head and label; None without labels of Universal Dependencies."""
        return self.content.f1 if self.content.gold and self.system_labels else None

    @property
    def uas_without_punctuation(self) -> float:
        """As `uas`, over words."""
        return ratio(self.word_heads, self.words)

    @property
    def las_without_punctuation(self) -> float | None:
        """As `las`, over words."""
        return ratio(self.word_labels, self.words) if self.has_labels else None

    @property
    def exact_match(self) -> float:
        """Share of sentences with every head right, punctuation included."""
        return ratio(self.trees, self.sentences)

    @property
    def labelled_exact_match(self) -> float | None:
        """Share of sentences with every head and label right, or None where one side has no labels."""
        return ratio(self.labelled_trees, self.sentences) if self.has_labels else None

    @property
    def head_counts(self) -> Counts:
        """Correct heads as counts whose F1 is UAS."""
        return Counts(self.tokens, self.tokens, self.heads)

    @property
    def label_counts(self) -> Counts:
        """Correct heads and labels as counts whose F1 is LAS."""
        return Counts(self.tokens, self.tokens, self.labels)


def attachment(
    gold: Sentence, system: Sentence, punctuation: PunctuationRule = FORMS_RULE, tree: str = SYNTAX
) -> AttachmentScore:
    """Score one sentence's tree of this name; the gold side's forms and tags say what is punctuation.

    Raises ValueError if a tree is missing or the sentences differ in length.
    """
    gold_tree, system_tree = tree_of(gold, tree, "gold"), tree_of(system, tree, "system")
    if len(gold) != len(system):
        raise ValueError(f"sentence {gold.id!r}: expected {len(gold)} tokens, as in gold, got {len(system)}")
    right = [a == b for a, b in zip(gold_tree.heads, system_tree.heads, strict=True)]
    labels = list(zip(gold_tree.labels, system_tree.labels, strict=True))
    both = [head and a == b for head, (a, b) in zip(right, labels, strict=True)]
    universal = [tuple(label.partition(":")[0] for label in pair) for pair in labels]
    same = [head and a == b for head, (a, b) in zip(right, universal, strict=True)]
    word = [not punctuation.test(*token) for token in zip(gold.forms, gold.tags, strict=True)]
    return AttachmentScore(
        sentences=1,
        tokens=len(gold),
        heads=sum(right),
        labels=sum(both),
        universal_labels=sum(same),
        content=_content(universal, same),
        words=sum(word),
        word_heads=sum(a and b for a, b in zip(word, right, strict=True)),
        word_labels=sum(a and b for a, b in zip(word, both, strict=True)),
        trees=int(all(right)),
        labelled_trees=int(all(both)),
        gold_labels=sum(label != NO_LABEL for label in gold_tree.labels),
        system_labels=sum(label != NO_LABEL for label in system_tree.labels),
        by_label=CountsByLabel.of(gold_tree.labels, system_tree.labels, compress(gold_tree.labels, both)),
    )


def tree_of(sentence: Sentence, name: str, side: str) -> Tree:
    """Return the tree of this name. Raises ValueError, with the side ("gold" or "system"), if there is none."""
    if name not in sentence.trees:
        raise ValueError(f"sentence {sentence.id!r}: expected a tree on the {side} side, got none")
    return sentence.trees[name]


def _content(labels: list[tuple[str, ...]], correct: list[bool]) -> Counts:
    gold, system = ([label in CONTENT for label in side] for side in zip(*labels, strict=True))
    return Counts(sum(gold), sum(system), sum(a and b for a, b in zip(gold, correct, strict=True)))
